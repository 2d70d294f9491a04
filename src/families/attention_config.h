#pragma once

#include "families/config_fields.h"
#include "families/decoder_spec.h"
#include "families/family.h"

namespace expandft {

/// Sets the spec's kinds of attention and which layer has which, the scale of scores, the layers
/// that share keys and values, and the layers' own inputs. Input errors for values that are not
/// supported. The spec's sizes must be set.
void read_attention(const ConfigFields& fields, const Family& family, DecoderSpec& spec);

}  // namespace expandft
