#include "export/verification.h"

#include "base/error.h"
#include "families/model_config.h"
#include "families/tensor_names.h"
#include "model/tensors.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// The larger; a NaN when either is one.
double larger(double a, double b) {
  return std::isnan(a) || a > b ? a : b;
}

/// Hidden states of the base with its MLPs in the split form, each copy as `ready` makes it.
at::Tensor split_hidden(const StreamedDecoder& base, const ExpansionPlan& plan,
                        const NamedTensors& copies, const Strength& strength,
                        const TokenTensors& probe,
                        const std::function<at::Tensor(const at::Tensor&)>& ready) {
  const std::map<std::string, at::Tensor> by_name(copies.begin(), copies.end());
  const Activation activation = base.spec().activation;
  return base.hidden(probe,
                     [&](std::int64_t layer, const MlpWeights& weights) -> std::unique_ptr<Mlp> {
                       if (!plan.grows(layer)) {
                         return std::make_unique<DenseMlp>(weights, activation);
                       }
                       auto mlp = expanded_mlp(layer, weights, plan, by_name, activation, ready);
                       mlp->set_strength(strength.at(layer, base.spec().layers));
                       return mlp;
                     });
}

}  // namespace

TokenTensors probe_tokens(const DecoderSpec& spec, at::Device device) {
  // Few tokens: every weight takes part in each, and a large model's check should not outlast the
  // writing.
  constexpr std::int64_t kSequences = 2, kLength = 16;
  std::mt19937_64 random(20260101);
  TokenBatch batch;
  batch.offsets.assign(1, 0);
  for (std::int64_t i = 0; i < kSequences; ++i) {
    Example example;
    const std::int64_t length = std::min(kLength, spec.max_positions);
    for (std::int64_t t = 0; t < length; ++t) {
      example.tokens.push_back(
          static_cast<TokenId>(random() % static_cast<std::uint64_t>(spec.vocab)));
    }
    if (spec.bos && *spec.bos < spec.vocab) example.tokens[0] = static_cast<TokenId>(*spec.bos);
    example.learned.assign(example.tokens.size(), 1);
    batch.append(example);
  }
  return to_device(batch, device);
}

std::string describe(const LogitDifference& difference) {
  const std::string text =
      fmt::format("logits differ by at most {:.2g} (largest logit {:.1f}, float32)",
                  difference.worst, difference.scale);
  const auto& expected = difference.expected;
  if (!expected || difference.worst <= summation_tolerance(difference.scale)) return text;
  const std::string before =
      expected->before ? fmt::format("; before it they differ by {:.2g}", *expected->before) : "";
  return fmt::format("{}: {} explains it ({} {:.2g} is expected{})", text, expected->cause,
                     difference.worst <= expected->most ? "up to" : "though no more than",
                     expected->most, before);
}

