#pragma once

#include "base/files.h"
#include "base/notice.h"
#include "tokenizer/pipeline/added_tokens.h"

#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// A named special token: missing in the files, switched off (null), or its text.
struct NamedToken {
  bool stated = false;
  std::optional<std::string> content;
};

/// The content of the JSON files beside tokenizer.model or tokenizer.json.
struct TokenizerConfig {
  std::string tokenizer_class;           // without "Fast", or config.json's; "" when not stated
  std::string model_type;                // of config.json; "" when there is none
  bool splits_special = false;           // split_special_tokens: none is recognised in a text
  std::optional<bool> add_bos, add_eos;  // add_bos_token, add_eos_token
  std::optional<bool> add_prefix_space;
  bool legacy = false;  // transformers 5: false unless the file says otherwise
  NamedToken bos, eos, unk;
  bool describes_added = false;    // added_tokens_decoder exists
  bool lists_extra = false;        // a list of extra special tokens exists, perhaps empty
  std::vector<AddedToken> added;   // in the order of assigning ids; id -1: to be assigned
  std::vector<std::string> named;  // the texts of those named by a field
  Notices notices;
};

/// Reads tokenizer_config.json, config.json and, if the first has no added_tokens_decoder,
/// special_tokens_map.json and added_tokens.json. Each may be missing. Input errors name the file
/// and the JSON path.
TokenizerConfig read_tokenizer_config(const fs::path& directory);

}  // namespace expandft
