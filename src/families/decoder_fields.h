#pragma once

#include "families/config_fields.h"
#include "families/family.h"
#include "families/spec.h"

namespace expandft {

/// What the fields of a decoder's config say, read as the family has them; the family's defaults
/// must be among them. Input errors for values that are not supported. Fields that it does not ask
/// for are left to judge_unread_fields.
DecoderSpec read_decoder(const ConfigFields& fields, const Family& family);

/// Input error unless is_causal is true where it is there: transformers takes all else, null
/// included, for false.
void check_causal(const ConfigFields& fields);

}  // namespace expandft
