#include "gguf/writing/gguf_tokenizer_keys.h"

#include "base/error.h"
#include "chat/chat_template.h"
#include "gguf/gguf_chat_templates.h"
#include "gguf/pre_tokenizers.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace expandft {
namespace {

/// A named token in tokenizer_config.json and config.json, and in GGUF's keys.
constexpr std::array<std::pair<const char*, const char*>, 7> kNamedTokens{{{"bos", "bos"},
                                                                           {"eos", "eos"},
                                                                           {"unk", "unknown"},
                                                                           {"sep", "seperator"},
                                                                           {"pad", "padding"},
                                                                           {"cls", "cls"},
                                                                           {"mask", "mask"}}};

Json json_or_null(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored) ? read_json(file) : Json();
}

/// The text of a token that tokenizer_config.json names: a text, or an object with "content".
std::optional<std::string> named_text(const Json& config, const char* name) {
  if (!config.is_object()) return std::nullopt;
  Json token = config.value(std::string(name) + "_token", Json());
  if (token.is_object()) token = token.value("content", Json());
  return token.is_string() ? std::optional(token.get<std::string>()) : std::nullopt;
}

/// The name that llama.cpp's converter gives a chat template: "_" for each other character.
std::string gguf_template_name(std::string_view name) {
  std::string kept;
  for (const char c : name) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool is_further_byte = (static_cast<unsigned char>(c) & 0xC0) == 0x80;  // of UTF-8
    if (!is_further_byte) kept += is_plain ? c : '_';
  }
  return kept;
}

class TokenizerKeys {
 public:
  TokenizerKeys(const TokenizerToWrite& from, GgufMetadata& metadata)
      : from_(from),
        metadata_(metadata),
        config_(json_or_null(from.directory / "tokenizer_config.json")),
        is_sentencepiece_(from.vocabulary.is_sentencepiece()) {
    const fs::path file = from.directory / "tokenizer.json";
    std::error_code ignored;
    if (fs::exists(file, ignored)) {
      // Without vocabulary and merges, which are large.
      json_ = parse_tokenizer_json(read_file(file), file.string()).json;
    }
  }

  void write();

 private:
  void write_vocabulary();
  void write_ids();
  void write_additions();
  void write_chat_templates();
  std::optional<std::int64_t> id_of(const char* name) const;
  std::optional<std::int64_t> id_in_json(const std::string& text) const;
  /// What the files say: the post-processor, else tokenizer_config.json; nothing if they do not.
  std::optional<bool> stated(const char* name, bool does) const;
  bool adds_space() const;

  const TokenizerToWrite& from_;
  GgufMetadata& metadata_;
  Json config_, json_;
  bool is_sentencepiece_;
};

std::optional<std::int64_t> TokenizerKeys::id_in_json(const std::string& text) const {
  if (!json_.is_object() || !json_.contains("added_tokens")) return std::nullopt;
  for (const Json& token : json_.at("added_tokens")) {
    if (token.value("content", Json()) == text) return token.at("id").get<std::int64_t>();
  }
  return std::nullopt;
}

std::optional<std::int64_t> TokenizerKeys::id_of(const char* name) const {
  if (const auto text = named_text(config_, name)) {
    if (const auto id = id_in_json(*text)) return id;
  }
  const std::string key = std::string(name) + "_token_id";
  for (const Json& config : {from_.config, from_.config.value("text_config", Json::object())}) {
    const Json id = config.value(key, Json());
    if (id.is_number_integer() && id >= 0) return id.get<std::int64_t>();
  }
  if (name == std::string("bos")) return from_.tokenizer.bos();
  if (name == std::string("eos")) return from_.tokenizer.eos();
  return std::nullopt;
}

void TokenizerKeys::write_ids() {
  // Those with a text first.
  for (const bool by_text : {true, false}) {
    for (const auto& [name, key] : kNamedTokens) {
      const auto text = named_text(config_, name);
      const bool has_text = text && id_in_json(*text);
      const auto id = id_of(name);
      if (has_text != by_text || !id || *id >= std::ssize(from_.vocabulary.tokens)) continue;
      metadata_.add_size(std::string("tokenizer.ggml.") + key + "_token_id", *id);
    }
  }
}

