#pragma once

#include "base/json.h"
#include "families/config_fields.h"
#include "families/decoder_spec.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

// DeciLM ("nemotron-nas"): Llama with an MLP width for each layer, told by config.json's
// block_configs. llama.cpp and vLLM know it. A width p is stated as a factor of the hidden size h,
// from which readers get it back: p = int(2 · ffn_mult · h / 3), rounded up to a multiple of 256.

inline constexpr const char* kDeciModelType = "nemotron-nas";

/// The next multiple of 256, which a width of DeciLM's has to be.
std::int64_t deci_width(std::int64_t at_least);
/// A factor that stands for `width` (a multiple of 256), and the width that one stands for; NaN,
/// factors that are not positive, and those above 2³¹ give 0.
double deci_factor(std::int64_t width, std::int64_t hidden);
std::int64_t deci_factor_width(double ffn_mult, std::int64_t hidden);

/// What keeps a model from being written as DeciLM, as "biases of attention": arithmetic that
/// DeciLM's readers do not have. Empty when nothing does.
std::string deci_obstacle(const DecoderSpec& spec);
/// config.json of a Llama-like model as DeciLM's, with a width (a multiple of 256) for each layer.
Json deci_config(const Json& base_config, const DecoderSpec& spec,
                 const std::vector<std::int64_t>& widths);

/// Each layer's width, from block_configs. Blocks without attention or MLP, with a linear layer in
/// the place of one, or with another number of key-value heads are refused.
std::vector<std::int64_t> read_block_widths(const ConfigFields& fields, const DecoderSpec& spec);

}  // namespace expandft
