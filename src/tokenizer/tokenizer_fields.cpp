#include "tokenizer/tokenizer_fields.h"

#include "tokenizer/pipeline/json_node.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace expandft {
namespace {

/// Flags that are read, or that change neither ids nor text.
constexpr std::array kFlags{
    "add_bos_token",
    "add_eos_token",
    "add_prefix_space",
    "legacy",
    "split_special_tokens",
    "trim_offsets",
    "is_local",
    "local_files_only",
    "use_fast",
    "from_slow",
    "verbose",
    "use_default_system_prompt",
    "clean_up_tokenization_spaces",  // without effect on byte-pair encodings in transformers
    "clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
    "fix_mistral_regex",
    "do_lower_case",
    "strip_accents",
    "keep_accents",
    "remove_space",
    "spaces_between_special_tokens",
};

/// Other fields that are read here or elsewhere, or that change neither ids nor text: padding and
/// truncation of batches, names of files, who wrote them.
constexpr std::array kKnown{
    "tokenizer_class",
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
    "additional_special_tokens",
    "extra_special_tokens",
    "model_specific_special_tokens",
    "added_tokens_decoder",
    "auto_map",
    "sp_model_kwargs",
    "chat_template",
    "response_template",
    "response_schema",
    "chat_control_tokens",
    "model_max_length",
    "max_len",
    "max_length",
    "padding_side",
    "truncation_side",
    "truncation_strategy",
    "truncation",
    "padding",
    "stride",
    "pad_to_multiple_of",
    "pad_token_type_id",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
    "unk_token_id",
    "model_input_names",
    "processor_class",
    "name_or_path",
    "special_tokens_map_file",
    "tokenizer_file",
    "vocab_file",
    "merges_file",
    "errors",
    "backend",
    "init_inputs",
    "files_loaded",
    "_commit_hash",
    "transformers_version",
    "tokenizer_type",
    "device_map",
};

/// Flags that only other tokenizer classes use, in transformers too.
constexpr std::array kWithoutEffect{"do_lower_case", "strip_accents", "keep_accents",
                                    "remove_space"};

template <std::size_t count>
bool is_among(std::string_view key, const std::array<const char*, count>& keys) {
  return std::ranges::find(keys, key) != keys.end();
}

bool is_nothing(const Json& value) {
  return value.is_null() || value == Json(false) || value == Json("") ||
         (value.is_structured() && value.empty());
}

/// "image_token": "<image>".
bool names_token(std::string_view key, const Json& value) {
  return key.ends_with("_token") && (value.is_string() || value.is_object());
}

}  // namespace

Notices check_tokenizer_fields(const Json& config, const std::string& file) {
  Notices notices;
  const JsonNode root(config, file);
  for (const char* const key : kFlags) root.flag(key, false);  // checks its type
  const auto refuse = [&](const char* key, const std::string& hint) {
    throw input_error(std::string("\"") + key + "\" is true, which is not supported",
                      file + ": " + key, hint);
  };
  if (root.flag("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output", false) &&
      root.flag("clean_up_tokenization_spaces", false)) {
    refuse("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output",
           "set it to false: texts are shown as the model wrote them");
  }
  if (root.flag("fix_mistral_regex", false)) {
    refuse("fix_mistral_regex",
           "write the corrected tokenizer with Python's transformers "
           "(AutoTokenizer.from_pretrained(directory, fix_mistral_regex=True), save_pretrained), "
           "and set it to false");
  }
  if (const auto kwargs = root.find("sp_model_kwargs");
      kwargs && kwargs->flag("enable_sampling", false)) {
    notices.push_back(
        {"\"sp_model_kwargs\" enables sampling, which has no effect, as in transformers 5: "
         "each text always has the same ids",
         file + ": sp_model_kwargs", "set enable_sampling to false"});
  }
  if (const auto map = root.find("auto_map");
      map &&
      (map->value().is_array() || (map->value().is_object() && map->find("AutoTokenizer")))) {
    notices.push_back(
        {"\"auto_map\" names the model's own Python code for its tokenizer, which never runs "
         "here: ids may differ from those of that code",
         file + ": auto_map", "compare them with Python's transformers"});
  }
  for (const char* const key : kWithoutEffect) {
    if (!root.flag(key, false)) continue;
    notices.push_back({std::string("\"") + key +
                           "\" is true, but has no effect on this kind of tokenizer, as in "
                           "transformers",
                       file + ": " + key, "remove it, or put a normalizer into tokenizer.json"});
  }
  for (const auto& [key, value] : config.items()) {
    if (is_among(key, kFlags) || is_among(key, kKnown) || is_nothing(value)) continue;
    if (names_token(key, value)) continue;
    notices.push_back({"\"" + key + "\" is not known: nothing reads it", file + ": " + key,
                       "check its spelling, or remove it"});
  }
  return notices;
}

}  // namespace expandft
