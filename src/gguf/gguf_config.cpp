#include "gguf/gguf_config.h"

#include "base/error.h"
#include "base/wording.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>
#include <set>

namespace expandft {
namespace {

/// How an architecture of llama.cpp is called in transformers, and what its converter leaves out.
struct Architecture {
  std::string_view name, model_type, class_name, activation_key, activation;
  std::int64_t window_period = 0;  // every n-th layer sees everything; 0: no layer is windowed
  // The depth of the one size whose queries are scaled by hidden / heads.
  std::int64_t largest_layers = 0;
  bool has_query_scalar = false;  // query_pre_attn_scalar
};

constexpr Architecture kArchitectures[] = {
    {"llama", "llama", "LlamaForCausalLM", "hidden_act", "silu"},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", "hidden_act", "silu"},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", "hidden_act", "silu"},
    {"phi3", "phi3", "Phi3ForCausalLM", "hidden_act", "silu"},
    {"gemma", "gemma", "GemmaForCausalLM", "hidden_act", "gelu_pytorch_tanh"},
    {"gemma2", "gemma2", "Gemma2ForCausalLM", "hidden_activation", "gelu_pytorch_tanh", 2, 46,
     true},
    {"gemma3", "gemma3_text", "Gemma3ForCausalLM", "hidden_activation", "gelu_pytorch_tanh", 6, 62,
     true},
};

constexpr const char* kDamagedModel = "the file is damaged or incomplete: download it again";

constexpr std::int64_t kNoToken = 0xFFFFFFFF;  // -1 of older files

// Products of two sizes, and of a size and a small number, fit into 64 bits.
constexpr std::int64_t kLargestSize = std::numeric_limits<std::int32_t>::max();

/// The shortest decimal number that gives the same float: GGUF stores 1e-6 in fp32.
double as_written(double value) {
  const auto narrow = static_cast<float>(value);
  if (!std::isfinite(narrow)) return value;
  std::array<char, 32> text{};
  const auto end = std::to_chars(text.begin(), text.end(), narrow).ptr;
  double read = value;
  std::from_chars(text.begin(), end, read);
  return read;
}

std::string number_text(double value) {
  return Json(value).dump();
}

class GgufConfigWriter {
 public:
  GgufConfigWriter(const GgufFile& file, Notices& notices) : file_(file), notices_(notices) {
    name_ = file.text("general.architecture").value_or("");
    const auto* const found = std::ranges::find(kArchitectures, name_, &Architecture::name);
    if (found == std::end(kArchitectures)) {
      std::string known;
      for (const Architecture& each : kArchitectures) {
        known += (known.empty() ? "" : ", ") + std::string(each.name);
      }
      throw input_error("the architecture is \"" + name_ + "\", expected one of " + known,
                        file.path().string() + ": key \"general.architecture\"",
                        "docs/models.md lists the models that expandft reads");
    }
    architecture_ = found;
  }

  Json write(const std::string& dtype);

 private:
  std::string key(const std::string& name) {
    read_.insert(name);
    return name_ + "." + name;
  }
  std::int64_t size(const std::string& name) {
    const auto found = optional_size(name);
    if (!found) {
      throw input_error("no such key", file_.path().string() + ": key \"" + key(name) + "\"",
                        kDamagedModel);
    }
    return *found;
  }
  std::optional<std::int64_t> optional_size(const std::string& name) {
    const auto found = file_.integer(key(name));
    if (found) check_size(name, *found);
    return found;
  }
  void check_size(const std::string& name, std::int64_t found) {
    if (found > 0 && found <= kLargestSize) return;
    throw file_.error(key(name), "found " + std::to_string(found) + ", expected 1 to " +
                                     std::to_string(kLargestSize));
  }
  std::optional<std::int64_t> optional_size_of_layers(const std::string& name);
  std::int64_t size_of_layers(const std::string& name);
  std::optional<double> number(const std::string& name) {
    const auto found = file_.number(key(name));
    return found ? std::optional(as_written(*found)) : std::nullopt;
  }
  [[noreturn]] void refuse(const std::string& name, const std::string& what) {
    throw file_.error(key(name), what);
  }

  std::int64_t rows_of(const std::string& tensor) const;
  void write_sizes();
  void write_rope();
  void write_long_rope();
  void write_llama3_rope();
  void write_windows();
  void refuse_what_changes_results();
  void name_unread();

