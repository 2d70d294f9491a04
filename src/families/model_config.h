#pragma once

#include "base/json.h"
#include "checkpoint/model_directory.h"
#include "families/decoder_spec.h"

#include <string>

namespace expandft {

/// Reads config.json into a spec, with the defaults of the transformers package. Both dialects are
/// read: as most published checkpoints have them, and as transformers 5 writes them. Of a
/// multimodal Gemma 3 the text part is read; DeciLM is read as far as expandft writes it. An
/// unknown family, or a field that changes the arithmetic and is not supported, is an input error
/// that names the field; what is not understood is among the spec's notices: never a silent wrong
/// answer. `where`: the file, for messages.
DecoderSpec read_spec(const Json& config, const std::string& where);

/// The same of a model directory's config.json, with the names that its tensors have, and what they
/// say of the head: check_head and name_unused_tensors.
DecoderSpec read_spec(const ModelDirectory& directory);

/// Where config.json holds the widths of layers that differ (layout "remote-code").
inline constexpr const char* kLayerWidthsKey = "layer_intermediate_sizes";

/// The object of config.json that holds the decoder's sizes: "text_config" of a multimodal model,
/// else the config itself.
Json& decoder_config(Json& config);

}  // namespace expandft
