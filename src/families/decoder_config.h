#pragma once

#include "families/config_fields.h"
#include "families/decoder_spec.h"
#include "families/family.h"

#include <string_view>

namespace expandft {

/// The family's defaults, overridden by `more` (JSON, of a wrapper) and then by the fields of
/// `config`, with other names of a field replaced by the field's.
ConfigFields with_defaults(const ConfigFields& config, const Family& family,
                           std::string_view more = "{}");

/// Reads the fields of a decoder, with the defaults of its family filled in. Input errors for
/// values that are not supported. Fields it does not read are left to judge_unread_fields.
DecoderSpec read_decoder(const ConfigFields& fields, const Family& family);

/// Input error unless is_causal is true or absent: transformers takes every other value, even null,
/// for false.
void check_causal(const ConfigFields& fields);

}  // namespace expandft
