#pragma once

#include "base/json.h"
#include "checkpoint/dtype.h"
#include "checkpoint/model_directory.h"
#include "model/spec.h"

#include <string>

namespace expandft {

/// Reads config.json into a spec. Both dialects are read: rope_theta and rope_scaling as most
/// published checkpoints have them, and nested rope_parameters as transformers 5 writes them.
/// An unknown family, or a field that changes the arithmetic and is not supported, is an input
/// error that names the field: never a silent wrong answer. `where`: the file, for messages.
DecoderSpec read_spec(const Json& config, const std::string& where);

/// The same of a model directory's config.json.
DecoderSpec read_spec(const ModelDirectory& directory);

/// The dtype that config.json names ("dtype" or "torch_dtype"), float32 when it names none.
Dtype read_dtype(const Json& config, const std::string& where);

}  // namespace expandft
