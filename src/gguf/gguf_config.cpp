#include "gguf/gguf_config.h"

#include "base/error.h"
#include "families/deci.h"
#include "gguf/gguf_keys.h"
#include "gguf/gguf_rope.h"
#include "gguf/gguf_widths.h"

#include <algorithm>
#include <array>
#include <cmath>

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
    {"deci", kDeciModelType, "DeciLMForCausalLM", "hidden_act", "silu"},
    {"mistral3", "ministral3", "Ministral3ForCausalLM", "hidden_act", "silu"},
    {"granite", "granite", "GraniteForCausalLM", "hidden_act", "silu"},
    {"smollm3", "smollm3", "SmolLM3ForCausalLM", "hidden_act", "silu"},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", "hidden_act", "silu"},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", "hidden_act", "silu"},
    {"phi3", "phi3", "Phi3ForCausalLM", "hidden_act", "silu"},
    {"gemma", "gemma", "GemmaForCausalLM", "hidden_act", "gelu_pytorch_tanh"},
    {"gemma2", "gemma2", "Gemma2ForCausalLM", "hidden_activation", "gelu_pytorch_tanh", 2, 46,
     true},
    {"gemma3", "gemma3_text", "Gemma3ForCausalLM", "hidden_activation", "gelu_pytorch_tanh", 6, 62,
     true},
};

constexpr std::int64_t kNoToken = 0xFFFFFFFF;  // -1 of older files

class GgufConfigWriter {
 public:
  GgufConfigWriter(const GgufFile& file, const Architecture& architecture, Notices& notices)
      : file_(file),
        keys_(file, std::string(architecture.name)),
        notices_(notices),
        name_(architecture.name),
        architecture_(architecture) {}

  Json write(const std::string& dtype);

 private:
  std::int64_t rows_of(const std::string& tensor) const;
  void write_sizes();
  void write_windows();
  void write_multipliers();
  void write_query_growth();
  void refuse_what_changes_results();
  void name_unread();

  const GgufFile& file_;
  GgufKeys keys_;
  Notices& notices_;
  std::string name_;
  const Architecture& architecture_;
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

void GgufConfigWriter::write_sizes() {
  config_["hidden_size"] = keys_.size("embedding_length");
  const std::int64_t layers = keys_.size("block_count");
  if (layers > std::ssize(file_.tensors())) {
    keys_.refuse("block_count", "found " + std::to_string(layers) + ", but the file has " +
                                    std::to_string(file_.tensors().size()) + " tensors");
  }
  config_["num_hidden_layers"] = layers;
  if (name_ != "deci") {
    config_["intermediate_size"] = keys_.size_of_layers("feed_forward_length");
  }
  const std::int64_t heads = keys_.size_of_layers("attention.head_count");
  const std::int64_t keys =
      keys_.optional_size_of_layers("attention.head_count_kv").value_or(heads);
  config_["num_attention_heads"] = heads;
  config_["num_key_value_heads"] = keys;
  if (name_ == "deci") {
    if (heads % keys != 0)
      keys_.refuse("attention.head_count_kv", "expected a divisor of head_count");
    add_gguf_widths(keys_, config_);
  }
  if (const auto length = keys_.optional_size("attention.key_length")) {
    if (keys_.optional_size("attention.value_length").value_or(*length) != *length) {
      keys_.refuse("attention.value_length", "expected the same as attention.key_length");
    }
    config_["head_dim"] = *length;
  } else if (config_["hidden_size"].get<std::int64_t>() % heads != 0) {
    keys_.refuse("attention.head_count", "expected a divisor of embedding_length");
  }
  config_["max_position_embeddings"] = keys_.size("context_length");
  keys_.optional_size("vocab_size");  // the embedding decides
  config_["vocab_size"] = rows_of("token_embd.weight");
  const auto eps = keys_.number("attention.layer_norm_rms_epsilon");
  if (!eps || *eps <= 0)
    keys_.refuse("attention.layer_norm_rms_epsilon", "expected a number above 0");
  config_["rms_norm_eps"] = *eps;
}

void GgufConfigWriter::write_windows() {
  const auto window = file_.integer(keys_.key("attention.sliding_window"));
  const auto layers = config_["num_hidden_layers"].get<std::int64_t>();
  if (name_ == "phi3") {
    // llama.cpp's converter writes 0, and older ones nothing, where there is no window.
    config_["sliding_window"] = window && *window > 0 ? Json(*window) : Json();
  } else if (architecture_.window_period > 0) {
    if (!window || *window <= 0)
      keys_.refuse("attention.sliding_window", "expected a number above 0");
    config_["sliding_window"] = *window;
    Json types = Json::array();
    const std::string pattern = keys_.key("attention.sliding_window_pattern");
    const auto found = file_.metadata().find(pattern);
    const bool is_list =
        found != file_.metadata().end() && std::holds_alternative<GgufNumbers>(found->second.value);
    const std::int64_t period =
        is_list ? 0 : file_.integer(pattern).value_or(architecture_.window_period);
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
      config_["rope_local_base_freq"] = keys_.number("rope.freq_base_swa").value_or(10000.0);
    }
  } else if (window && *window > 0 &&
             *window < config_["max_position_embeddings"].get<std::int64_t>()) {
    keys_.refuse("attention.sliding_window",
                 "found " + std::to_string(*window) +
                     ", but llama.cpp computes this architecture without windows");
  }
}

