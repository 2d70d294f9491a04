#include "tokenizer/pipeline/bpe_model.h"

#include "base/error.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "tokenizer/pipeline/token.h"

#include <algorithm>
#include <cstdio>

namespace expandft {
namespace {

constexpr std::int64_t kLargestId = (1 << 22) - 1;  // 16 times the largest published vocabulary

// Whether the token has the mark after another character than the mark.
bool has_inner_mark(std::string_view token) {
  for (std::size_t at = token.find(kSpaceMark); at != token.npos;
       at = token.find(kSpaceMark, at + kSpaceMark.size())) {
    if (at > 0 && !token.substr(0, at).ends_with(kSpaceMark)) return true;
  }
  return false;
}

// Options that no published model of the supported families uses.
void refuse_options(const JsonNode& node) {
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    const auto affix = node.find(key);
    if (affix && !affix->text().empty())
      affix->unsupported("a " + std::string(key), "null or \"\"");
  }
  const auto dropout = node.find("dropout");
  if (!dropout) return;
  if (!dropout->value().is_number()) dropout->wrong("a number or null");
  if (dropout->value().get<double>() != 0) {
    dropout->unsupported("dropout", "null or 0: encoding must not depend on chance");
  }
}

}  // namespace

BpeModel BpeModel::read(const JsonNode& node) {
  if (const auto type = node.find("type"); type && type->text() != "BPE") {
    type->unsupported("the model type \"" + type->text() + "\"", "BPE");
  }
  refuse_options(node);
  BpeModel model;
  model.where_ = node.where();
  model.byte_fallback_ = node.flag("byte_fallback", false);
  model.fuse_unknown_ = node.flag("fuse_unk", false);
  model.ignore_merges_ = node.flag("ignore_merges", false);
  if (const auto unknown = node.find("unk_token")) model.unknown_ = unknown->text();
  model.read_vocabulary(node.at("vocab"));
  model.index_characters();
  model.read_merges(node.at("merges"));
  return model;
}

void BpeModel::read_vocabulary(const JsonNode& node) {
  const Json& vocabulary = node.object();
  std::int64_t largest = -1;
  for (const auto& [token, id] : vocabulary.items()) {
    const bool whole = id.is_number_integer();
    // Compared as JSON numbers, since an id beyond 2^63 must not wrap around.
    if (!whole || id < 0 || id > kLargestId) {
      node.wrong(token, id, "an id from 0 to " + std::to_string(kLargestId));
    }
    largest = std::max(largest, id.get<std::int64_t>());
  }
  if (largest < 0) node.wrong("a vocabulary of at least one token");
  tokens_.resize(static_cast<std::size_t>(largest) + 1);
  ids_.reserve(vocabulary.size());
  std::vector<bool> taken(tokens_.size());
  for (const auto& [token, value] : vocabulary.items()) {
    const auto id = value.get<TokenId>();
    std::string& slot = tokens_[static_cast<std::size_t>(id)];
    if (taken[static_cast<std::size_t>(id)]) {
      throw input_error(
          "the tokens \"" + slot + "\" and \"" + token + "\" both have id " + std::to_string(id),
          node.where());
    }
    taken[static_cast<std::size_t>(id)] = true;
    slot = token;
    ids_.emplace(slot, id);
  }
}

void BpeModel::index_characters() {
  for (unsigned byte = 0; byte < byte_ids_.size(); ++byte) {
    char token[8];
    std::snprintf(token, sizeof(token), "<0x%02X>", byte);
    byte_ids_[byte] = find(token).value_or(kNoToken);
  }
  character_ids_.fill(kNoToken);
  for (const auto& [token, id] : ids_) {
    if (token.empty() || character_length(token) != token.size()) continue;
    const char32_t character = decode_character(token).code;
    if (character < character_ids_.size()) character_ids_[character] = id;
  }
}

