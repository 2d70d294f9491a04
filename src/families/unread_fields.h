#pragma once

#include "families/config_fields.h"
#include "families/decoder_spec.h"

#include <string>

namespace expandft {

/// What becomes of the fields of a config.json that nothing asked for. Those that say nothing
/// (null, false, "", [], {}) and those known to change nothing pass. Those known to change what a
/// model computes are input errors that name them. Dropout above 0 is a training notice. All else,
/// and what is known but of the wrong type, is a notice: nobody here knows what it means.
void judge_unread_fields(const ConfigFields& fields, DecoderSpec& spec);

/// Whether a value says nothing: null, false, "", [] or {}.
bool says_nothing(const Json& value);

}  // namespace expandft