/// Ministral 3's YaRN, and how its queries grow. A model of this architecture whose queries do not
/// grow is a Mistral Small 3.
void GgufConfigWriter::write_query_growth() {
  const auto growth = keys_.number("attention.temperature_scale");
  const auto fast = keys_.number("rope.scaling.yarn_beta_fast"),
             slow = keys_.number("rope.scaling.yarn_beta_slow");
  const double multiplier = keys_.number("rope.scaling.yarn_log_multiplier").value_or(0);
  if (!growth || *growth == 0) {
    config_["model_type"] = "mistral";
    config_["architectures"] = {"MistralForCausalLM"};
    config_["sliding_window"] = nullptr;
    if (multiplier != 0) keys_.refuse("rope.scaling.yarn_log_multiplier", "expected 0 or none");
    return;
  }
  Json rope = config_.value("rope_scaling", Json::object());
  if (rope.value("rope_type", "") != "yarn") {
    keys_.refuse("rope.scaling.type",
                 "expected yarn, which models with attention.temperature_scale have");
  }
  if (multiplier != 1) keys_.refuse("rope.scaling.yarn_log_multiplier", "expected 1");
  rope.update({{"rope_theta", config_["rope_theta"]},
               {"beta_fast", fast.value_or(32)},
               {"beta_slow", slow.value_or(1)},
               {"mscale", 1.0},
               {"mscale_all_dim", 1.0},
               {"llama_4_scaling_beta", *growth}});
  config_.erase("rope_scaling");
  config_.erase("rope_theta");
  config_["rope_parameters"] = std::move(rope);
}

/// Granite's. As in llama.cpp, one that is missing or 0 changes nothing, and scores are divided by
/// the root of a head's size; the divisor of logits is required.
void GgufConfigWriter::write_multipliers() {
  const auto given = [this](const char* name) {
    const auto number = keys_.number(name);
    if (number && *number < 0) keys_.refuse(name, "expected a number above 0");
    return number && *number > 0 ? number : std::nullopt;
  };
  const auto heads = config_["num_attention_heads"].get<std::int64_t>();
  const std::int64_t dim =
      config_.value("head_dim", config_["hidden_size"].get<std::int64_t>() / heads);
  config_["attention_multiplier"] =
      given("attention.scale").value_or(1 / std::sqrt(static_cast<double>(dim)));
  config_["embedding_multiplier"] = given("embedding_scale").value_or(1);
  config_["residual_multiplier"] = given("residual_scale").value_or(1);
  const auto divisor = given("logit_scale");
  if (!divisor) keys_.refuse("logit_scale", "expected a number above 0");
  config_["logits_scaling"] = *divisor;
  // llama.cpp takes this key for a switch in this architecture.
  constexpr const char* kSwitch = "rope.scaling.finetuned";
  if (!file_.boolean(keys_.key(kSwitch)).value_or(true)) {
    keys_.refuse(kSwitch, "found false, which is a model without RoPE: it is not supported");
  }
}

void GgufConfigWriter::refuse_what_changes_results() {
  for (const char* const name :
       {"expert_count", "expert_used_count", "embedding_length_per_layer_input",
        "attention.shared_kv_layers"}) {
    if (const auto found = file_.integer(keys_.key(name)); found && *found > 0) {
      keys_.refuse(name, "found " + std::to_string(*found) + ": models with it are not supported");
    }
  }
  if (!file_.boolean(keys_.key("attention.causal")).value_or(true)) {
    keys_.refuse("attention.causal", "only causal attention is supported");
  }
}