LogitDifference compare_logits(const at::Tensor& expected, const at::Tensor& found) {
  const at::Tensor a = expected.to(at::kCPU).contiguous(), b = found.to(at::kCPU).contiguous();
  LogitDifference out;
  out.worst = (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
  out.scale = a.to(at::kDouble).abs().max().item<double>();
  out.identical = a.scalar_type() == b.scalar_type() && a.nbytes() == b.nbytes() &&
                  std::memcmp(a.data_ptr(), b.data_ptr(), a.nbytes()) == 0;
  return out;
}

LogitDifference compare_logits(const StreamedDecoder& model, const at::Tensor& hidden,
                               const LogitsOf& expected) {
  constexpr std::int64_t kPieceNumbers = 8 << 20;  // of a head: 32 MB in fp32
  const DecoderSpec& spec = model.spec();
  const std::int64_t step = std::max<std::int64_t>(1, kPieceNumbers / spec.hidden);
  LogitDifference all{.identical = true};
  for (std::int64_t begin = 0; begin < spec.vocab; begin += step) {
    const std::int64_t count = std::min(step, spec.vocab - begin);
    const LogitDifference piece =
        compare_logits(expected(begin, count), model.logits(hidden, begin, count));
    all.worst = larger(all.worst, piece.worst);
    all.scale = larger(all.scale, piece.scale);
    all.identical = all.identical && piece.identical;
  }
  return all;
}

at::Tensor probe_logits(const Decoder& decoder, const TokenTensors& probe) {
  const c10::NoGradGuard no_grad;
  return decoder.logits(decoder.hidden(probe));
}

double rounding_of(Dtype dtype) {
  return dtype == Dtype::kBF16  ? std::ldexp(1.0, -8)
         : dtype == Dtype::kF16 ? std::ldexp(1.0, -11)
                                : std::ldexp(1.0, -24);
}

double summation_tolerance(double scale) {
  return std::max(scale, 1.0) * 1e-4;
}

bool is_rounded(const Folding& folding) {
  const auto exact = [](double share) { return share == 0 || is_power_of_two(share); };
  const bool mixed = folding.plan.trains_originals() && folding.strength != Strength(1);
  return mixed || std::ranges::any_of(folding.plan.layers, [&](std::int64_t layer) {
           return !exact(base_share(folding, layer)) || !exact(copy_share(folding, layer));
         });
}

double fold_tolerance(const Folding& folding, Dtype dtype, double scale) {
  // Half a unit in the last place of each weight of down, grown through the layers: the factors
  // leave room of about ten times what is seen on real and random models.
  const double rounding = is_rounded(folding) ? 8 * rounding_of(dtype) : 0.0;
  return summation_tolerance(scale) + std::max(scale, 1.0) * rounding;
}

LogitDifference check_written(const fs::path& written, const ModelDirectory& base,
                              const Folding& folding, const NamedTensors& copies,
                              at::Device device) {
  const Dtype dtype = base.tensor(find_tensor_names(base).embedding()).dtype;
  const ModelDirectory merged_files = ModelDirectory::open(written);
  const StreamedDecoder split(base, at::kFloat, device), merged(merged_files, at::kFloat, device);
  if (merged.spec().vocab != split.spec().vocab || merged.spec().hidden != split.spec().hidden) {
    throw failure("the merged model's embedding has another size than the base's",
                  base.path().string(), "nothing was written; report this");
  }
  const TokenTensors probe = probe_tokens(split.spec(), device);
  const at::Tensor expected = split_hidden(
      split, folding.plan, copies, folding.strength, probe, [&](const at::Tensor& copy) {
        // As an adapter holds it: rounded to the base's dtype.
        return copy.to(scalar_type(dtype)).to(device, at::kFloat);
      });
  LogitDifference difference = compare_logits(
      merged, merged.hidden(probe),
      [&](std::int64_t begin, std::int64_t count) { return split.logits(expected, begin, count); });
  const double tolerance = fold_tolerance(folding, dtype, difference.scale);
  if (!std::isfinite(difference.worst) || difference.worst > tolerance) {
    throw failure(fmt::format("the merged model does not compute what base and copies do: logits "
                              "differ by up to {:.3g}; allowed are {:.3g} (largest logit {:.3g})",
                              difference.worst, tolerance, difference.scale),
                  base.path().string(),
                  "nothing was written; check that the weights are finite, then report this");
  }
  if (is_rounded(folding) && dtype != Dtype::kF32) {
    difference.expected = {
        .cause = fmt::format("rounding of the MLPs' shares to {}", config_name(dtype)),
        .most = tolerance};
  }
  return difference;
}

LogitDifference check_identity(const ModelDirectory& base, const ExpansionPlan& plan, Dtype dtype,
                               at::Device device) {
  const StreamedDecoder decoder(base, scalar_type(dtype), device);
  const TokenTensors probe = probe_tokens(decoder.spec(), device);
  const at::Tensor grown = split_hidden(decoder, plan, initial_tensors(base, decoder.spec(), plan),
                                        1.0, probe, [&](const at::Tensor& copy) {
                                          return copy.to(device, scalar_type(dtype),
                                                         /*non_blocking=*/false, /*copy=*/true);
                                        });
  const at::Tensor expected = decoder.hidden(probe);
  const LogitDifference difference =
      compare_logits(decoder, grown, [&](std::int64_t begin, std::int64_t count) {
        return decoder.logits(expected, begin, count);
      });
  if (!difference.identical) {
    throw failure(fmt::format("the expanded model is not the base bit for bit: logits differ by up "
                              "to {:.3g} (largest logit {:.3g})",
                              difference.worst, difference.scale),
                  base.path().string(), "check that the weights are finite, then report this");
  }
  return difference;
}

}  // namespace expandft
