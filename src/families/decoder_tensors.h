#pragma once

#include "checkpoint/model_directory.h"
#include "families/spec.h"

namespace expandft {

/// The names that a model directory's tensors have.
TensorNames find_tensor_names(const ModelDirectory& directory);

/// Whether the head is the embedding. As in transformers a head in the file that is another counts,
/// whatever the config says: a notice. One that is neither tied nor there is an input error, where
/// transformers makes one up. spec.names must be there.
void check_head(const ModelDirectory& directory, DecoderSpec& spec);

/// A notice of the tensors that belong neither to the decoder nor to what makes embeddings of
/// images: loading does not look at them.
void name_unused_tensors(const ModelDirectory& directory, DecoderSpec& spec);

}  // namespace expandft
