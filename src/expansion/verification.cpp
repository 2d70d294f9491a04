#include "expansion/verification.h"

#include "base/error.h"

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
  const auto exact = [](double share) {
    int exponent = 0;
    return share == 0 || std::frexp(share, &exponent) == 0.5;
  };
  const bool rounded = !exact(base_share(folding)) || !exact(copy_share(folding));
  // Half a unit in the last place of each weight of down, grown through the layers: the factors
  // leave room of about ten times what is seen on real and random models.
  const double epsilon = dtype == Dtype::kBF16  ? std::ldexp(1.0, -8)
                         : dtype == Dtype::kF16 ? std::ldexp(1.0, -11)
                                                : std::ldexp(1.0, -24);
  return std::max(scale, 1.0) * (1e-4 + (rounded ? 8 * epsilon : 0.0));
}

void require_same_function(const LogitDifference& difference, double tolerance,
                           const std::string& what) {
  if (std::isfinite(difference.worst) && difference.worst <= tolerance) return;
  throw failure(fmt::format("{} does not compute what it must: logits differ by up to {:.3g}, "
                            "allowed are {:.3g} (largest logit {:.3g})",
                            what, difference.worst, tolerance, difference.scale),
                {}, "nothing was written; please report this with the model's config.json");
}

}  // namespace expandft
