#pragma once

#include "tokenizer/json_tokenizer.h"

#include <cstdio>
#include <utility>

namespace expandft::fuzz {

/// One token for each byte.
inline JsonTokenizer byte_tokenizer() {
  Json vocabulary = Json::object();
  for (int byte = 0; byte < 256; ++byte) {
    char name[8];
    std::snprintf(name, sizeof name, "<0x%02X>", static_cast<unsigned>(byte));
    vocabulary[name] = byte;
  }
  vocabulary["<unk>"] = 256;
  Json added = Json::array();
  for (const auto& [content, id] : {std::pair("<s>", 257), {"</s>", 258}}) {
    added.push_back({{"id", id},
                     {"content", content},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  const Json file = {
      {"added_tokens", added},
      {"decoder",
       {{"type", "Sequence"}, {"decoders", {{{"type", "ByteFallback"}}, {{"type", "Fuse"}}}}}},
      {"model",
       {{"type", "BPE"},
        {"unk_token", "<unk>"},
        {"byte_fallback", true},
        {"vocab", vocabulary},
        {"merges", Json::array()}}}};
  return {file.dump(), "fuzz", {}};
}

}  // namespace expandft::fuzz
