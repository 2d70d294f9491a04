#pragma once

#include "base/json.h"
#include "base/notice.h"

#include <string>

namespace expandft {

/// Looks at every field of a tokenizer_config.json as AutoTokenizer of transformers 5.24 does, but
/// for those that name tokens and classes, which read_tokenizer_config reads. Input errors: a flag
/// that is neither true nor false, and a value that changes ids or text and is not supported.
/// Notices: fields that are not known, or may not do what they seem to.
Notices check_tokenizer_fields(const Json& config, const std::string& file);

}  // namespace expandft
