#pragma once

#include "base/json.h"
#include "base/notice.h"

#include <string>

namespace expandft {

/// Checks the fields of a tokenizer_config.json by what they do in AutoTokenizer of transformers
/// 5.24. (read_tokenizer_config reads those that name tokens and classes.) Input errors: a flag
/// that is neither true nor false, and an unsupported value that changes ids or text. Notices:
/// fields that are not known, or may not do what they seem to.
Notices check_tokenizer_fields(const Json& config, const std::string& file);

}  // namespace expandft
