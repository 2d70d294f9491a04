#pragma once

#include "base/json.h"
#include "checkpoint/model_directory.h"
#include "families/decoder_spec.h"

#include <string>

namespace expandft {

/// Reads config.json into a spec, with the defaults of the transformers package. Reads both the
/// dialect of most published checkpoints and that of transformers 5; the text part of multimodal
/// models; and DeciLM as expandft writes it. An unknown family, or an unsupported field that
/// changes the arithmetic, is an input error that names the field. Fields that are not understood
/// become notices of the spec, so that no model is silently computed wrongly. `where`: the
/// file, for messages.
DecoderSpec read_spec(const Json& config, const std::string& where);

/// Reads the spec of a model directory: config.json, then the tensors (find_tensor_names,
/// check_head, name_unused_tensors). Its notices include those of an import.
DecoderSpec read_spec(const ModelDirectory& directory);

/// What was not understood in a GGUF file, beside its import: every command that reads the import
/// names it again. Writes no file if there is nothing.
void write_import_notices(const fs::path& directory, const Notices& notices);

/// The key of config.json with the widths of layers that differ (layout "remote-code").
inline constexpr const char* kLayerWidthsKey = "layer_intermediate_sizes";

/// The object of config.json that holds the decoder's sizes: "text_config" of a multimodal model,
/// else the config itself.
Json& decoder_config(Json& config);

}  // namespace expandft
