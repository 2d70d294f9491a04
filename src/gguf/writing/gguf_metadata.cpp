#include "gguf/writing/gguf_metadata.h"

#include "gguf/writing/quantize.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <span>
#include <string_view>
#include <utility>

namespace expandft {
namespace {

constexpr std::int64_t kQuantizationVersion = 2;  // of the types' layouts in ggml

/// The attention of layers without a window, or of all where each has one.
const AttentionKind& widest_attention(const DecoderSpec& spec) {
  const auto full = std::ranges::find_if(spec.attention_kinds,
                                         [](const AttentionKind& kind) { return !kind.window; });
  return full != spec.attention_kinds.end() ? *full : spec.attention_kinds.front();
}

class ModelKeys {
 public:
  ModelKeys(const DecoderSpec& spec, const GgufTarget& target, GgufMetadata& metadata)
      : spec_(spec), target_(target), metadata_(metadata), rope_(widest_attention(spec).rope) {}

  void write(const GgufTitle& title);

 private:
  std::string key(const char* name) const { return target_.architecture + "." + name; }
  void size(const char* name, std::int64_t value) { metadata_.add_size(key(name), value); }
  void number(const char* name, double value) { metadata_.add_float(key(name), value); }

  void write_usual();
  void write_rope();
  void write_gemma();
  void write_phi3();
  void write_deci();
  void write_head_sizes() {
    size("attention.key_length", spec_.head_dim);
    size("attention.value_length", spec_.head_dim);
  }
  void write_window();
  void write_multipliers();