std::optional<bool> TokenizerKeys::stated(const char* name, bool does) const {
  if (json_.is_object() && json_.value("post_processor", Json()).is_object()) {
    const Json& post = json_.at("post_processor");
    for (const Json& processor : post.value("processors", Json::array({post}))) {
      const std::string type = processor.value("type", "");
      if (type == "ByteLevel" || (type == "TemplateProcessing" && does)) return does;
    }
  }
  const Json flag =
      config_.is_object() ? config_.value(std::string("add_") + name + "_token", Json()) : Json();
  return flag.is_boolean() ? std::optional(does) : std::nullopt;
}

void TokenizerKeys::write_additions() {
  const auto known = find_gguf_pre_tokenizer(from_.vocabulary.pre);
  const bool adds_bos = from_.tokenizer.adds_bos() && from_.tokenizer.bos();
  const bool adds_eos = from_.tokenizer.adds_eos() && from_.tokenizer.eos();
  const bool usual_bos = is_sentencepiece_ || (known && known->adds_bos);
  if (adds_bos != usual_bos || stated("bos", adds_bos)) {
    metadata_.add_flag("tokenizer.ggml.add_bos_token", adds_bos);
  }
  if (adds_eos || stated("eos", adds_eos)) {
    metadata_.add_flag("tokenizer.ggml.add_eos_token", adds_eos);
  }
}

void TokenizerKeys::write_vocabulary() {
  const GgufVocabulary& vocabulary = from_.vocabulary;
  metadata_.add_text("tokenizer.ggml.model", vocabulary.model);
  metadata_.add_text("tokenizer.ggml.pre", vocabulary.pre);
  metadata_.add_texts("tokenizer.ggml.tokens", vocabulary.tokens);
  if (is_sentencepiece_) metadata_.add_floats("tokenizer.ggml.scores", vocabulary.scores);
  std::vector<std::int32_t> kinds;
  for (const GgufTokenKind kind : vocabulary.kinds) {
    kinds.push_back(static_cast<std::int32_t>(kind));
  }
  metadata_.add_integers("tokenizer.ggml.token_type", kinds);
  if (!is_sentencepiece_) metadata_.add_texts("tokenizer.ggml.merges", vocabulary.merges);
}

/// Whether a space precedes every text.
bool TokenizerKeys::adds_space() const {
  const std::vector<TokenId> ids = from_.tokenizer.encode("a");
  return !ids.empty() && from_.tokenizer.token(ids.front()).starts_with("▁");
}

void TokenizerKeys::write_chat_templates() {
  const std::vector<ChatTemplate> templates = read_chat_templates(from_.directory);
  if (templates.empty()) return;
  std::vector<std::string> names;
  for (std::size_t i = 1; i < templates.size(); ++i) {
    const ChatTemplate& other = templates[i];
    const std::string name = gguf_template_name(other.name);
    const bool is_taken = std::ranges::find(names, name) != names.end();
    if (is_taken || !is_chat_template_name(name)) {
      throw input_error("the chat template " + json_excerpt(Json(other.name)) +
                            " would have the name " + json_excerpt(Json(name)) +
                            " in a GGUF file, which " +
                            (is_taken ? "another one has" : "no template can have"),
                        other.where, "rename the template");
    }
    metadata_.add_text(gguf_chat_template_key(name), other.text);
    names.push_back(name);
  }
  // The converter's order is that of a Python set, which is another one every time.
  if (!names.empty()) metadata_.add_texts(kGgufChatTemplates, names);
  metadata_.add_text(kGgufChatTemplate, templates.front().text);
}

void TokenizerKeys::write() {
  // Llama's converter writes what tokenizer_config.json says before the rest, Gemma's its own rule
  // at the end.
  const bool is_stated = from_.architecture == "llama" && config_.is_object() &&
                         config_.value("add_prefix_space", Json()).is_boolean();
  const bool adds = is_sentencepiece_ ? adds_space() : false;
  if (is_stated) metadata_.add_flag("tokenizer.ggml.add_space_prefix", adds);
  write_vocabulary();
  write_ids();
  write_additions();
  write_chat_templates();
  if (is_sentencepiece_ && !adds && !is_stated) {
    metadata_.add_flag("tokenizer.ggml.add_space_prefix", false);
  }
}

}  // namespace

void add_tokenizer_keys(const TokenizerToWrite& from, GgufMetadata& metadata) {
  TokenizerKeys(from, metadata).write();
}

}  // namespace expandft