void BpeModel::read_merges(const JsonNode& node) {
  const Json& merges = node.array();
  merges_ = BpeMerges(merges.size());
  cuts_before_mark_ = !ignore_merges_ && find(kSpaceMark).has_value();
  std::uint32_t rank = 0;
  std::size_t index = 0;
  std::string joined;
  for (const Json& item : merges) {
    const std::string place = "[" + std::to_string(index++) + "]";
    std::string_view left;
    std::string_view right;
    if (item.is_string()) {
      const std::string_view line = item.get_ref<const std::string&>();
      if (line.starts_with("#version")) continue;
      const std::size_t space = line.find(' ');
      if (space == line.npos || line.find(' ', space + 1) != line.npos) {
        node.wrong(place, item, "two tokens with a space between them");
      }
      left = line.substr(0, space);
      right = line.substr(space + 1);
    } else if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      left = item[0].get_ref<const std::string&>();
      right = item[1].get_ref<const std::string&>();
    } else {
      node.wrong(place, item, "a merge: \"a b\" or [\"a\", \"b\"]");
    }
    joined.assign(left).append(right);
    const auto id = [&](std::string_view token) {
      const auto found = find(token);
      if (found) return *found;
      throw input_error("the merge of \"" + std::string(left) + "\" and \"" + std::string(right) +
                            "\" needs the token \"" + std::string(token) +
                            "\", which the vocabulary lacks",
                        node.where() + place);
    };
    const TokenId left_id = id(left);
    const TokenId right_id = id(right);
    merges_.set(left_id, right_id, {rank++, id(joined)});
    if (cuts_before_mark_ && has_inner_mark(joined)) cuts_before_mark_ = false;
  }
}

std::optional<TokenId> BpeModel::find(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

// If no merge makes a token with "▁" after another character, a word can be cut before each such
// "▁" without changing an id. (Without a pre-tokenizer a whole text is one word.)
void BpeModel::append(std::string_view word, WordCache& cache, std::vector<TokenId>& ids) const {
  if (cuts_before_mark_) {
    for (std::size_t at = word.find(kSpaceMark, 1); at != word.npos;) {
      if (word.substr(0, at).ends_with(kSpaceMark)) {
        at = word.find(kSpaceMark, at + 1);
        continue;
      }
      append_part(word.substr(0, at), cache, ids);
      word.remove_prefix(at);
      at = word.find(kSpaceMark, 1);
    }
  }
  if (!word.empty()) append_part(word, cache, ids);
}

void BpeModel::append_part(std::string_view part, WordCache& cache,
                           std::vector<TokenId>& ids) const {
  if (ignore_merges_) {
    if (const auto whole = find(part)) {
      ids.push_back(*whole);
      return;
    }
  }
  if (cache.append(part, ids)) return;
  std::vector<TokenId> symbols;
  symbols_of(part, symbols);
  merges_.apply(symbols);
  ids.insert(ids.end(), symbols.begin(), symbols.end());
  cache.add(part, symbols);
}

TokenId BpeModel::character_id(std::string_view character) const {
  if (character.size() <= 2) return character_ids_[decode_character(character).code];
  return find(character).value_or(kNoToken);
}

void BpeModel::symbols_of(std::string_view word, std::vector<TokenId>& symbols) const {
  bool unknown = false;  // an unknown token before `at` is not yet in `symbols`
  const auto add_unknown = [&] {
    if (unknown) symbols.push_back(*find(*unknown_));
    unknown = false;
  };
  for (std::size_t at = 0; at < word.size();) {
    const std::string_view character = word.substr(at, character_length(word.substr(at)));
    at += character.size();
    if (const TokenId id = character_id(character); id != kNoToken) {
      add_unknown();
      symbols.push_back(id);
      continue;
    }
    const auto byte_id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
    if (byte_fallback_ && std::all_of(character.begin(), character.end(),
                                      [&](char c) { return byte_id(c) != kNoToken; })) {
      for (const char c : character) symbols.push_back(byte_id(c));
      continue;
    }
    if (!unknown_) continue;  // the tokenizers package drops such a character too
    if (!find(*unknown_)) {
      throw input_error("the text has the character \"" + std::string(character) +
                            "\", which is not in the vocabulary, nor is unk_token \"" + *unknown_ +
                            "\"",
                        where_);
    }
    if (!fuse_unknown_) add_unknown();
    unknown = true;
  }
  add_unknown();
}

}  // namespace expandft
