#include "export/verification.h"

#include "base/error.h"
#include "families/tensor_names.h"
#include "model/tensors.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// Hidden states of the base with its MLPs in the split form; each copy is passed through `ready`.
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

/// Throws a failure when logits differ by more than is allowed.
void check_difference(double worst, double allowed, double scale, const char* when,
                      const fs::path& written) {
  if (std::isfinite(worst) && worst <= allowed) return;
  throw failure(fmt::format("the written model does not compute what was trained{}: logits differ "
                            "by up to {:.3g}, expected at most {:.3g} (largest logit {:.3g})",
                            when, worst, allowed, scale),
                written.string(),
                "nothing was written; check that the weights are finite, then report this");
}

/// Why a model stored in one dtype differs from the one in memory.
std::string rounding_causes(Dtype stored, Dtype computed) {
  std::string text = fmt::format("rounding of the weights to {}", config_name(stored));
  if (computed != Dtype::kF32) text += fmt::format(" and computing in {}", config_name(computed));
  return text;
}

}  // namespace

bool is_rounded(const Folding& folding) {
  const auto exact = [](double share) { return share == 0 || is_power_of_two(share); };
  const bool mixed = folding.plan.trains_originals() && folding.strength != Strength(1);
  return mixed || std::ranges::any_of(folding.plan.layers, [&](std::int64_t layer) {
           return !exact(base_share(folding, layer)) || !exact(copy_share(folding, layer));
         });
}

double fold_tolerance(const Folding& folding, Dtype dtype, double scale) {
  // Half a unit in the last place of each weight of down, amplified by the layers. The factors
  // allow about ten times what is observed on real and random models.
  const double rounding = is_rounded(folding) ? 8 * rounding_of(dtype) : 0.0;
  return summation_tolerance(scale) + std::max(scale, 1.0) * rounding;
}

LogitDifference difference_to_split(const ReadableModel& model, const ModelDirectory& base,
                                    const Folding& folding, const NamedTensors& copies,
                                    at::Device device) {
  const Dtype dtype = base.tensor(find_tensor_names(base).embedding()).dtype;
  const StreamedDecoder split(base, at::kFloat, device),
      merged(model.files, at::kFloat, device, model.tensors);
  if (merged.spec().vocab != split.spec().vocab || merged.spec().hidden != split.spec().hidden) {
    throw failure("the merged model's embedding does not have the size of the base's",
                  base.path().string(), "nothing was written; report this");
  }
  const TokenTensors probe = probe_tokens(split.spec(), device);
  const at::Tensor expected = split_hidden(
      split, folding.plan, copies, folding.strength, probe, [&](const at::Tensor& copy) {
        // Rounded to the base's dtype, as in an adapter.
        return copy.to(scalar_type(dtype)).to(device, at::kFloat);
      });
  return compare_logits(merged, merged.hidden(probe), [&](std::int64_t begin, std::int64_t count) {
    return split.logits(expected, begin, count);
  });
}

