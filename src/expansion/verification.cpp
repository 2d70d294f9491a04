#include "expansion/verification.h"

#include "base/error.h"
#include "model/families.h"
#include "model/tensors.h"

#include <cmath>
#include <cstring>
#include <random>

#include <spdlog/fmt/fmt.h>

namespace expandft {

TokenTensors probe_tokens(const DecoderSpec& spec, at::Device device) {
  constexpr std::int64_t kSequences = 4, kLength = 32;
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
  return fmt::format("logits differ by at most {:.1e} (largest logit {:.1f}, float32)",
                     difference.worst, difference.scale);
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

at::Tensor probe_logits(const Decoder& decoder, const TokenTensors& probe) {
  const c10::NoGradGuard no_grad;
  return decoder.logits(decoder.hidden(probe));
}

double fold_tolerance(const Folding& folding, Dtype dtype, double scale) {
  const auto exact = [](double share) { return share == 0 || is_power_of_two(share); };
  const bool rounded = !exact(base_share(folding)) || !exact(copy_share(folding));
  // Half a unit in the last place of each weight of down, grown through the layers: the factors
  // leave room of about ten times what is seen on real and random models.
  const double epsilon = dtype == Dtype::kBF16  ? std::ldexp(1.0, -8)
                         : dtype == Dtype::kF16 ? std::ldexp(1.0, -11)
                                                : std::ldexp(1.0, -24);
  return std::max(scale, 1.0) * (1e-4 + (rounded ? 8 * epsilon : 0.0));
}

LogitDifference check_written(const fs::path& written, const ModelDirectory& base,
                              const Folding& folding, const CopyTensors& copies,
                              at::Device device) {
  const Dtype dtype = base.tensor(find_tensor_names(base).embedding()).dtype;
  CopyTensors stored;  // as an adapter holds them: rounded to the base's dtype
  for (const auto& [name, tensor] : copies) {
    stored.emplace_back(name, tensor.detach().to(scalar_type(dtype)));
  }
  at::Tensor expected;
  {
    Decoder decoder = Decoder::load(base, at::kFloat, device);
    expand(decoder, folding.plan, stored, at::kFloat).set_strength(folding.strength);
    expected = probe_logits(decoder, probe_tokens(decoder.spec(), device));
  }
  const Decoder merged = Decoder::load(ModelDirectory::open(written), at::kFloat, device);
  const LogitDifference difference =
      compare_logits(expected, probe_logits(merged, probe_tokens(merged.spec(), device)));
  const double tolerance = fold_tolerance(folding, dtype, difference.scale);
  if (!std::isfinite(difference.worst) || difference.worst > tolerance) {
    throw failure(fmt::format("the merged model does not compute what base and copies do: logits "
                              "differ by up to {:.3g}; allowed are {:.3g} (largest logit {:.3g})",
                              difference.worst, tolerance, difference.scale),
                  base.path().string(),
                  "nothing was written; check that the weights are finite, then report this");
  }
  return difference;
}

LogitDifference check_identity(const ModelDirectory& base, const ExpansionPlan& plan, Dtype dtype,
                               at::Device device) {
  Decoder decoder = Decoder::load(base, scalar_type(dtype), device);
  const TokenTensors probe = probe_tokens(decoder.spec(), device);
  const at::Tensor expected = probe_logits(decoder, probe);
  expand(decoder, plan, original_copies(base, decoder.spec(), plan), scalar_type(dtype));
  const LogitDifference difference = compare_logits(expected, probe_logits(decoder, probe));
  if (!difference.identical) {
    throw failure(fmt::format("the expanded model is not the base bit for bit: logits differ by up "
                              "to {:.3g} (largest logit {:.3g})",
                              difference.worst, difference.scale),
                  base.path().string(), "check that the weights are finite, then report this");
  }
  return difference;
}

}  // namespace expandft
