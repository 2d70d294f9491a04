#pragma once

#include "families/config_fields.h"
#include "families/decoder_spec.h"

#include <string>

namespace expandft {

/// Judges the fields of config.json that were not read. Empty values (null, false, "", [], {}) and
/// fields known to have no effect pass. Fields known to change what a model computes are input
/// errors. Dropout above 0 becomes a training notice. Unknown fields, and known ones of the wrong
/// type, become notices.
void judge_unread_fields(const ConfigFields& fields, DecoderSpec& spec);

/// Whether a value is null, false, "", [] or {}.
bool says_nothing(const Json& value);

}  // namespace expandft
