#pragma once

#include "export/assembled_model.h"
#include "export/fold.h"
#include "export/logit_difference.h"
#include "export/tuned_directory.h"
#include "model/decoder.h"

#include <vector>

namespace expandft {

// Proofs that a model which was just made or written computes what it should. Each compares logits
// and throws a failure when they differ by more than is expected.

/// Whether a fold rounds numbers of the base or of copies: yes unless both shares are powers of
/// two.
bool is_rounded(const Folding& folding);
/// The largest difference that a fold may make when computed in fp32: the order of summation and,
/// if it rounds, the rounding of down in `dtype`. `scale` is the largest logit.
double fold_tolerance(const Folding& folding, Dtype dtype, double scale);

/// How the logits of a merged model, read in fp32, differ from those of base + copies in the split
/// form in fp32.
LogitDifference difference_to_split(const ReadableModel& merged, const ModelDirectory& base,
                                    const Folding& folding, const NamedTensors& copies,
                                    at::Device device);

/// Reads a merged model that was just written and compares its logits with those of base + copies
/// in the split form, both in fp32; fold_tolerance is allowed. Keeps only one layer of each model
/// and a piece of the head in memory.
LogitDifference check_written(const ReadableModel& written, const ModelDirectory& base,
                              const Folding& folding, const NamedTensors& copies,
                              at::Device device);
/// The same of a directory.
LogitDifference check_written(const fs::path& written, const ModelDirectory& base,
                              const Folding& folding, const NamedTensors& copies,
                              at::Device device);

/// Expands the model in its own dtype and compares its logits with the base's: they must be
/// identical bit for bit. Keeps only one layer in memory.
LogitDifference check_identity(const ModelDirectory& base, const ExpansionPlan& plan, Dtype dtype,
                               at::Device device);

/// Reads a model that write_tuned wrote with these arguments and compares its logits with the
/// decoder's. A visible difference is a failure unless rounding alone explains it: the weights
/// before rounding have the decoder's logits, within the rounding of its dtype, and the weights
/// rounded in memory have the files' logits. `expected` then names that rounding and how much
/// it typically causes.
LogitDifference check_tuned(const ReadableModel& written, const ModelDirectory& base,
                            const Decoder& decoder, const std::vector<LayerOrigin>& layers);
LogitDifference check_tuned(const fs::path& written, const ModelDirectory& base,
                            const Decoder& decoder, const std::vector<LayerOrigin>& layers);

/// How the logits of a model, read in fp32, differ from a decoder's.
LogitDifference difference_to_decoder(const ReadableModel& model, const Decoder& decoder);

}  // namespace expandft
