#pragma once

#include "expansion/fold.h"
#include "model/decoder.h"

#include <cstdint>

namespace expandft {

/// Seeded random tokens to compare models on: 4 sequences of up to 32 tokens, each starting with
/// BOS when the model has one.
TokenTensors probe_tokens(const DecoderSpec& spec, at::Device device);

/// How two models' logits differ on the probe tokens.
struct LogitDifference {
  double worst = 0;        // largest absolute difference
  double scale = 0;        // largest absolute logit of the first
  bool identical = false;  // bit for bit
};
LogitDifference compare_logits(const at::Tensor& expected, const at::Tensor& found);

/// Logits of the probe tokens: (N, V).
at::Tensor probe_logits(const Decoder& decoder, const TokenTensors& probe);

/// The difference that a fold may make when computed in fp32: the order of summation alone when
/// both shares are powers of two; else the rounding of down in `dtype` too.
double fold_tolerance(const Folding& folding, Dtype dtype, double scale);

/// Throws a failure when the difference is not finite or exceeds `tolerance`.
void require_same_function(const LogitDifference& difference, double tolerance,
                           const std::string& what);

}  // namespace expandft
