#include "tokenizer/json_tokenizer.h"

#include "base/error.h"
#include "base/json.h"
#include "base/utf8.h"
#include "tokenizer/tokenizer_class.h"
#include "tokenizer/vocabulary_files.h"

#include <algorithm>

namespace expandft {

JsonTokenizer::Files JsonTokenizer::read_files(const fs::path& directory) {
  const fs::path file = directory / "tokenizer.json";
  Files files{parse_tokenizer_json(read_file(file), file.string()), file.string(),
              read_tokenizer_config(directory)};
  for (Notice& notice : contradicting_files(directory, files.content)) {
    files.config.notices.push_back(std::move(notice));
  }
  return files;
}

TokenizerJson JsonTokenizer::read_parts(Files& files) {
  apply_tokenizer_class(files.config, files.where, files.content.json, files.config.notices);
  return read_tokenizer_json(files.content, files.where);
}

JsonTokenizer::JsonTokenizer(std::string_view file, const std::string& where,
                             const TokenizerConfig& config)
    : JsonTokenizer(Files{parse_tokenizer_json(std::string(file), where), where, config}) {}

JsonTokenizer::JsonTokenizer(Files files)
    : file_(read_parts(files)),
      tokens_(file_.model.tokens()),
      next_id_(static_cast<TokenId>(file_.model.count())),
      splits_special_(files.config.splits_special) {
  const TokenizerConfig& config = files.config;
  for (const AddedToken& token : file_.added) add_token(token, files.where);
  add_configured_tokens(config, files.where);
  if (chosen_tokenizer_class(config, files.content.json) == "Qwen2Tokenizer") {
    for (const std::string& name : config.named) strip_flags(name);
  }
  index_added_tokens();
  bos_ = checked_end(file_.ends.before, config.bos, files.where);
  eos_ = checked_end(file_.ends.after, config.eos, files.where);
  add_notices(config.notices);
}

std::optional<TokenId> JsonTokenizer::find(const std::string& token) const {
  const auto added = added_index_.find(token);
  return added != added_index_.end() ? added_[added->second].id : file_.model.find(token);
}

// The tokenizers package gives a new token the first id after the vocabulary and earlier added
// tokens, whatever id the file states. A file that states another id is refused.
void JsonTokenizer::add_token(const AddedToken& token, const std::string& where) {
  const auto known = find(token.content);
  const TokenId id = known.value_or(next_id_);
  if (token.id >= 0 && token.id != id) {
    throw input_error("the added token \"" + token.content + "\" has id " +
                          std::to_string(token.id) + ", expected " + std::to_string(id) +
                          (known ? ", its id in the vocabulary" : ", the next free id"),
                      where, "use tokenizer files that belong together");
  }
  if (index(id) >= tokens_.size()) tokens_.resize(index(id) + 1);
  std::string& slot = tokens_[index(id)];
  if (!slot.empty() && slot != token.content) {
    throw input_error("the added token \"" + token.content + "\" has id " + std::to_string(id) +
                          ", which is that of \"" + slot + "\"",
                      where, "use tokenizer files that belong together");
  }
  slot = token.content;
  if (!known) ++next_id_;
  const auto [place, fresh] = added_index_.emplace(token.content, added_.size());
  if (fresh) added_.emplace_back();
  AddedToken& added = added_[place->second];
  const bool special = added.special || token.special;
  added = token;
  added.id = id;
  added.special = special;
}

void JsonTokenizer::add_configured_tokens(const TokenizerConfig& config, const std::string& where) {
  for (const AddedToken& token : added_) next_id_ = std::max(next_id_, token.id + 1);
  for (const AddedToken& token : config.added) {
    const auto known = added_index_.find(token.content);
    if (known == added_index_.end() || (config.describes_added && token.id >= 0)) {
      add_token(token, where);
      continue;
    }
    if (config.describes_added) continue;  // only what added_tokens_decoder has is read again
    // A name without its own flags only makes the token special.
    AddedToken described = added_[known->second];
    if (token.id >= 0) described.id = token.id;
    described.special = described.special || token.special;
    add_token(described, where);
  }
}

// Qwen2Tokenizer adds each named token again, without flags.
void JsonTokenizer::strip_flags(const std::string& token) {
  const auto known = added_index_.find(token);
  if (known == added_index_.end()) return;
  AddedToken& added = added_[known->second];
  added.special = true;
  added.normalized = added.lstrip = added.rstrip = added.single_word = false;
}

void JsonTokenizer::index_added_tokens() {
  std::vector<const AddedToken*> plain;
  for (const AddedToken& token : added_) {
    if (!token.normalized) {
      plain.push_back(&token);
      continue;
    }
    AddedToken& normalized = normalized_.emplace_back(token);
    normalized.content = file_.normalizer.apply(token.content);
    if (normalized.content != token.content) normalized_form_[token.id] = normalized.content;
  }
  std::vector<const AddedToken*> normalized;
  for (const AddedToken& token : normalized_) normalized.push_back(&token);
  finder_.emplace(plain);
  normalized_finder_.emplace(normalized);
  borders_.emplace(tokens_, plain, normalized,
                   TextBorders::Kinds{.before_tokens = !splits_special_,
                                      .before_words = has_borders_before_words()});
  special_.resize(tokens_.size());
  for (const AddedToken& token : added_) {
    // The package searches the special tokens for the decoded form.
    const auto form = added_index_.find(decoded_form(token.id));
    special_[index(token.id)] = form != added_index_.end() && added_[form->second].special;
  }
}

// The model merges nothing across such a border if no token has a letter followed by a space, which
// TextBorders checks. But it can look up a whole word without merging, or fuse unknown letters and
// the space to one token.
bool JsonTokenizer::has_borders_before_words() const {
  const PreTokenizer& words = file_.pre_tokenizer;
  if (!file_.normalizer.keeps_words_apart() || !words.keeps_words_apart()) return false;
  if (file_.model.ignores_merges() && !words.cuts_before_words()) return false;
  for (char c = 'a'; c <= 'z'; ++c) {
    const char capital = static_cast<char>(c - 'a' + 'A');
    for (const char letter : {c, capital}) {
      if (!file_.model.find(std::string(1, letter))) return false;
    }
  }
  return true;
}

std::optional<TokenId> JsonTokenizer::checked_end(std::optional<TokenId> end,
                                                  const NamedToken& name,
                                                  const std::string& where) const {
  if (!end) return name.content ? find(*name.content) : std::nullopt;
  if (!known(*end)) {
    throw input_error("the template adds id " + std::to_string(*end) +
                          ", which no token has; ids go up to " + std::to_string(size() - 1),
                      where + ": post_processor", "use tokenizer files that belong together");
  }
  return end;
}

std::vector<TokenId> JsonTokenizer::encode(std::string_view text,
                                           const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  if (options.bos && bos_) ids.push_back(*bos_);

  std::string mended;
  if (find_invalid_utf8(text) != text.npos) {
    mended = replace_invalid_utf8(text, Replacing::kEachByte);  // as SentencePiece does
    text = mended;
  }
  const WordCaches::Loan cache(caches_);
  std::vector<TextSpan> spans;
  const bool finds_special = options.special_tokens && !splits_special_;
  finder_->split(text, 0, text.size(), finds_special, spans);
  for (const TextSpan& span : spans) {
    if (span.token != nullptr) {
      ids.push_back(span.token->id);
    } else {
      append_stretch(text.substr(span.begin, span.end - span.begin), span.begin == 0, options,
                     *cache, ids);
    }
  }

  if (options.eos && eos_) ids.push_back(*eos_);
  return ids;
}

void JsonTokenizer::append_stretch(std::string_view text, bool first, const EncodeOptions& options,
                                   WordCache& cache, std::vector<TokenId>& ids) const {
  const bool prefix = !(first && options.continuation);
  std::string normalized = file_.normalizer.apply(std::string(text), prefix);
  const auto append = [&](std::string stretch, bool at_start) {
    const Words words = file_.pre_tokenizer.apply(std::move(stretch), at_start,
                                                  !(at_start && options.continuation));
    const std::string_view all = words.text;
    for (const Match& word : words.spans) {
      file_.model.append(all.substr(word.begin, word.end - word.begin), cache, ids);
    }
  };
  if (normalized_finder_->empty()) {
    append(std::move(normalized), first);
    return;
  }
  std::vector<TextSpan> spans;
  normalized_finder_->split(normalized, 0, normalized.size(),
                            options.special_tokens && !splits_special_, spans);
  for (const TextSpan& span : spans) {
    if (span.token != nullptr) {
      ids.push_back(span.token->id);
    } else {
      append(normalized.substr(span.begin, span.end - span.begin), first && span.begin == 0);
    }
  }
}

const std::string& JsonTokenizer::decoded_form(TokenId id) const {
  const auto normalized = normalized_form_.find(id);
  return normalized != normalized_form_.end() ? normalized->second : tokens_[index(id)];
}

std::string JsonTokenizer::token(TokenId id) const {
  return known(id) ? tokens_[index(id)] : "<" + std::to_string(id) + ">";
}

std::string JsonTokenizer::token_bytes(TokenId id) const {
  return known(id) ? file_.decoder.bytes(decoded_form(id)) : std::string();
}

bool JsonTokenizer::stands_alone(TokenId id) const {
  return known(id) && file_.decoder.stands_alone(decoded_form(id));
}

std::string JsonTokenizer::decode(const std::vector<TokenId>& ids, bool skip_special) const {
  std::vector<std::string> tokens;
  for (const TokenId id : ids) {
    if (known(id) && !(skip_special && special_[index(id)])) tokens.push_back(decoded_form(id));
  }
  return file_.decoder.decode(std::move(tokens));
}

}  // namespace expandft
