#pragma once

#include "export/fold.h"
#include "model/decoder.h"
#include "model/streamed_decoder.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace expandft {

/// Seeded random tokens to compare models on: 2 sequences of up to 16 tokens, each starting with
/// BOS when the model has one.
TokenTensors probe_tokens(const DecoderSpec& spec, at::Device device);

/// What may make logits differ though all is right.
struct ExpectedDifference {
  std::string cause;                  // "rounding of the weights to bfloat16"
  double most = 0;                    // that is usual
  std::optional<double> before = {};  // what the logits differ by without it, where computed
};

/// How two models' logits differ on the probe tokens.
struct LogitDifference {
  double worst = 0;        // largest absolute difference
  double scale = 0;        // largest absolute logit of the first
  bool identical = false;  // bit for bit
  std::optional<ExpectedDifference> expected = {};
};
/// "logits differ by at most 1.2e-06 (largest logit 9.3, float32)"; and, where the difference is
/// one to wonder at, what explains it.
std::string describe(const LogitDifference& difference);
/// A NaN on either side makes `worst` one.
LogitDifference compare_logits(const at::Tensor& expected, const at::Tensor& found);
/// Logits of a part of the vocabulary, [begin, begin + count): (N, count).
using LogitsOf = std::function<at::Tensor(std::int64_t begin, std::int64_t count)>;
/// The same for the logits of a model's last hidden states (N, h), a piece of the vocabulary at a
/// time: no more of its head is in memory.
LogitDifference compare_logits(const StreamedDecoder& model, const at::Tensor& hidden,
                               const LogitsOf& expected);

/// Logits of the probe tokens: (N, V).
at::Tensor probe_logits(const Decoder& decoder, const TokenTensors& probe);

/// Half a unit in the last place of numbers near 1.
double rounding_of(Dtype dtype);

/// The difference that the order of summation alone makes in fp32, beside a largest logit.
double summation_tolerance(double scale);
/// Whether a fold rounds numbers of the base or of copies: not where both shares are powers of two.
bool is_rounded(const Folding& folding);
/// The difference that a fold may make when computed in fp32: the order of summation alone, and
/// where it rounds, the rounding of down in `dtype` too.
double fold_tolerance(const Folding& folding, Dtype dtype, double scale);

/// Reads a folded model that was just written and compares its logits with those of base + copies
/// in the split form, both in fp32. Throws a failure when they differ by more than fold_tolerance.
/// In memory are one layer of either and a piece of the head, whatever the models' sizes.
LogitDifference check_written(const fs::path& written, const ModelDirectory& base,
                              const Folding& folding, const NamedTensors& copies,
                              at::Device device);

/// Expands the model in its own dtype and compares its logits with the base's, layer by layer too.
/// Throws a failure unless they are identical bit for bit.
LogitDifference check_identity(const ModelDirectory& base, const ExpansionPlan& plan, Dtype dtype,
                               at::Device device);

}  // namespace expandft
