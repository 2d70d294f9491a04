#pragma once

#include "base/json.h"
#include "families/config_fields.h"
#include "families/decoder_spec.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

// DeciLM ("nemotron-nas"): Llama with its own MLP width for each layer, which llama.cpp and vLLM
// can run. block_configs of config.json states a width p as a factor of the hidden size h: p =
// int(2 · ffn_mult · h / 3), rounded up to a multiple of 256.

inline constexpr const char* kDeciModelType = "nemotron-nas";

/// Rounds up to a multiple of 256, as widths of DeciLM must be.
std::int64_t deci_width(std::int64_t at_least);
/// The factor that states `width` (a multiple of 256), and the width that a factor states; 0 if
/// that is not between 1 and 2³¹, or the factor is NaN.
double deci_factor(std::int64_t width, std::int64_t hidden);
std::int64_t deci_factor_width(double ffn_mult, std::int64_t hidden);

/// Why a model cannot be written as DeciLM: the arithmetic that DeciLM does not have ("biases").
/// Empty if it can.
std::string deci_obstacle(const DecoderSpec& spec);
/// The config.json of a Llama-like model turned into DeciLM's, with a width (a multiple of 256) for
/// each layer.
Json deci_config(const Json& base_config, const DecoderSpec& spec,
                 const std::vector<std::int64_t>& widths);

/// Each layer's width, from block_configs. Input error for blocks without attention or MLP, with a
/// linear layer instead of one, or with another number of key-value heads.
std::vector<std::int64_t> read_block_widths(const ConfigFields& fields, const DecoderSpec& spec);

}  // namespace expandft
