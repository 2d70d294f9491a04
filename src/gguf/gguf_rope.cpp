#include "gguf/gguf_rope.h"

#include "base/error.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace expandft {
namespace {

std::int64_t head_dim(const Json& config) {
  return config.value("head_dim", config.at("hidden_size").get<std::int64_t>() /
                                      config.at("num_attention_heads").get<std::int64_t>());
}

void add_long_rope(GgufKeys& keys, Json& config) {
  const auto factors = [&](const char* name) {
    const auto found = keys.file().tensors().find(name);
    if (found == keys.file().tensors().end() || found->second.type != GgufType::kF32) {
      throw input_error("no such tensor of type F32, which LongRoPE needs",
                        keys.file().path().string() + ": tensor \"" + name + "\"",
                        "get the model from another source, or converted again");
    }
    std::vector<float> values(static_cast<std::size_t>(found->second.elements()));
    dequantize(GgufType::kF32, found->second.bytes, values);
    Json list = Json::array();
    for (const float value : values) {
      if (!std::isfinite(value)) {
        throw input_error("found a number that is not finite",
                          keys.file().path().string() + ": tensor \"" + name + "\"", kDamagedGguf);
      }
      list.push_back(as_written(static_cast<double>(value)));
    }
    return list;
  };
  const std::int64_t original = keys.size("rope.scaling.original_context_length");
  config["original_max_position_embeddings"] = original;
  config["rope_scaling"] = {{"type", "longrope"},
                            {"long_factor", factors("rope_factors_long.weight")},
                            {"short_factor", factors("rope_factors_short.weight")}};
  // transformers computes this factor from the two lengths, as llama.cpp's converter did.
  const auto context = config["max_position_embeddings"].get<double>();
  const double ratio = context / static_cast<double>(original);
  const double expected =
      ratio <= 1 ? 1 : std::sqrt(1 + std::log(ratio) / std::log(static_cast<double>(original)));
  const auto stated = keys.number("rope.scaling.attn_factor");
  if (stated && std::abs(*stated - expected) > 1e-4) {
    config["rope_scaling"]["attention_factor"] = *stated;
  }
}

/// llama.cpp's converter writes Llama 3's rule as one factor for each frequency. Of the rule's four
/// numbers only `factor` varies between published models.
void add_llama3_rope(const GgufKeys& keys, Json& config) {
  const auto found = keys.file().tensors().find("rope_freqs.weight");
  if (found == keys.file().tensors().end()) return;
  const std::string where = keys.file().path().string() + ": tensor \"rope_freqs.weight\"";
  constexpr double kLow = 1, kHigh = 4, kOriginal = 8192;
  const std::int64_t dim = head_dim(config);
  const double theta = config.value("rope_theta", 10000.0);
  if (found->second.type != GgufType::kF32 || found->second.elements() != dim / 2) {
    throw input_error("expected " + std::to_string(dim / 2) + " numbers of type F32", where);
  }
  std::vector<float> factors(static_cast<std::size_t>(dim / 2));
  dequantize(GgufType::kF32, found->second.bytes, factors);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (!(factors[i] > 0) || !std::isfinite(factors[i])) {
      throw input_error("factor " + std::to_string(i) + " is " + std::to_string(factors[i]) +
                            ", expected a number above 0",
                        where, kDamagedGguf);
    }
  }
  const double factor = std::round(static_cast<double>(std::ranges::max(factors)) * 1024) / 1024;
  if (factor == 1 && std::ranges::min(factors) == 1) return;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const double frequency =
        std::pow(theta, -2.0 * static_cast<double>(i) / static_cast<double>(dim));
    const double wavelength = 2 * std::numbers::pi / frequency;
    const double smooth = std::clamp((kOriginal / wavelength - kLow) / (kHigh - kLow), 0.0, 1.0);
    const double expected = 1 / ((1 - smooth) / factor + smooth);
    if (std::abs(static_cast<double>(factors[i]) - expected) > 1e-3 * expected) {
      throw input_error("factor " + std::to_string(i) + " is " + std::to_string(factors[i]) +
                            "; Llama 3's rule (low 1, high 4, 8192 positions) gives " +
                            std::to_string(expected),
                        where, "only RoPE scaled by Llama 3's rule is supported");
    }
  }
  config["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", factor},
                            {"low_freq_factor", kLow},
                            {"high_freq_factor", kHigh},
                            {"original_max_position_embeddings", 8192}};
}

}  // namespace

void add_gguf_rope(GgufKeys& keys, Json& config) {
  const double theta = keys.number("rope.freq_base").value_or(10000.0);
  if (theta <= 0)
    keys.refuse("rope.freq_base", "found " + number_text(theta) + ", expected more than 0");
  config["rope_theta"] = theta;
  const std::int64_t dim = head_dim(config);
  const std::int64_t rotated = keys.optional_size("rope.dimension_count").value_or(dim);
  if (rotated != dim) {
    if (keys.architecture() != "phi3" || rotated > dim) {
      keys.refuse("rope.dimension_count",
                  "found " + std::to_string(rotated) + ", expected " + std::to_string(dim));
    }
    config["partial_rotary_factor"] = static_cast<double>(rotated) / static_cast<double>(dim);
  }
  const auto given = keys.number("rope.scaling.factor"), older = keys.number("rope.scale_linear");
  const std::optional<double> factor = given ? given : older;
  if (factor && *factor <= 0) {
    keys.refuse("rope.scaling.factor", "found " + number_text(*factor) + ", expected more than 0");
  }
  // As in llama.cpp: a factor without a type is linear.
  const std::string type =
      keys.file().text(keys.key("rope.scaling.type")).value_or(factor ? "linear" : "none");
  keys.file().boolean(keys.key("rope.scaling.finetuned"));
  if (keys.file().tensors().contains("rope_factors_long.weight") || type == "longrope") {
    add_long_rope(keys, config);
  } else if (type == "linear" && factor) {
    if (*factor != 1) config["rope_scaling"] = {{"rope_type", "linear"}, {"factor", *factor}};
  } else if (type == "yarn" && factor) {
    config["rope_scaling"] = {
        {"rope_type", "yarn"},
        {"factor", *factor},
        {"original_max_position_embeddings", keys.size("rope.scaling.original_context_length")}};
  } else if (type != "none") {
    keys.refuse("rope.scaling.type", "found \"" + type + "\"" +
                                         (factor ? "" : " without a factor") +
                                         ", expected none, linear, yarn or longrope");
  }
  keys.optional_size("rope.scaling.original_context_length");
  const bool has_factors = keys.architecture() == "llama" || keys.architecture() == "deci";
  if (has_factors) add_llama3_rope(keys, config);
}

}  // namespace expandft
