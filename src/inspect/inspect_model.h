#pragma once

#include "base/files.h"
#include "base/json.h"
#include "base/notice.h"

namespace expandft {

// What a model or an adapter is, as JSON. Of weights only the headers are read.

/// A checkpoint, merged by expandft or not: {"kind": "model" or "merged model", family, sizes,
/// dtypes, parameters by part, tokenizer, and where it loads}. A family that expandft cannot
/// compute is described as far as its files go.
Json inspect_model(const fs::path& directory);

/// A GGUF file, of which only the header is read: {"kind": "GGUF file", …}. What expandft cannot
/// import is described as far as its header goes.
Json inspect_gguf(const fs::path& file);

/// An adapter, expandft's own or a PEFT LoRA: {"kind": "adapter", …}.
Json inspect_adapter(const fs::path& directory);

/// Notices of config.json and the tokenizer; none of what cannot be read, which inspect_model says.
Notices model_notices(const fs::path& directory);

}  // namespace expandft
