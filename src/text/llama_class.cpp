#include "text/llama_class.h"

#include <algorithm>

namespace expandft {
namespace {

bool is_byte_level(const Json& step) {
  if (step.is_object() && step.value("type", Json()) == "ByteLevel") return true;
  return step.is_structured() && std::any_of(step.begin(), step.end(), is_byte_level);
}

bool has_byte_level(const Json& json, const char* part) {
  const auto step = json.find(part);
  return step != json.end() && is_byte_level(*step);
}

}  // namespace

void apply_llama_class(const TokenizerConfig& config, Json& json) {
  const bool llama = config.model_type.empty() || config.model_type == "llama";
  if (config.tokenizer_class != "LlamaTokenizer" || !llama || !json.is_object()) return;
  if (has_byte_level(json, "pre_tokenizer") || has_byte_level(json, "decoder")) return;
  if (!json.contains("model") || !json["model"].is_object())
    return;  // the reader says what is wrong

  const bool prefix = config.add_prefix_space.value_or(true);
  const char* const scheme = !prefix ? "never" : config.legacy ? "always" : "first";
  json["normalizer"] = nullptr;
  json["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", scheme}, {"split", false}};
  Json decoders = Json::array({
      {{"type", "Replace"}, {"pattern", {{"String", "▁"}}}, {"content", " "}},
      {{"type", "ByteFallback"}},
      {{"type", "Fuse"}},
  });
  if (prefix) {
    decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  json["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  Json& model = json["model"];
  model["byte_fallback"] = true;
  model["fuse_unk"] = true;
  model["ignore_merges"] = false;
  model["unk_token"] = nullptr;
}

}  // namespace expandft