LogitDifference check_written(const ReadableModel& written, const ModelDirectory& base,
                              const Folding& folding, const NamedTensors& copies,
                              at::Device device) {
  const Dtype dtype = base.tensor(find_tensor_names(base).embedding()).dtype;
  LogitDifference difference = difference_to_split(written, base, folding, copies, device);
  const double tolerance = fold_tolerance(folding, dtype, difference.scale);
  if (!std::isfinite(difference.worst) || difference.worst > tolerance) {
    throw failure(
        fmt::format("the merged model does not compute what base and copies do: logits "
                    "differ by up to {:.3g}, expected at most {:.3g} (largest logit {:.3g})",
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

LogitDifference check_written(const fs::path& written, const ModelDirectory& base,
                              const Folding& folding, const NamedTensors& copies,
                              at::Device device) {
  const ModelDirectory files = ModelDirectory::open(written);
  return check_written(ReadableModel{files}, base, folding, copies, device);
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

LogitDifference difference_to_decoder(const ReadableModel& model, const Decoder& decoder) {
  const c10::NoGradGuard no_grad;
  const TokenTensors probe = probe_tokens(decoder.spec(), decoder.device());
  const at::Tensor expected = probe_logits(decoder, probe).to(at::kFloat);
  const StreamedDecoder read(model.files, at::kFloat, decoder.device(), model.tensors);
  return compare_logits(read, read.hidden(probe), [&](std::int64_t begin, std::int64_t count) {
    return expected.narrow(1, begin, count);
  });
}

LogitDifference check_tuned(const ReadableModel& written, const ModelDirectory& base,
                            const Decoder& decoder, const std::vector<LayerOrigin>& layers) {
  const c10::NoGradGuard no_grad;
  const ModelDirectory& files = written.files;
  const TokenTensors probe = probe_tokens(decoder.spec(), decoder.device());
  const at::Tensor trained = probe_logits(decoder, probe).to(at::kFloat);
  const LogitsOf of_trained = [&](std::int64_t begin, std::int64_t count) {
    return trained.narrow(1, begin, count);
  };
  const auto with = [&](const WeightLoader::Replacement& replacement) {
    return StreamedDecoder(files, at::kFloat, decoder.device(), [&, replacement](const auto& name) {
      const at::Tensor other = replacement ? replacement(name) : at::Tensor();
      return other.defined() || !written.tensors ? other : written.tensors(name);
    });
  };
  const StreamedDecoder model = with({});
  const at::Tensor hidden = model.hidden(probe);
  LogitDifference difference = compare_logits(model, hidden, of_trained);
  const Dtype stored = base.tensor(decoder.spec().names.embedding()).dtype;
  const Dtype computed = dtype_of(decoder.dtype());
  // Twice the difference of healthy float16 LoRA runs, whose merged weights are rounded once more.
  const auto most = [&](double rounding) {
    return summation_tolerance(difference.scale) + std::max(difference.scale, 1.0) * 16 * rounding;
  };
  const double tolerance = most(std::max(rounding_of(stored), rounding_of(computed)));
  if (difference.worst <= summation_tolerance(difference.scale)) return difference;

  // Rounding must explain the difference: the weights before rounding must compute what was
  // trained, and the same weights rounded in memory must compute what the files do.
  const std::map<std::string, MakeTensor> changed = changed_tensors(base, decoder, layers);
  const auto unrounded = [&](const std::string& name) {
    const auto found = changed.find(name);
    return found == changed.end() ? at::Tensor() : found->second();
  };
  const StreamedDecoder exact = with(unrounded),
                        rounded = with([&](const std::string&name) {
                          const at::Tensor tensor = unrounded(name);
                          return tensor.defined() ? tensor.to(scalar_type(files.tensor(name).dtype))
                                                  : tensor;
                        });
  const LogitDifference before = compare_logits(exact, exact.hidden(probe), of_trained);
  check_difference(before.worst, most(rounding_of(computed)), before.scale,
                   ", even before its weights are rounded", files.path());
  const at::Tensor rounded_hidden = rounded.hidden(probe);
  const LogitDifference rest =
      compare_logits(model, hidden, [&](std::int64_t begin, std::int64_t count) {
        return rounded.logits(rounded_hidden, begin, count);
      });
  check_difference(rest.worst, summation_tolerance(rest.scale), rest.scale,
                   ", rounded as its files are", files.path());
  difference.expected = {
      .cause = rounding_causes(stored, computed), .most = tolerance, .before = before.worst};
  return difference;
}

LogitDifference check_tuned(const fs::path& written, const ModelDirectory& base,
                            const Decoder& decoder, const std::vector<LayerOrigin>& layers) {
  const ModelDirectory files = ModelDirectory::open(written);
  return check_tuned(ReadableModel{files}, base, decoder, layers);
}

}  // namespace expandft
