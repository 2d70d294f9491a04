#include "export/logit_difference.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// The larger number; NaN when either is NaN.
double larger(double a, double b) {
  return std::isnan(a) || a > b ? a : b;
}

}  // namespace

TokenTensors probe_tokens(const DecoderSpec& spec, at::Device device) {
  // A few tokens suffice, since each uses every weight, and checking a large model should not take
  // longer than writing it.
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
      expected->before ? fmt::format("; without it they differ by {:.2g}", *expected->before) : "";
  return fmt::format(
      "{}: {} explains it ({} {:.2g}{})", text, expected->cause,
      difference.worst <= expected->most ? "typically up to" : "unusually large: typically up to",
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
  constexpr std::int64_t kPieceNumbers = 8 << 20;  // of the head: 32 MB in fp32
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

}  // namespace expandft