  const GgufFile& file_;
  Notices& notices_;
  std::string name_;
  const Architecture* architecture_ = nullptr;
  std::set<std::string> read_;
  Json config_;
};

std::int64_t GgufConfigWriter::rows_of(const std::string& tensor) const {
  const auto found = file_.tensors().find(tensor);
  if (found == file_.tensors().end() || found->second.shape.size() != 2) {
    throw input_error("no such matrix", file_.path().string() + ": tensor \"" + tensor + "\"",
                      "the file is damaged, or holds no whole model: get the model again");
  }
  return found->second.shape.front();
}

/// A number for all layers, or a list with one for each, which must be the same.
std::optional<std::int64_t> GgufConfigWriter::optional_size_of_layers(const std::string& name) {
  const auto found = file_.metadata().find(key(name));
  if (found == file_.metadata().end()) return std::nullopt;
  const auto* const list = std::get_if<GgufNumbers>(&found->second.value);
  if (list == nullptr) return optional_size(name);
  const std::int64_t layers = size("block_count");
  if (std::ssize(*list) != layers) {
    refuse(name, "found " + counted(std::ssize(*list), "value") + ", expected one for each of " +
                     counted(layers, "layer"));
  }
  for (std::size_t i = 0; i < list->size(); ++i) {
    const double value = (*list)[i];
    if (!(value > 0 && value <= static_cast<double>(kLargestSize)) || value != std::floor(value)) {
      refuse(name, "layer " + std::to_string(i) + " has " + number_text(value) +
                       ", expected an integer from 1 to " + std::to_string(kLargestSize));
    }
    if (value != (*list)[0]) {
      refuse(name, "layer " + std::to_string(i) + " has " + number_text(value) + " and layer 0 " +
                       number_text((*list)[0]) + ": layers that differ in it are not supported");
    }
  }
  return static_cast<std::int64_t>((*list)[0]);
}

std::int64_t GgufConfigWriter::size_of_layers(const std::string& name) {
  const auto found = optional_size_of_layers(name);
  return found ? *found : size(name);  // which says that there is none
}

void GgufConfigWriter::write_sizes() {
  config_["hidden_size"] = size("embedding_length");
  const std::int64_t layers = size("block_count");
  if (layers > std::ssize(file_.tensors())) {
    refuse("block_count", "found " + std::to_string(layers) + ", but the file has " +
                              std::to_string(file_.tensors().size()) + " tensors");
  }
  config_["num_hidden_layers"] = layers;
  config_["intermediate_size"] = size_of_layers("feed_forward_length");
  const std::int64_t heads = size_of_layers("attention.head_count");
  const std::int64_t keys = optional_size_of_layers("attention.head_count_kv").value_or(heads);
  config_["num_attention_heads"] = heads;
  config_["num_key_value_heads"] = keys;
  if (const auto length = optional_size("attention.key_length")) {
    if (optional_size("attention.value_length").value_or(*length) != *length) {
      refuse("attention.value_length", "expected the same as attention.key_length");
    }
    config_["head_dim"] = *length;
  } else if (config_["hidden_size"].get<std::int64_t>() % heads != 0) {
    refuse("attention.head_count", "expected a divisor of embedding_length");
  }
  config_["max_position_embeddings"] = size("context_length");
  optional_size("vocab_size");  // the embedding decides
  config_["vocab_size"] = rows_of("token_embd.weight");
  const auto eps = number("attention.layer_norm_rms_epsilon");
  if (!eps || *eps <= 0) refuse("attention.layer_norm_rms_epsilon", "expected a number above 0");
  config_["rms_norm_eps"] = *eps;
}

void GgufConfigWriter::write_long_rope() {
  const auto factors = [&](const char* name) {
    const auto found = file_.tensors().find(name);
    if (found == file_.tensors().end() || found->second.type != GgufType::kF32) {
      throw input_error("no such tensor of type F32, which LongRoPE needs",
                        file_.path().string() + ": tensor \"" + name + "\"",
                        "get the model from another source, or converted again");
    }
    std::vector<float> values(static_cast<std::size_t>(found->second.elements()));
    dequantize(GgufType::kF32, found->second.bytes, values);
    Json list = Json::array();
    for (const float value : values) {
      if (!std::isfinite(value)) {
        throw input_error("found a number that is not finite",
                          file_.path().string() + ": tensor \"" + name + "\"", kDamagedModel);
      }
      list.push_back(as_written(static_cast<double>(value)));
    }
    return list;
  };
  const std::int64_t original = size("rope.scaling.original_context_length");
  config_["original_max_position_embeddings"] = original;
  config_["rope_scaling"] = {{"type", "longrope"},
                             {"long_factor", factors("rope_factors_long.weight")},
                             {"short_factor", factors("rope_factors_short.weight")}};
  // transformers computes this factor from the two lengths, as llama.cpp's converter did.
  const auto context = config_["max_position_embeddings"].get<double>();
  const double ratio = context / static_cast<double>(original);
  const double expected =
      ratio <= 1 ? 1 : std::sqrt(1 + std::log(ratio) / std::log(static_cast<double>(original)));
  const auto stated = number("rope.scaling.attn_factor");
  if (stated && std::abs(*stated - expected) > 1e-4) {
    config_["rope_scaling"]["attention_factor"] = *stated;
  }
}

/// llama.cpp's converter writes Llama 3's rule as one factor for each frequency. Of the rule's four
/// numbers only `factor` varies between published models.
void GgufConfigWriter::write_llama3_rope() {
  const auto found = file_.tensors().find("rope_freqs.weight");
  if (found == file_.tensors().end()) return;
  const std::string where = file_.path().string() + ": tensor \"rope_freqs.weight\"";
  constexpr double kLow = 1, kHigh = 4, kOriginal = 8192;
  const std::int64_t dim =
      config_.value("head_dim", config_["hidden_size"].get<std::int64_t>() /
                                    config_["num_attention_heads"].get<std::int64_t>());
  const double theta = config_.value("rope_theta", 10000.0);
  if (found->second.type != GgufType::kF32 || found->second.elements() != dim / 2) {
    throw input_error("expected " + std::to_string(dim / 2) + " numbers of type F32", where);
  }
  std::vector<float> factors(static_cast<std::size_t>(dim / 2));
  dequantize(GgufType::kF32, found->second.bytes, factors);
  for (std::size_t i = 0; i < factors.size(); ++i) {
    if (!(factors[i] > 0) || !std::isfinite(factors[i])) {
      throw input_error("factor " + std::to_string(i) + " is " + std::to_string(factors[i]) +
                            ", expected a number above 0",
                        where, kDamagedModel);
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
  config_["rope_scaling"] = {{"rope_type", "llama3"},
                             {"factor", factor},
                             {"low_freq_factor", kLow},
                             {"high_freq_factor", kHigh},
                             {"original_max_position_embeddings", 8192}};
}

void GgufConfigWriter::write_rope() {
  const double theta = number("rope.freq_base").value_or(10000.0);
  if (theta <= 0)
    refuse("rope.freq_base", "found " + number_text(theta) + ", expected more than 0");
  config_["rope_theta"] = theta;
  const std::int64_t dim =
      config_.value("head_dim", config_["hidden_size"].get<std::int64_t>() /
                                    config_["num_attention_heads"].get<std::int64_t>());
  const std::int64_t rotated = optional_size("rope.dimension_count").value_or(dim);
  if (rotated != dim) {
    if (name_ != "phi3" || rotated > dim) {
      refuse("rope.dimension_count",
             "found " + std::to_string(rotated) + ", expected " + std::to_string(dim));
    }
    config_["partial_rotary_factor"] = static_cast<double>(rotated) / static_cast<double>(dim);
  }
  const auto given = number("rope.scaling.factor"), older = number("rope.scale_linear");
  const std::optional<double> factor = given ? given : older;
  if (factor && *factor <= 0) {
    refuse("rope.scaling.factor", "found " + number_text(*factor) + ", expected more than 0");
  }
  // As in llama.cpp: a factor without a type is linear.
  const std::string type =
      file_.text(key("rope.scaling.type")).value_or(factor ? "linear" : "none");
  file_.boolean(key("rope.scaling.finetuned"));
  if (file_.tensors().contains("rope_factors_long.weight") || type == "longrope") {
    write_long_rope();
  } else if (type == "linear" && factor) {
    if (*factor != 1) config_["rope_scaling"] = {{"rope_type", "linear"}, {"factor", *factor}};
  } else if (type == "yarn" && factor) {
    config_["rope_scaling"] = {
        {"rope_type", "yarn"},
        {"factor", *factor},
        {"original_max_position_embeddings", size("rope.scaling.original_context_length")}};
  } else if (type != "none") {
    refuse("rope.scaling.type", "found \"" + type + "\"" + (factor ? "" : " without a factor") +
                                    ", expected none, linear, yarn or longrope");
  }
  optional_size("rope.scaling.original_context_length");
  if (name_ == "llama") write_llama3_rope();
}

void GgufConfigWriter::write_windows() {
  const auto window = file_.integer(key("attention.sliding_window"));
  const auto layers = config_["num_hidden_layers"].get<std::int64_t>();
  if (name_ == "phi3") {
    // llama.cpp's converter writes 0, and older ones nothing, where there is no window.
    config_["sliding_window"] = window && *window > 0 ? Json(*window) : Json();
  } else if (architecture_->window_period > 0) {
    if (!window || *window <= 0) refuse("attention.sliding_window", "expected a number above 0");
    config_["sliding_window"] = *window;
    Json types = Json::array();
    const std::string pattern = key("attention.sliding_window_pattern");
    const auto found = file_.metadata().find(pattern);
    const bool is_list =
        found != file_.metadata().end() && std::holds_alternative<GgufNumbers>(found->second.value);
    const std::int64_t period =
        is_list ? 0 : file_.integer(pattern).value_or(architecture_->window_period);
    if (!is_list && period <= 0) throw file_.error(pattern, "expected a number above 0");
    if (is_list && std::ssize(*file_.numbers(pattern)) != layers) {
      throw file_.error(pattern, "expected a value for each layer");
    }
    for (std::int64_t i = 0; i < layers; ++i) {
      const bool windowed = is_list ? (*file_.numbers(pattern))[static_cast<std::size_t>(i)] != 0
                                    : (i + 1) % period != 0;
      types.push_back(windowed ? "sliding_attention" : "full_attention");
    }
    config_["layer_types"] = std::move(types);
    if (name_ == "gemma3") {
      config_["rope_local_base_freq"] = number("rope.freq_base_swa").value_or(10000.0);
    }
  } else if (window && *window > 0 &&
             *window < config_["max_position_embeddings"].get<std::int64_t>()) {
    refuse("attention.sliding_window",
           "found " + std::to_string(*window) +
               ", but llama.cpp computes this architecture without windows");
  }
}

void GgufConfigWriter::refuse_what_changes_results() {
  for (const char* const name :
       {"expert_count", "expert_used_count", "embedding_length_per_layer_input",
        "attention.shared_kv_layers"}) {
    if (const auto found = file_.integer(key(name)); found && *found > 0) {
      refuse(name, "found " + std::to_string(*found) + ": models with it are not supported");
    }
  }
  if (!file_.boolean(key("attention.causal")).value_or(true)) {
    refuse("attention.causal", "only causal attention is supported");
  }
}

/// Keys of the architecture that nothing has read, unless they say nothing of what is computed.
void GgufConfigWriter::name_unread() {
  const std::set<std::string> harmless{"tensor_data_layout", "vocab_size"};
  const std::string prefix = name_ + ".";
  for (const auto& [full, value] : file_.metadata()) {
    if (!full.starts_with(prefix)) continue;
    const std::string name = full.substr(prefix.size());
    if (read_.contains(name) || harmless.contains(name)) continue;
    notices_.push_back({"key \"" + full + "\" is not known", file_.path().string(),
                        "if it changes what the model computes, expandft computes something else"});
  }
}

Json GgufConfigWriter::write(const std::string& dtype) {
  config_ = {{"architectures", Json::array({architecture_->class_name})},
             {"model_type", architecture_->model_type},
             {"torch_dtype", dtype}};
  refuse_what_changes_results();
  write_sizes();
  config_[std::string(architecture_->activation_key)] = architecture_->activation;
  write_rope();
  write_windows();
  const bool has_bias = file_.tensors().contains("blk.0.attn_q.bias");
  if (name_ != "qwen2" && name_ != "phi3") config_["attention_bias"] = has_bias;
  if (name_ == "llama") config_["mlp_bias"] = file_.tensors().contains("blk.0.ffn_up.bias");
  if (name_ == "qwen2" || name_ == "qwen3") config_["use_sliding_window"] = false;
  config_["tie_word_embeddings"] = !file_.tensors().contains("output.weight");
  if (architecture_->has_query_scalar) {
    const auto hidden = config_["hidden_size"].get<std::int64_t>();
    const auto heads = config_["num_attention_heads"].get<std::int64_t>();
    const bool is_largest = config_["num_hidden_layers"] == architecture_->largest_layers;
    config_["query_pre_attn_scalar"] =
        is_largest ? hidden / heads : config_.value("head_dim", hidden / heads);
    const auto cap = number("final_logit_softcapping");
    if (name_ == "gemma2") {  // where the file states none, llama.cpp computes with these
      config_["final_logit_softcapping"] = cap.value_or(30);
      config_["attn_logit_softcapping"] = number("attn_logit_softcapping").value_or(50);
    } else {
      config_["final_logit_softcapping"] = cap ? Json(*cap) : Json();
    }
  }
  for (const char* const token : {"bos", "eos", "padding"}) {
    const auto id = file_.integer(std::string("tokenizer.ggml.") + token + "_token_id");
    if (!id || *id < 0 || *id >= kNoToken) continue;
    config_[token == std::string("padding") ? "pad_token_id" : token + std::string("_token_id")] =
        *id;
  }
  name_unread();
  return config_;
}

}  // namespace

std::string gguf_model_type(const GgufFile& file) {
  const std::string name = file.text("general.architecture").value_or("");
  const auto* const found = std::ranges::find(kArchitectures, name, &Architecture::name);
  return found == std::end(kArchitectures) ? name : std::string(found->model_type);
}

Json gguf_model_config(const GgufFile& file, const std::string& dtype, Notices& notices) {
  return GgufConfigWriter(file, notices).write(dtype);
}

}  // namespace expandft
