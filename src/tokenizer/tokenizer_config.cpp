#include "tokenizer/tokenizer_config.h"

#include "base/error.h"
#include "base/json.h"
#include "tokenizer/tokenizer_fields.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

namespace expandft {
namespace {

constexpr TokenId kLargestAddedId = 1
                                    << 24;  // far beyond any vocabulary; limits the size of tables

class ConfigReader {
 public:
  ConfigReader(const fs::path& file, TokenizerConfig& config) : file_(file), config_(config) {
    std::error_code ignored;
    if (fs::exists(file_, ignored)) json_ = read_json(file_);
    if (!json_.is_null() && !json_.is_object()) wrong("", "an object");
  }

  const Json& json() const { return json_; }
  /// Adds the tokens of a later file, as transformers does: a list of extra tokens continues.
  void override_with(const Json& later) {
    if (later.is_null()) return;
    if (json_.is_null()) json_ = Json::object();
    for (const auto& [key, value] : later.items()) {
      Json& slot = json_[key];
      if (key != "extra_special_tokens" || !slot.is_array() || !value.is_array()) {
        slot = value;
        continue;
      }
      for (const Json& token : value) {
        if (std::ranges::find(slot, token) == slot.end()) slot.push_back(token);
      }
    }
  }
  bool has(const char* key) const { return json_.contains(key); }

  std::optional<bool> flag(const char* key) const {
    if (!has(key) || json_[key].is_null()) return std::nullopt;
    if (!json_[key].is_boolean()) wrong(key, "true or false");
    return json_[key].get<bool>();
  }

  std::string text(const char* key) const {
    if (!has(key) || json_[key].is_null()) return {};
    if (!json_[key].is_string()) wrong(key, "a string");
    return json_[key].get<std::string>();
  }

  // Later files override the names of earlier ones, and the order in which tokens without an id get
  // one, as in transformers.
  void named_tokens() {
    named("bos_token", &config_.bos);
    named("eos_token", &config_.eos);
    named("unk_token", &config_.unk);
    for (const char* key : {"sep_token", "pad_token", "cls_token", "mask_token"})
      named(key, nullptr);
    // "image_token" and the like: tokens that only the model's own code uses.
    for (const auto& [key, value] : json_.items()) {
      if (key.ends_with("_token") && !is_standard(key) &&
          (value.is_string() || value.is_object())) {
        add_named(token(value, key, true));
      }
    }
    token_list("model_specific_special_tokens");
    const bool has_extra = has("extra_special_tokens") && !json_["extra_special_tokens"].empty();
    token_list(has_extra ? "extra_special_tokens" : "additional_special_tokens");
  }

  // {"32000": {"content": "<|im_start|>", "special": true, …}}
  void added_tokens_decoder() {
    const Json& decoder = json_["added_tokens_decoder"];
    if (!decoder.is_object()) wrong("added_tokens_decoder", "an object of id: token");
    std::vector<AddedToken> tokens;
    for (const auto& item : decoder.items()) {
      const std::string path = "added_tokens_decoder." + item.key();
      AddedToken parsed = token(item.value(), path, false);
      const char* const end = item.key().data() + item.key().size();
      const auto [stop, problem] = std::from_chars(item.key().data(), end, parsed.id);
      if (problem != std::errc() || stop != end) wrong(path, "a token id as the key");
      checked_id(parsed.id, path);
      tokens.push_back(std::move(parsed));
    }
    add_sorted(std::move(tokens));
  }

  // {"<|im_start|>": 32000}; tokens that also have a name are special.
  void added_tokens() {
    std::vector<AddedToken> tokens;
    for (const auto& item : json_.items()) {
      if (!item.value().is_number_integer()) wrong(item.key(), "a token id");
      const auto id = item.value().get<std::int64_t>();
      checked_id(id, item.key());
      AddedToken parsed;
      parsed.content = item.key();
      parsed.id = static_cast<TokenId>(id);
      const auto named = std::find_if(config_.added.begin(), config_.added.end(),
                                      [&](const AddedToken& t) { return t.content == item.key(); });
      parsed.special = named != config_.added.end();
      parsed.normalized = !parsed.special;
      tokens.push_back(std::move(parsed));
    }
    add_sorted(std::move(tokens));
  }

 private:
  static bool is_standard(std::string_view key) {
    constexpr std::array kStandard{"bos_token",  "eos_token",     "unk_token",
                                   "sep_token",  "pad_token",     "cls_token",
                                   "mask_token", "add_bos_token", "add_eos_token"};
    return std::ranges::find(kStandard, key) != kStandard.end();
  }

  // A list of tokens, or an object of names and tokens.
  void token_list(const char* key) {
    if (!has(key) || json_[key].is_null()) return;
    if (!json_[key].is_structured()) wrong(key, "a list of tokens");
    for (const auto& item : json_[key].items()) {
      add_named(token(item.value(), std::string(key) + "." + item.key(), true));
    }
  }