  const DecoderSpec& spec_;
  const GgufTarget& target_;
  GgufMetadata& metadata_;
  const RopeSpec& rope_;
  std::int64_t file_type_ = 0;
};

void ModelKeys::write_rope() {
  if (rope_.scaling == RopeScaling::kLinear || rope_.scaling == RopeScaling::kYarn) {
    const bool is_yarn = rope_.scaling == RopeScaling::kYarn;
    metadata_.add_text(key("rope.scaling.type"), is_yarn ? "yarn" : "linear");
    number("rope.scaling.factor", rope_.factor);
    if (is_yarn) size("rope.scaling.original_context_length", rope_.original_max_positions);
  }
}

void ModelKeys::write_multipliers() {
  number("attention.scale", spec_.query_scale);
  number("embedding_scale", spec_.embedding_scale);
  number("residual_scale", spec_.residual_scale);
  number("logit_scale", 1 / spec_.logit_scale);
}

/// Llama and its like, Qwen and Gemma 3.
void ModelKeys::write_usual() {
  size("block_count", spec_.layers);
  size("context_length", spec_.max_positions);
  size("embedding_length", spec_.hidden);
  size("feed_forward_length", spec_.width(0));
  size("attention.head_count", spec_.heads);
  size("attention.head_count_kv", spec_.kv_heads);
  write_rope();
  if (target_.architecture == "gemma3") {
    constexpr double kGlobalTheta = 1e6;
    const bool all_windowed = widest_attention(spec_).window.has_value();
    number("rope.freq_base", all_windowed ? kGlobalTheta : rope_.theta);
    for (const AttentionKind& kind : spec_.attention_kinds) {
      if (kind.window) number("rope.freq_base_swa", kind.rope.theta);
    }
  } else {
    number("rope.freq_base", rope_.theta);
  }
  number("attention.layer_norm_rms_epsilon", spec_.norm_eps);
  // As the converter, which writes what config.json states: these families' classes do not have it.
  constexpr std::array<std::string_view, 3> kUnstated{"qwen2", "granite", "smollm3"};
  const bool is_stated = std::ranges::find(kUnstated, target_.architecture) == kUnstated.end() ||
                         spec_.head_dim * spec_.heads != spec_.hidden;
  if (is_stated) write_head_sizes();
  metadata_.add_size("general.file_type", file_type_);
  const bool is_llama_like = target_.permutes;
  if (is_llama_like) {
    size("vocab_size", spec_.vocab);
    size("rope.dimension_count", spec_.head_dim);
  }
  if (target_.architecture == "granite") write_multipliers();
  if (target_.architecture == "gemma3") {
    if (spec_.logit_softcap) number("final_logit_softcapping", *spec_.logit_softcap);
    write_window();
  }
}

void ModelKeys::write_window() {
  std::vector<bool> windowed;
  bool is_usual = true;
  for (std::int64_t i = 0; i < spec_.layers; ++i) {
    windowed.push_back(spec_.attention(i).window.has_value());
    is_usual = is_usual && windowed.back() == ((i + 1) % target_.window_period != 0);
  }
  for (const AttentionKind& kind : spec_.attention_kinds) {
    if (kind.window) size("attention.sliding_window", *kind.window);
  }
  if (!is_usual) metadata_.add_flags(key("attention.sliding_window_pattern"), windowed);
}

/// Gemma and Gemma 2.
void ModelKeys::write_gemma() {
  size("context_length", spec_.max_positions);
  size("embedding_length", spec_.hidden);
  size("block_count", spec_.layers);
  size("feed_forward_length", spec_.width(0));
  size("attention.head_count", spec_.heads);
  size("attention.head_count_kv", spec_.kv_heads);
  number("attention.layer_norm_rms_epsilon", spec_.norm_eps);
  write_head_sizes();
  metadata_.add_size("general.file_type", file_type_);
  if (spec_.attention_softcap) number("attn_logit_softcapping", *spec_.attention_softcap);
  if (spec_.logit_softcap) number("final_logit_softcapping", *spec_.logit_softcap);
  if (target_.window_period > 0) write_window();
  constexpr double kAssumedTheta = 10000;
  if (rope_.theta != kAssumedTheta) number("rope.freq_base", rope_.theta);
}

void ModelKeys::write_phi3() {
  size("context_length", spec_.max_positions);
  size("rope.scaling.original_context_length", rope_.original_max_positions);
  size("embedding_length", spec_.hidden);
  size("feed_forward_length", spec_.width(0));
  size("block_count", spec_.layers);
  size("attention.head_count", spec_.heads);
  size("attention.head_count_kv", spec_.kv_heads);
  number("attention.layer_norm_rms_epsilon", spec_.norm_eps);
  size("rope.dimension_count", spec_.attention(0).rotary_dim);
  number("rope.freq_base", rope_.theta);
  metadata_.add_size("general.file_type", file_type_);
  size("attention.sliding_window", spec_.attention(0).window.value_or(0));
}

/// DeciLM: the sizes of each layer.
void ModelKeys::write_deci() {
  const auto layers = static_cast<std::size_t>(spec_.layers);
  std::vector<std::int32_t> widths;
  for (std::int64_t i = 0; i < spec_.layers; ++i) {
    widths.push_back(static_cast<std::int32_t>(spec_.width(i)));
  }
  const std::vector<std::int32_t> key_heads(layers, static_cast<std::int32_t>(spec_.kv_heads));
  const std::vector<std::int32_t> heads(layers, static_cast<std::int32_t>(spec_.heads));
  number("rope.freq_base", rope_.theta);
  metadata_.add_integers(key("attention.head_count_kv"), key_heads);
  metadata_.add_integers(key("attention.head_count"), heads);
  metadata_.add_integers(key("feed_forward_length"), widths);
  size("block_count", spec_.layers);
  size("context_length", spec_.max_positions);
  size("embedding_length", spec_.hidden);
  number("attention.layer_norm_rms_epsilon", spec_.norm_eps);
  write_head_sizes();
  metadata_.add_size("general.file_type", file_type_);
  size("vocab_size", spec_.vocab);
  size("rope.dimension_count", spec_.head_dim);
}

void ModelKeys::write(const GgufTitle& title) {
  file_type_ = gguf_file_type(title.type);
  metadata_.add_text("general.architecture", target_.architecture);
  if (rope_.scaling == RopeScaling::kLongRope) {
    number("rope.scaling.attn_factor", rope_.attention_factor);
  }
  metadata_.add_text("general.type", "model");
  if (!title.name.empty()) metadata_.add_text("general.name", title.name);
  metadata_.add_text("general.size_label", size_label(title.parameters));
  if (target_.architecture == "deci") {
    write_deci();
  } else if (target_.architecture == "phi3") {
    write_phi3();
  } else if (target_.architecture == "gemma" || target_.architecture == "gemma2") {
    write_gemma();
  } else {
    write_usual();
  }
  metadata_.add_size("general.quantization_version", kQuantizationVersion);
}

/// By how much Llama 3's rule divides each frequency (transformers, modeling_rope_utils). In fp32,
/// as llama.cpp's converter.
std::vector<float> llama3_factors(const RopeSpec& rope, std::int64_t dim) {
  const auto original = static_cast<float>(rope.original_max_positions);
  const auto factor = static_cast<float>(rope.factor),
             low = static_cast<float>(rope.low_freq_factor),
             high = static_cast<float>(rope.high_freq_factor);
  std::vector<float> factors;
  for (std::int64_t i = 0; i < dim; i += 2) {
    const float exponent = static_cast<float>(i) / static_cast<float>(dim);
    const auto power = static_cast<float>(std::pow(rope.theta, static_cast<double>(exponent)));
    const float frequency = 1 / power;
    const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
    if (wavelength < original / high) {
      factors.push_back(1);
    } else if (wavelength > original / low) {
      factors.push_back(factor);
    } else {
      const float smooth = (original / wavelength - low) / (high - low);
      factors.push_back(1 / ((1 - smooth) / factor + smooth));
    }
  }
  return factors;
}

GgufTensorSource factor_tensor(const char* name, std::vector<float> factors) {
  const auto count = static_cast<std::int64_t>(factors.size());
  return {name, GgufType::kF32, {count}, [factors = std::move(factors)](const GgufSink& sink) {
            sink(std::as_bytes(std::span(factors)));
          }};
}

}  // namespace

void add_model_keys(const DecoderSpec& spec, const GgufTarget& target, const GgufTitle& title,
                    GgufMetadata& metadata) {
  ModelKeys(spec, target, metadata).write(title);
}

std::vector<GgufTensorSource> rope_factor_tensors(const DecoderSpec& spec) {
  const RopeSpec& rope = widest_attention(spec).rope;
  std::vector<GgufTensorSource> tensors;
  if (rope.scaling == RopeScaling::kLlama3) {
    tensors.push_back(factor_tensor("rope_freqs.weight", llama3_factors(rope, spec.head_dim)));
  } else if (rope.scaling == RopeScaling::kLongRope) {
    for (const auto& [name, list] : {std::pair("rope_factors_long.weight", &rope.long_factor),
                                     std::pair("rope_factors_short.weight", &rope.short_factor)}) {
      std::vector<float> factors;
      for (const double factor : *list) factors.push_back(static_cast<float>(factor));
      tensors.push_back(factor_tensor(name, std::move(factors)));
    }
  }
  return tensors;
}

std::string size_label(std::int64_t parameters) {
  constexpr std::pair<double, const char*> kUnits[] = {{1e12, "T"}, {1e9, "B"}, {1e6, "M"}};
  double scaled = static_cast<double>(parameters) * 1e-3;
  const char* unit = "K";
  for (const auto& [size, name] : kUnits) {
    if (static_cast<double>(parameters) > size) {
      scaled = static_cast<double>(parameters) / size;
      unit = name;
      break;
    }
  }
  char text[32];  // at least two digits
  std::snprintf(text, sizeof text, "%.*f%s", std::round(scaled) < 10 ? 1 : 0, scaled, unit);
  return text;
}

}  // namespace expandft
