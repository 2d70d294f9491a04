#include "tokenizer/sentencepiece_tokenizer.h"

#include "base/error.h"
#include "tokenizer/pipeline/token.h"

#include <algorithm>
#include <array>
#include <span>

#include <sentencepiece_processor.h>

namespace expandft {
namespace {

// Long texts go to SentencePiece in parts: it needs some hundred bytes of memory per character, and
// is faster while they stay in the cache.
constexpr std::size_t kPartBytes = 1 << 12;

PrefixRule prefix_rule(const SentencePieceModel& model, const TokenizerConfig& config) {
  const bool gemma = config.tokenizer_class.empty() ? config.model_type.starts_with("gemma")
                                                    : config.tokenizer_class == "GemmaTokenizer";
  if (gemma) return PrefixRule::kNever;
  const bool llama = config.tokenizer_class == "LlamaTokenizer";
  if (!config.add_prefix_space.value_or(llama || model.add_dummy_prefix)) return PrefixRule::kNever;
  return config.legacy ? PrefixRule::kAlways : PrefixRule::kFirst;
}

// Whether a text can be cut after a run of newlines without changing an id: a merge across the cut
// would need a piece with a newline before another character.
bool newlines_end_pieces(const std::vector<Piece>& pieces) {
  return std::none_of(pieces.begin(), pieces.end(), [](const Piece& piece) {
    const std::size_t newline = piece.text.find('\n');
    return newline != std::string::npos &&
           piece.text.find_first_not_of('\n', newline) != std::string::npos;
  });
}

// Whether a text can be cut before a space that follows another character without changing an id:
// no piece, and so no merge, has a space there; and a run of unknown characters, which is one
// token, ends at a space, which is known.
bool spaces_begin_pieces(const SentencePieceModel& model) {
  const auto is_space = [](const Piece& piece) {
    return piece.text == kSpaceMark && piece.type == PieceType::kNormal;
  };
  return model.is_bpe && std::ranges::any_of(model.pieces, is_space) &&
         std::ranges::none_of(model.pieces, [](const Piece& piece) {
           std::string_view rest = piece.text;
           while (rest.starts_with(kSpaceMark)) rest.remove_prefix(kSpaceMark.size());
           return rest.find(kSpaceMark) != rest.npos || rest.find(' ') != rest.npos;
         });
}

bool ends_with_space(std::string_view text) {
  return text.ends_with(' ') || text.ends_with(kSpaceMark);
}

/// The first place from kPartBytes on where a text can be cut (see above), or npos.
std::size_t end_of_part(std::string_view text, bool after_newlines, bool before_words) {
  std::size_t end = before_words ? text.find(' ', kPartBytes) : text.npos;
  while (end != text.npos && ends_with_space(text.substr(0, end))) end = text.find(' ', end + 1);
  if (!after_newlines) return end;
  const std::size_t newline = text.substr(0, end).find('\n', kPartBytes);
  return newline == text.npos ? end : text.find_first_not_of('\n', newline);
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const fs::path& directory) {
  const fs::path file = directory / "tokenizer.model";
  const SentencePieceModel model = parse_sentencepiece_model(read_file(file), file.string());
  const TokenizerConfig config = read_tokenizer_config(directory);

  processor_ = std::make_unique<sentencepiece::SentencePieceProcessor>();
  const auto status = processor_->LoadFromSerializedProto(model.plain_serialized);
  if (!status.ok()) {
    throw input_error("damaged SentencePiece model: " + status.ToString(), file.string(),
                      "download the file again");
  }
  if (processor_->GetPieceSize() != static_cast<int>(model.pieces.size())) {
    throw input_error("damaged SentencePiece model: the number of pieces is unclear",
                      file.string());
  }
  add_notices(config.notices);
  const std::string& name = config.tokenizer_class;
  const bool has_end =
      std::ranges::any_of(model.pieces, [](const Piece& piece) { return piece.text == "</s>"; });
  if (name == "LlamaTokenizer" && !has_end && !config.eos.stated) {
    add_notices(
        {{"tokenizer_class is \"LlamaTokenizer\", whose \"<s>\" and \"</s>\" the "
          "vocabulary lacks",
          (directory / "tokenizer_config.json").string(), "name bos_token and eos_token there"}});
  }
  if (!name.empty() && name != "LlamaTokenizer" && name != "GemmaTokenizer") {
    add_notices({{"tokenizer_class is \"" + name +
                      "\", whose rules for tokenizer.model are not known here: BOS and the prefix "
                      "\"▁\" are put as the file itself says",
                  (directory / "tokenizer_config.json").string(),
                  "compare ids with Python's transformers, or write a tokenizer.json with it"}});
  }
  splits_special_ = config.splits_special;
  prefix_ = prefix_rule(model, config);
  splits_before_words_ = spaces_begin_pieces(model);
  splits_after_newlines_ = newlines_end_pieces(model.pieces);
  load_added_tokens(model, config, directory.string());
  bos_ = named(config.bos, model.bos_id);
  eos_ = named(config.eos, model.eos_id);
  adds_bos_ = config.add_bos.value_or(true) && bos_.has_value();
  adds_eos_ = config.add_eos.value_or(false) && eos_.has_value();
}

SentencePieceTokenizer::~SentencePieceTokenizer() = default;

void SentencePieceTokenizer::load_added_tokens(const SentencePieceModel& model,
                                               const TokenizerConfig& config,
                                               const std::string& where) {
  for (const Piece& piece : model.pieces) {
    ids_.emplace(piece.text, static_cast<TokenId>(tokens_.size()));
    tokens_.push_back(piece.text);
  }
  const auto place = [&](const AddedToken& token) {
    if (index(token.id) >= tokens_.size()) tokens_.resize(index(token.id) + 1);
    std::string& slot = tokens_[index(token.id)];
    const auto [known, fresh] = ids_.emplace(token.content, token.id);
    if (known->second != token.id || (!slot.empty() && slot != token.content)) {
      throw input_error(
          "the added token \"" + token.content + "\" has id " + std::to_string(token.id) +
              ", but in tokenizer.model " +
              (known->second != token.id ? "it has id " + std::to_string(known->second)
                                         : "that is \"" + slot + "\""),
          where, "use tokenizer files that belong together");
    }
    slot = token.content;
  };
  added_ = config.added;
  for (const AddedToken& token : added_) {
    if (token.id >= 0) place(token);
  }
  for (AddedToken& token : added_) {
    if (token.id >= 0) continue;
    const auto known = ids_.find(token.content);
    token.id = known != ids_.end() ? known->second : static_cast<TokenId>(tokens_.size());
    place(token);
  }
  // Pieces of the model that are added tokens, unless the files describe them.
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const PieceType type = model.pieces[id].type;
    const bool unknown = static_cast<std::int64_t>(id) == model.unk_id && !config.unk.stated;
    if (type != PieceType::kControl && type != PieceType::kUserDefined && !unknown) continue;
    // If there is a list of extra tokens, transformers uses it instead of the pieces without a
    // name.
    const auto whole = static_cast<std::int64_t>(id);
    const bool is_named = unknown || whole == model.bos_id || whole == model.eos_id ||
                          (config.tokenizer_class == "GemmaTokenizer" && tokens_[id] == "<pad>");
    if (config.lists_extra && !is_named) continue;
    const bool described = std::any_of(added_.begin(), added_.end(), [&](const AddedToken& token) {
      return index(token.id) == id;
    });
    if (described) continue;
    AddedToken& token = added_.emplace_back();
    token.content = model.pieces[id].text;
    token.id = static_cast<TokenId>(id);
    token.special = type != PieceType::kUserDefined;
  }
  special_.resize(tokens_.size());
  for (const AddedToken& token : added_) special_[index(token.id)] = token.special;
  std::array<std::vector<const AddedToken*>, 2> chosen;
  for (const AddedToken& token : added_) chosen[token.normalized ? 1 : 0].push_back(&token);
  for (const auto& tokens : chosen) finders_.emplace_back(tokens);
  borders_.emplace(
      std::vector<std::string>(), chosen[0], chosen[1],
      TextBorders::Kinds{.before_tokens = !splits_special_, .before_words = splits_before_words_});
}

std::optional<TokenId> SentencePieceTokenizer::named(const NamedToken& name,
                                                     std::int64_t fallback) const {
  if (name.stated) {
    return name.content ? std::optional(ids_.at(*name.content)) : std::nullopt;
  }
  return fallback >= 0 ? std::optional(static_cast<TokenId>(fallback)) : std::nullopt;
}

std::vector<TokenId> SentencePieceTokenizer::encode(std::string_view text,
                                                    const EncodeOptions& options) const {
  std::vector<TokenId> ids;
  if (options.bos && bos_) ids.push_back(*bos_);

  const WordCaches::Loan cache(caches_);
  std::vector<TextSpan> spans;
  std::vector<TextSpan> all;
  const bool finds_special = options.special_tokens && !splits_special_;
  finders_[0].split(text, 0, text.size(), finds_special, spans);
  for (const TextSpan& span : spans) {
    if (span.token != nullptr) {
      all.push_back(span);
    } else {
      finders_[1].split(text, span.begin, span.end, finds_special, all);
    }
  }
  for (const TextSpan& span : all) {
    if (span.token != nullptr) {
      ids.push_back(span.token->id);
      continue;
    }
    const bool first = span.begin == 0;
    const bool prefix = (prefix_ == PrefixRule::kAlways && !(first && options.continuation)) ||
                        (prefix_ == PrefixRule::kFirst && first && !options.continuation);
    append_plain(text.substr(span.begin, span.end - span.begin), prefix, *cache, ids);
  }

  if (options.eos && eos_) ids.push_back(*eos_);
  return ids;
}

void SentencePieceTokenizer::append_plain(std::string_view text, bool prefix, WordCache& cache,
                                          std::vector<TokenId>& ids) const {
  std::string prefixed;
  if (prefix && !text.starts_with(' ') && !text.starts_with(kSpaceMark)) {
    prefixed.append(kSpaceMark).append(text);
    text = prefixed;
  }
  while (text.size() > kPartBytes) {
    const std::size_t end = end_of_part(text, splits_after_newlines_, splits_before_words_);
    if (end == text.npos) break;
    append_part(text.substr(0, end), cache, ids);
    text.remove_prefix(end);
  }
  append_part(text, cache, ids);
}

void SentencePieceTokenizer::append_part(std::string_view part, WordCache& cache,
                                         std::vector<TokenId>& ids) const {
  if (!splits_before_words_) return append_pieces(part, ids);
  while (!part.empty()) {
    std::size_t end = part.find(' ', 1);
    while (end != part.npos && ends_with_space(part.substr(0, end))) end = part.find(' ', end + 1);
    const std::string_view word = part.substr(0, end);
    part.remove_prefix(word.size());
    if (cache.append(word, ids)) continue;
    const std::size_t before = ids.size();
    append_pieces(word, ids);
    cache.add(word, std::span(ids).subspan(before));
  }
}

void SentencePieceTokenizer::append_pieces(std::string_view text, std::vector<TokenId>& ids) const {
  std::vector<int> pieces;
  const auto status = processor_->Encode(text, &pieces);
  if (!status.ok()) {
    throw input_error("SentencePiece cannot encode the text: " + status.ToString());
  }
  ids.insert(ids.end(), pieces.begin(), pieces.end());
}

std::string SentencePieceTokenizer::token(TokenId id) const {
  return known(id) ? tokens_[index(id)] : "<" + std::to_string(id) + ">";
}

std::string SentencePieceTokenizer::token_bytes(TokenId id) const {
  return known(id) ? bytes_of_token(tokens_[index(id)]) : std::string();
}

bool SentencePieceTokenizer::stands_alone(TokenId id) const {
  return known(id) && !is_byte_token(tokens_[index(id)]);
}

// As the decoder of the transformers class: "▁" to space, runs of byte tokens to UTF-8 (each byte
// of a malformed run to U+FFFD), and one leading space dropped.
std::string SentencePieceTokenizer::decode(const std::vector<TokenId>& ids,
                                           bool skip_special) const {
  std::string text;
  std::string run;
  for (const TokenId id : ids) {
    if (!known(id) || (skip_special && special_[index(id)])) continue;
    const std::string& token = tokens_[index(id)];
    if (is_byte_token(token)) {
      run += bytes_of_token(token);
      continue;
    }
    append_byte_run(run, text);
    run.clear();
    text += bytes_of_token(token);
  }
  append_byte_run(run, text);
  if (strips_first_space() && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

}  // namespace expandft