void GgufConfigWriter::name_unread() {
  for (const std::string& full : keys_.unread()) {
    if (full == name_ + ".tensor_data_layout") continue;
    notices_.push_back({"key \"" + full + "\" is not known", file_.path().string(),
                        "if it changes what the model computes, expandft computes something else"});
  }
}

Json GgufConfigWriter::write(const std::string& dtype) {
  config_ = {{"architectures", Json::array({architecture_.class_name})},
             {"model_type", architecture_.model_type},
             {"torch_dtype", dtype}};
  refuse_what_changes_results();
  write_sizes();
  config_[std::string(architecture_.activation_key)] = architecture_.activation;
  add_gguf_rope(keys_, config_);
  write_windows();
  const bool has_bias = file_.tensors().contains("blk.0.attn_q.bias");
  if (name_ != "qwen2" && name_ != "phi3") config_["attention_bias"] = has_bias;
  if (name_ == "llama" || name_ == "granite") {
    config_["mlp_bias"] = file_.tensors().contains("blk.0.ffn_up.bias");
  }
  if (name_ == "granite") write_multipliers();
  if (name_ == "mistral3") write_query_growth();
  if (name_ == "smollm3") config_["no_rope_layer_interval"] = 4;  // whatever the file says
  if (name_ == "qwen2" || name_ == "qwen3") config_["use_sliding_window"] = false;
  config_["tie_word_embeddings"] = !file_.tensors().contains("output.weight");
  if (architecture_.has_query_scalar) {
    const auto hidden = config_["hidden_size"].get<std::int64_t>();
    const auto heads = config_["num_attention_heads"].get<std::int64_t>();
    const bool is_largest = config_["num_hidden_layers"] == architecture_.largest_layers;
    config_["query_pre_attn_scalar"] =
        is_largest ? hidden / heads : config_.value("head_dim", hidden / heads);
    const auto cap = keys_.number("final_logit_softcapping");
    if (name_ == "gemma2") {  // where the file states none, llama.cpp computes with these
      config_["final_logit_softcapping"] = cap.value_or(30);
      config_["attn_logit_softcapping"] = keys_.number("attn_logit_softcapping").value_or(50);
    } else {
      config_["final_logit_softcapping"] = cap ? Json(*cap) : Json();
    }
  }
  for (const char* const token : {"bos", "eos", "padding"}) {
    const auto id = file_.integer(std::string("tokenizer.ggml.") + token + "_token_id");
    const bool stated = id && *id >= 0 && *id < kNoToken;
    // null rather than nothing: transformers' classes have defaults of their own.
    config_[token == std::string("padding") ? "pad_token_id" : token + std::string("_token_id")] =
        stated ? Json(*id) : Json();
  }
  name_unread();
  return config_;
}

const Architecture* find_architecture(const std::string& name) {
  const auto* const found = std::ranges::find(kArchitectures, name, &Architecture::name);
  return found == std::end(kArchitectures) ? nullptr : found;
}

std::string known_architectures() {
  std::string known;
  for (const Architecture& each : kArchitectures) {
    known += (known.empty() ? "" : ", ") + std::string(each.name);
  }
  return known;
}

}  // namespace

std::string gguf_model_type(const GgufFile& file) {
  const std::string name = file.text("general.architecture").value_or("");
  const Architecture* const found = find_architecture(name);
  if (found == nullptr) return name;
  const bool grows = file.number("mistral3.attention.temperature_scale").value_or(0) != 0;
  return name == "mistral3" && !grows ? "mistral" : std::string(found->model_type);
}

Json gguf_model_config(const GgufFile& file, const std::string& dtype, Notices& notices) {
  const std::string name = file.text("general.architecture").value_or("");
  const Architecture* const found = find_architecture(name);
  if (found == nullptr) {
    throw input_error(
        "the architecture is \"" + name + "\", expected one of " + known_architectures(),
        file.path().string() + ": key \"general.architecture\"",
        "docs/models.md lists the models that expandft reads");
  }
  return GgufConfigWriter(file, *found, notices).write(dtype);
}

}  // namespace expandft
