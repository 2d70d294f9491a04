#include "model/families.h"

#include "base/error.h"

#include <cmath>
#include <limits>

namespace expandft {
namespace {

/// Reads typed fields of config.json; errors name the field, what was found and what was expected.
class Fields {
 public:
  Fields(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  bool has(const char* key) const { return object_.contains(key) && !object_.at(key).is_null(); }

  [[noreturn]] void refuse(const char* key, const std::string& expected,
                           const std::string& hint = {}) const {
    const std::string found = has(key) ? object_.at(key).dump() : "nothing";
    throw input_error("field \"" + std::string(key) + "\" is " + found + "; expected " + expected,
                      where_, hint);
  }

  std::int64_t integer(const char* key, std::optional<std::int64_t> fallback = {}) const {
    if (!has(key) && fallback) return *fallback;
    constexpr std::int64_t kMost = std::int64_t{1} << 31;
    if (!has(key) || !object_.at(key).is_number_integer()) refuse(key, "a positive integer");
    const auto value = object_.at(key).get<std::int64_t>();
    if (value < 1 || value > kMost) refuse(key, "an integer from 1 to 2147483648");
    return value;
  }

  double number(const char* key, std::optional<double> fallback = {}) const {
    if (!has(key) && fallback) return *fallback;
    if (!has(key) || !object_.at(key).is_number()) refuse(key, "a positive number");
    const auto value = object_.at(key).get<double>();
    if (!(value > 0) || !std::isfinite(value)) refuse(key, "a positive number");
    return value;
  }

  bool boolean(const char* key, bool fallback) const {
    if (!has(key)) return fallback;
    if (!object_.at(key).is_boolean()) refuse(key, "true or false");
    return object_.at(key).get<bool>();
  }

  std::string text(const char* key, const std::string& fallback) const {
    if (!has(key)) return fallback;
    if (!object_.at(key).is_string()) refuse(key, "a string");
    return object_.at(key).get<std::string>();
  }

  std::optional<std::int64_t> token(const char* key) const {
    if (!has(key)) return {};
    const Json& value = object_.at(key);
    const Json& first = value.is_array() && !value.empty() ? value.front() : value;
    if (!first.is_number_integer() || first.get<std::int64_t>() < 0) {
      refuse(key, "a token id, 0 or above");
    }
    return first.get<std::int64_t>();
  }

  Fields inside(const char* key) const {
    if (!object_.at(key).is_object()) refuse(key, "an object");
    return {object_.at(key), where_ + ", " + key};
  }

 private:
  const Json& object_;
  std::string where_;
};

RopeSpec read_rope(const Fields& fields) {
  RopeSpec rope;
  rope.theta = fields.number("rope_theta", 10000.0);
  const char* nested = fields.has("rope_parameters") ? "rope_parameters"
                       : fields.has("rope_scaling")  ? "rope_scaling"
                                                     : nullptr;
  if (nested == nullptr) return rope;

  const Fields scaling = fields.inside(nested);
  rope.theta = scaling.number("rope_theta", rope.theta);
  if (scaling.has("partial_rotary_factor") && scaling.number("partial_rotary_factor") != 1.0) {
    scaling.refuse("partial_rotary_factor", "1.0: this family rotates whole heads");
  }
  const char* type_key = scaling.has("rope_type") ? "rope_type" : "type";
  const std::string type = scaling.text(type_key, "default");
  if (type == "default") return rope;
  rope.factor = scaling.number("factor");
  if (type == "linear") {
    rope.scaling = RopeScaling::kLinear;
  } else if (type == "llama3") {
    rope.scaling = RopeScaling::kLlama3;
    rope.low_freq_factor = scaling.number("low_freq_factor");
    rope.high_freq_factor = scaling.number("high_freq_factor");
    rope.original_max_positions = scaling.integer("original_max_position_embeddings");
    if (rope.high_freq_factor <= rope.low_freq_factor) {
      scaling.refuse("high_freq_factor", "more than low_freq_factor");
    }
  } else {
    scaling.refuse(type_key, "\"default\", \"linear\" or \"llama3\"",
                   "other kinds of RoPE scaling are not supported by this version");
  }
  return rope;
}

Activation read_activation(const Fields& fields) {
  const std::string name = fields.text("hidden_act", "silu");
  if (name == "silu" || name == "swish") return Activation::kSilu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::kGeluTanh;
  fields.refuse("hidden_act", "\"silu\" or \"gelu_pytorch_tanh\"");
}

DecoderSpec read_llama(const Fields& fields) {
  DecoderSpec spec;
  spec.vocab = fields.integer("vocab_size");
  spec.hidden = fields.integer("hidden_size");
  spec.layers = fields.integer("num_hidden_layers");
  spec.intermediate = fields.integer("intermediate_size");
  spec.heads = fields.integer("num_attention_heads");
  spec.kv_heads = fields.integer("num_key_value_heads", spec.heads);
  if (spec.heads % spec.kv_heads != 0) {
    fields.refuse("num_key_value_heads",
                  "a divisor of num_attention_heads (" + std::to_string(spec.heads) + ")");
  }
  if (!fields.has("head_dim") && spec.hidden % spec.heads != 0) {
    fields.refuse("hidden_size",
                  "a multiple of num_attention_heads (" + std::to_string(spec.heads) + ")");
  }
  spec.head_dim = fields.integer("head_dim", spec.hidden / spec.heads);
  if (spec.head_dim % 2 != 0) fields.refuse("head_dim", "an even number: RoPE turns pairs");
  spec.max_positions = fields.integer("max_position_embeddings", 2048);
  spec.norm_eps = fields.number("rms_norm_eps", 1e-6);
  spec.query_scale = 1.0 / std::sqrt(static_cast<double>(spec.head_dim));
  spec.activation = read_activation(fields);
  spec.rope = read_rope(fields);
  spec.attention_bias = fields.boolean("attention_bias", false);
  spec.mlp_bias = fields.boolean("mlp_bias", false);
  spec.tied = fields.boolean("tie_word_embeddings", false);
  spec.bos = fields.token("bos_token_id");
  spec.eos = fields.token("eos_token_id");
  return spec;
}

}  // namespace

DecoderSpec read_spec(const Json& config, const std::string& where) {
  const Fields fields(config, where);
  const std::string family = fields.text("model_type", "");
  if (fields.has("quantization_config")) {
    fields.refuse("quantization_config", "nothing: a checkpoint that is not quantised",
                  "expand the original, then quantise the merged model");
  }
  if (family != "llama") {
    fields.refuse("model_type", "\"llama\"", "the family is not supported by this version");
  }
  DecoderSpec spec = read_llama(fields);
  spec.family = family;
  return spec;
}

DecoderSpec read_spec(const ModelDirectory& directory) {
  return read_spec(directory.config(), (directory.path() / "config.json").string());
}

Dtype read_dtype(const Json& config, const std::string& where) {
  const Fields fields(config, where);
  const char* key = fields.has("dtype") ? "dtype" : "torch_dtype";
  const std::string name = fields.text(key, "float32");
  const auto dtype = dtype_from_config(name);
  if (!dtype) fields.refuse(key, "\"float32\", \"float16\" or \"bfloat16\"");
  return *dtype;
}

}  // namespace expandft