  void add_named(AddedToken parsed) {
    config_.named.push_back(parsed.content);
    add(std::move(parsed));
  }

  void named(const char* key, NamedToken* slot) {
    if (!has(key)) return;
    if (slot != nullptr) *slot = {true, std::nullopt};
    if (json_[key].is_null()) return;
    AddedToken parsed = token(json_[key], key, true);
    if (slot != nullptr) slot->content = parsed.content;
    add_named(std::move(parsed));
  }

  // A token is a string or an object with "content" and flags.
  AddedToken token(const Json& json, const std::string& path, bool special) const {
    AddedToken parsed;
    parsed.special = special;
    if (json.is_string()) {
      parsed.content = json.get<std::string>();
    } else if (json.is_object() && json.contains("content") && json["content"].is_string()) {
      parsed.content = json["content"].get<std::string>();
      const auto read = [&](const char* key, bool missing) {
        if (!json.contains(key) || json[key].is_null()) return missing;
        if (!json[key].is_boolean()) wrong(path + "." + key, "true or false");
        return json[key].get<bool>();
      };
      parsed.special = read("special", special) || special;
      parsed.normalized = read("normalized", !parsed.special);
      parsed.lstrip = read("lstrip", false);
      parsed.rstrip = read("rstrip", false);
      parsed.single_word = read("single_word", false);
    } else {
      wrong(path, "a string or an object with \"content\"");
    }
    if (parsed.content.empty()) wrong(path, "a token that is not empty");
    return parsed;
  }

  // The first mention of a token decides its flags; a later one can only add its id.
  void add(AddedToken parsed) {
    for (AddedToken& known : config_.added) {
      if (known.content != parsed.content) continue;
      if (known.id >= 0 && parsed.id >= 0 && known.id != parsed.id) {
        throw input_error("the added token \"" + parsed.content + "\" has two ids, " +
                              std::to_string(known.id) + " and " + std::to_string(parsed.id),
                          file_.string());
      }
      if (parsed.id >= 0) known.id = parsed.id;
      known.special = known.special || parsed.special;
      return;
    }
    for (const AddedToken& known : config_.added) {
      if (parsed.id < 0 || known.id != parsed.id) continue;
      throw input_error("the added tokens \"" + known.content + "\" and \"" + parsed.content +
                            "\" both have id " + std::to_string(parsed.id),
                        file_.string());
    }
    config_.added.push_back(std::move(parsed));
  }

  void add_sorted(std::vector<AddedToken> tokens) {
    std::stable_sort(tokens.begin(), tokens.end(),
                     [](const AddedToken& a, const AddedToken& b) { return a.id < b.id; });
    for (AddedToken& parsed : tokens) add(std::move(parsed));
  }

  void checked_id(std::int64_t id, const std::string& path) const {
    if (id < 0 || id > kLargestAddedId) {
      wrong(path, "an id from 0 to " + std::to_string(kLargestAddedId));
    }
  }

  std::string place(const std::string& path) const {
    return file_.string() + (path.empty() ? "" : ": " + path);
  }

  [[noreturn]] void wrong(const std::string& path, const std::string& expected) const {
    throw input_error("expected " + expected, place(path));
  }

  const fs::path file_;
  TokenizerConfig& config_;
  Json json_;
};

}  // namespace

TokenizerConfig read_tokenizer_config(const fs::path& directory) {
  TokenizerConfig config, unused;
  ConfigReader main(directory / "tokenizer_config.json", config);
  const ConfigReader model(directory / "config.json", unused);
  config.model_type = model.text("model_type");
  config.tokenizer_class = main.text("tokenizer_class");
  if (config.tokenizer_class.empty()) config.tokenizer_class = model.text("tokenizer_class");
  if (config.tokenizer_class.ends_with("Fast")) {
    config.tokenizer_class.resize(config.tokenizer_class.size() - 4);
  }
  if (!main.json().is_null()) {
    config.notices =
        check_tokenizer_fields(main.json(), (directory / "tokenizer_config.json").string());
  }
  config.add_bos = main.flag("add_bos_token");
  if (main.has("add_bos_token") && !config.add_bos) config.add_bos = false;  // null
  config.add_eos = main.flag("add_eos_token");
  config.add_prefix_space = main.flag("add_prefix_space");
  config.legacy = main.flag("legacy").value_or(false);
  config.splits_special = main.flag("split_special_tokens").value_or(false);
  config.describes_added = main.has("added_tokens_decoder");
  config.lists_extra =
      main.has("additional_special_tokens") ||
      (main.has("extra_special_tokens") && !main.json()["extra_special_tokens"].is_object());
  if (config.describes_added) {
    main.added_tokens_decoder();
    main.named_tokens();
  } else {
    ConfigReader later(directory / "special_tokens_map.json", unused);
    later.named_tokens();  // read for its errors
    main.override_with(later.json());
    main.named_tokens();
    ConfigReader(directory / "added_tokens.json", config).added_tokens();
  }
  return config;
}

}  // namespace expandft
