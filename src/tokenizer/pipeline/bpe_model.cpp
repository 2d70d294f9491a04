#include "tokenizer/pipeline/bpe_model.h"

#include "base/error.h"
#include "base/unicode.h"
#include "base/utf8.h"
#include "tokenizer/pipeline/token.h"

#include <algorithm>
#include <cstdio>

namespace expandft {
namespace {

std::size_t index_of(char c) {
  return static_cast<unsigned char>(c);
}

/// The vocabulary of a JSON object.
std::vector<BpeTables::Token> listed_tokens(const JsonNode& node) {
  std::vector<BpeTables::Token> tokens;
  for (const auto& [token, id] : node.object().get_ref<const Json::object_t&>()) {
    const bool whole = id.is_number_integer();
    // Compared as JSON numbers, since an id beyond 2^63 must not wrap around.
    if (!whole || id < 0 || id > kLargestTokenId) {
      node.wrong(token, id, "an id from 0 to " + std::to_string(kLargestTokenId));
    }
    tokens.push_back({token, id.get<TokenId>()});
  }
  return tokens;
}

/// "a b", or ["a", "b"].
BpeTables::Merge merge_of(const Json& item, const JsonNode& merges, const std::string& place) {
  if (item.is_string()) {
    const std::string_view line = item.get_ref<const std::string&>();
    const std::size_t space = line.find(' ');
    if (space == line.npos || line.find(' ', space + 1) != line.npos) {
      merges.wrong(place, item, "two tokens with a space between them");
    }
    return {line.substr(0, space), line.substr(space + 1)};
  }
  if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
    return {item[0].get_ref<const std::string&>(), item[1].get_ref<const std::string&>()};
  }
  merges.wrong(place, item, "a merge: \"a b\" or [\"a\", \"b\"]");
}

bool is_version_line(const Json& item) {
  return item.is_string() && item.get_ref<const std::string&>().starts_with("#version");
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

BpeModel BpeModel::read(const JsonNode& node, const std::optional<BpeTables>& tables) {
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
  model.read_vocabulary(node.at("vocab"), tables);
  model.index_characters();
  model.read_merges(node.at("merges"), tables);
  return model;
}

void BpeModel::read_vocabulary(const JsonNode& node, const std::optional<BpeTables>& tables) {
  std::vector<BpeTables::Token> listed;
  if (!tables) listed = listed_tokens(node);
  const std::vector<BpeTables::Token>& tokens = tables ? tables->vocabulary : listed;
  if (tokens.empty()) node.wrong("a vocabulary of at least one token");
  const TokenId largest = std::ranges::max_element(tokens, {}, &BpeTables::Token::id)->id;
  vocabulary_ = BpeVocabulary(tokens.size(), static_cast<std::size_t>(largest) + 1);
  std::vector<bool> taken(static_cast<std::size_t>(largest) + 1);
  for (const auto& [token, id] : tokens) {
    const auto index = static_cast<std::size_t>(id);
    if (taken[index]) {
      throw input_error("the tokens \"" + vocabulary_.tokens()[index] + "\" and \"" +
                            std::string(token) + "\" both have id " + std::to_string(id),
                        node.where());
    }
    taken[index] = true;
    if (!vocabulary_.add(token, id)) {
      throw input_error(
          "the key \"" + std::string(token) + "\" appears twice in one object, expected once",
          node.where());
    }
  }
}

void BpeModel::index_characters() {
  for (unsigned byte = 0; byte < byte_ids_.size(); ++byte) {
    char token[8];
    std::snprintf(token, sizeof(token), "<0x%02X>", byte);
    byte_ids_[byte] = find(token).value_or(kNoToken);
  }
  character_ids_.fill(kNoToken);
  TokenId next = 0;
  for (const std::string& token : vocabulary_.tokens()) {
    const TokenId id = next++;
    if (token.empty() || token.size() > 2 || character_length(token) != token.size()) continue;
    const char32_t character = decode_character(token).code;
    if (character < character_ids_.size()) character_ids_[character] = id;
  }
}

void BpeModel::read_merges(const JsonNode& node, const std::optional<BpeTables>& tables) {
  const Json& listed = node.array();
  merges_ = BpeMerges(tables ? tables->merges.size() : listed.size());
  cuts_before_mark_ = !ignore_merges_ && find(kSpaceMark).has_value();
  std::vector<BpeTables::Merge> read;
  std::vector<std::size_t> places;  // in the file's list, if some of it are not merges
  if (!tables) {
    for (std::size_t at = 0; at < listed.size(); ++at) {
      if (is_version_line(listed[at])) continue;
      read.push_back(merge_of(listed[at], node, "[" + std::to_string(at) + "]"));
      places.push_back(at);
    }
  }
  const std::vector<BpeTables::Merge>& merges = tables ? tables->merges : read;
  constexpr std::size_t kAtOnce = 256;
  for (std::size_t begin = 0; begin < merges.size(); begin += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, merges.size() - begin);
    add_merges(std::span(merges).subspan(begin, count), [&](std::size_t i) {
      const std::size_t at = tables ? begin + i : places[begin + i];
      return node.where() + "[" + std::to_string(at) + "]";
    });
  }
}

/// The next merges by rank. `place`: where the i-th of them is, for errors.
template <typename Place>
void BpeModel::add_merges(std::span<const BpeTables::Merge> merges, const Place& place) {
  std::string texts;  // of what they make, behind each other
  for (const auto& [left, right] : merges) texts.append(left).append(right);
  std::vector<std::string_view> tokens;  // left, right, joined
  std::size_t at = 0;
  for (const auto& [left, right] : merges) {
    const std::size_t length = left.size() + right.size();
    tokens.insert(tokens.end(), {left, right, std::string_view(texts).substr(at, length)});
    at += length;
  }
  std::vector<TokenId> ids(tokens.size());
  vocabulary_.find_all(tokens, ids);
  for (std::size_t i = 0; i < ids.size(); i += 3) merges_.prefetch(ids[i], ids[i + 1]);
  for (std::size_t i = 0; i < ids.size(); i += 3) {
    for (std::size_t k = i; k < i + 3; ++k) {
      if (ids[k] >= 0) continue;
      throw input_error("the merge of \"" + std::string(tokens[i]) + "\" and \"" +
                            std::string(tokens[i + 1]) + "\" needs the token \"" +
                            std::string(tokens[k]) + "\", which the vocabulary lacks",
                        place(i / 3));
    }
    merges_.set(ids[i], ids[i + 1], {merge_count_++, ids[i + 2]});
    note_inner_marks(tokens[i + 2]);
  }
}

/// Notes after which bytes a merge has a "▁". A symbol that stands for other text ("<0x41>" or the
/// unknown token) ends with another byte than that text, and a character that gives no symbol hides
/// the one before it: then no cut is safe.
void BpeModel::note_inner_marks(std::string_view token) {
  for (std::size_t at = token.find(kSpaceMark, 1); at != token.npos;
       at = token.find(kSpaceMark, at + kSpaceMark.size())) {
    const std::string_view before = token.substr(0, at);
    if (before.ends_with(kSpaceMark)) continue;
    constexpr std::size_t kByteToken = 6;
    const bool stands_for_byte =
        before.size() >= kByteToken && is_byte_token(before.substr(before.size() - kByteToken));
    if (stands_for_byte || !unknown_ || before.ends_with(*unknown_)) cuts_before_mark_ = false;
    joins_mark_[index_of(before.back())] = true;
  }
}

/// Whether no merge can join the "▁" at `at` with what is before it: no token has one after that
/// character, which is not a "▁" itself.
bool BpeModel::can_cut(std::string_view word, std::size_t at) const {
  return !joins_mark_[index_of(word[at - 1])] && !word.substr(0, at).ends_with(kSpaceMark);
}

// A word can be cut before such a "▁" without changing an id. (Without a pre-tokenizer a whole text
// is one word.)
void BpeModel::append(std::string_view word, WordCache& cache, std::vector<TokenId>& ids) const {
  if (cuts_before_mark_) {
    for (std::size_t at = word.find(kSpaceMark, 1); at != word.npos;) {
      if (!can_cut(word, at)) {
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
