#pragma once

#include "checkpoint/dtype.h"
#include "model/decoder.h"
#include "model/streamed_decoder.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace expandft {

// How much two models differ, measured on the logits of a few tokens.

/// Random tokens (with a fixed seed) to compare models on: 2 sequences of up to 16 tokens, each
/// starting with BOS if the model has one.
TokenTensors probe_tokens(const DecoderSpec& spec, at::Device device);
/// Logits of the probe tokens: (N, V).
at::Tensor probe_logits(const Decoder& decoder, const TokenTensors& probe);

/// Why logits may differ although nothing is wrong.
struct ExpectedDifference {
  std::string cause;                  // "rounding of the weights to bfloat16"
  double most = 0;                    // the largest difference that it typically causes
  std::optional<double> before = {};  // the difference without it, where computed
};

/// How two models' logits differ on the probe tokens.
struct LogitDifference {
  double worst = 0;        // largest absolute difference; NaN if either model has a NaN
  double scale = 0;        // largest absolute logit of the first model
  bool identical = false;  // bit for bit
  std::optional<ExpectedDifference> expected = {};
};
/// "logits differ by at most 1.2e-06 (largest logit 9.3, float32)", and what explains a difference
/// larger than the order of summation makes.
std::string describe(const LogitDifference& difference);

LogitDifference compare_logits(const at::Tensor& expected, const at::Tensor& found);
/// Logits of a part of the vocabulary, [begin, begin + count): (N, count).
using LogitsOf = std::function<at::Tensor(std::int64_t begin, std::int64_t count)>;
/// Compares expected logits with those of a model's last hidden states (N, h), one piece of the
/// vocabulary at a time: only that piece of the head is in memory.
LogitDifference compare_logits(const StreamedDecoder& model, const at::Tensor& hidden,
                               const LogitsOf& expected);

/// Half a unit in the last place of numbers near 1.
double rounding_of(Dtype dtype);
/// The difference that the order of summation alone can make in fp32, given the largest logit.
double summation_tolerance(double scale);

}  // namespace expandft
