#include "tokenizer/tokenizer_class.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

namespace expandft {
namespace {

/// Classes that use tokenizer.json as it is, by their names in tokenizer_config.json.
constexpr std::array kPlainClasses{"",
                                   "TokenizersBackend",
                                   "PreTrainedTokenizer",
                                   "PreTrainedTokenizerFast",
                                   "PythonBackend",
                                   "PreTrainedTokenizerBase"};

bool is_plain(std::string_view name) {
  return std::ranges::find(kPlainClasses, name) != kPlainClasses.end();
}

/// The class that transformers registers for a type of model.
struct Registered {
  const char* model_type;
  const char* tokenizer_class;  // "": the plain one
  bool overrides;               // even if tokenizer_config.json names another
};
constexpr Registered kRegistered[] = {
    {"gemma", "GemmaTokenizer", false},
    {"gemma2", "GemmaTokenizer", false},
    {"gemma3", "GemmaTokenizer", false},
    {"gemma3_text", "GemmaTokenizer", false},
    {"granite", "", false},
    {"internlm3", "", true},
    {"iquestcoder", "", true},
    {"llava", "", true},
    {"ministral", "", false},
    {"ministral3", "", false},
    {"mistral", "", false},
    {"mistral3", "", false},
    {"phi3", "", true},
    {"qwen2", "Qwen2Tokenizer", true},
    {"qwen2_vl", "Qwen2Tokenizer", false},
    {"qwen2_5_vl", "Qwen2Tokenizer", false},
    {"qwen3", "Qwen2Tokenizer", false},
    {"qwen3_vl", "Qwen2Tokenizer", false},
    {"smolvlm", "", true},
    {"qwen3_5_text", "Qwen3_5Tokenizer", false},
    {"qwen3_5", "Qwen3_5Tokenizer", true},
};

bool is_byte_level(const Json& step) {
  if (step.is_object() && step.value("type", Json()) == "ByteLevel") return true;
  return step.is_structured() && std::any_of(step.begin(), step.end(), is_byte_level);
}

bool has_byte_level(const Json& json, const char* part) {
  const auto step = json.find(part);
  return step != json.end() && is_byte_level(*step);
}

Json replace_step(const char* type, const char* from, const char* to) {
  Json step = {{"type", type}, {"pattern", {{"String", from}}}};
  step["content"] = to;
  return step;
}

/// "▁" to space, bytes to text, joined. `strips`: without the dummy prefix.
Json marked_decoder(bool strips) {
  Json steps = Json::array({replace_step("Replace", "▁", " "), Json({{"type", "ByteFallback"}}),
                            Json({{"type", "Fuse"}})});
  if (strips) {
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  return {{"type", "Sequence"}, {"decoders", steps}};
}

Json byte_level(bool prefix, bool splits) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", prefix},
          {"trim_offsets", true},
          {"use_regex", splits}};
}

/// The model's options, with byte fallback or for a byte-level model.
void set_model(Json& model, bool by_bytes, const Json& unknown) {
  model["byte_fallback"] = by_bytes;
  model["fuse_unk"] = by_bytes;
  model["ignore_merges"] = false;
  model["unk_token"] = unknown;
  model["dropout"] = nullptr;
  model["continuing_subword_prefix"] = nullptr;
  model["end_of_word_suffix"] = nullptr;
}

void be_llama(const TokenizerConfig& config, Json& json) {
  const bool prefix = config.add_prefix_space.value_or(true);
  const char* const scheme = !prefix ? "never" : config.legacy ? "always" : "first";
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", false}};
  json["decoder"] = marked_decoder(prefix);
  set_model(json["model"], true, nullptr);
}

void be_gemma(const TokenizerConfig& config, Json& json) {
  json["normalizer"] = replace_step("Replace", " ", "▁");
  json["pre_tokenizer"] = {{"type", "Split"},
                           {"pattern", {{"String", " "}}},
                           {"behavior", "MergedWithPrevious"},
                           {"invert", false}};
  json["decoder"] = marked_decoder(false);
  set_model(json["model"], true, config.unk.content.value_or("<unk>"));
}

/// Byte-level, with the pattern or, if it is null, with GPT-2's.
void be_byte_level(const TokenizerConfig& config, const char* pattern, bool composes, Json& json) {
  const bool prefix = config.add_prefix_space.value_or(false);
  json["normalizer"] = composes ? Json({{"type", "NFC"}}) : Json();
  json["pre_tokenizer"] = byte_level(prefix, pattern == nullptr);
  if (pattern != nullptr) {
    const Json split = {{"type", "Split"},
                        {"pattern", {{"Regex", pattern}}},
                        {"behavior", "Isolated"},
                        {"invert", false}};
    json["pre_tokenizer"] = {{"type", "Sequence"},
                             {"pretokenizers", Json::array({split, byte_level(prefix, false)})}};
  }
  json["decoder"] = byte_level(true, true);
  set_model(json["model"], false, nullptr);
}

// The published patterns of these families.
constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr const char* kQwen35Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

}  // namespace

std::string chosen_tokenizer_class(const TokenizerConfig& config, const Json& json) {
  const std::string& stated = config.tokenizer_class;
  const auto* const found =
      std::ranges::find(kRegistered, config.model_type,
                        [](const Registered& one) -> std::string_view { return one.model_type; });
  const Registered* const known = found == std::end(kRegistered) ? nullptr : found;
  const bool overrides = known != nullptr && known->overrides;
  // Llama 3's tokenizers name LlamaTokenizer, which is not byte-level.
  if (stated == "LlamaTokenizer" && !overrides &&
      (has_byte_level(json, "pre_tokenizer") || has_byte_level(json, "decoder"))) {
    return "";
  }
  if (stated.empty() || overrides) return known == nullptr ? "" : known->tokenizer_class;
  if (known != nullptr && known->tokenizer_class != stated &&
      std::string_view(known->tokenizer_class).empty()) {
    return "";
  }
  return is_plain(stated) ? "" : stated;
}

void apply_tokenizer_class(const TokenizerConfig& config, const std::string& where, Json& json,
                           Notices& notices) {
  if (!json.is_object() || !json.contains("model") || !json["model"].is_object()) {
    return;  // read_tokenizer_json reports what is wrong
  }
  const std::string name = chosen_tokenizer_class(config, json);
  if (name.empty()) return;
  constexpr std::array kKnown{"LlamaTokenizer",   "GemmaTokenizer", "Qwen2Tokenizer",
                              "Qwen3_5Tokenizer", "GPT2Tokenizer",  "GPTNeoXTokenizer"};
  const bool is_known = std::ranges::find(kKnown, name) != kKnown.end();
  if (is_known && config.describes_added) json["added_tokens"] = Json::array();
  if (name == "LlamaTokenizer") return be_llama(config, json);
  if (name == "GemmaTokenizer") return be_gemma(config, json);
  if (name == "Qwen2Tokenizer") return be_byte_level(config, kQwen2Pattern, true, json);
  if (name == "Qwen3_5Tokenizer") return be_byte_level(config, kQwen35Pattern, true, json);
  if (name == "GPT2Tokenizer") return be_byte_level(config, nullptr, false, json);
  if (name == "GPTNeoXTokenizer") {
    be_byte_level(config, nullptr, true, json);
    json["post_processor"] = nullptr;
    return;
  }
  notices.push_back({"tokenizer_class is \"" + name +
                         "\", whose rules are not known: tokenizer.json is used as it is",
                     where,
                     "compare ids with Python's transformers, or set tokenizer_class to "
                     "\"TokenizersBackend\""});
}

}  // namespace expandft
