#include "gguf/writing/gguf_vocabulary.h"

#include "base/error.h"
#include "tokenizer/sentencepiece_model.h"
#include "tokenizer/tokenizer_class.h"
#include "tokenizer/tokenizer_config.h"

#include <algorithm>
#include <system_error>

namespace expandft {
namespace {

constexpr float kScoreOfAdded = -1000, kScoreOfUnused = -10000;

/// llama.cpp looks for user-defined tokens in text whose spaces are spaces.
std::string with_spaces(std::string text) {
  for (std::size_t at = text.find(kSpaceMark); at != text.npos; at = text.find(kSpaceMark, at)) {
    text.replace(at, kSpaceMark.size(), " ");
  }
  return text;
}

/// Puts an added token over whatever has its id.
void put_added(GgufVocabulary& vocabulary, const AddedToken& token) {
  if (token.id < 0 || static_cast<std::size_t>(token.id) >= vocabulary.tokens.size()) return;
  const auto id = static_cast<std::size_t>(token.id);
  const bool is_control = token.special || looks_like_control(token.content);
  vocabulary.kinds[id] = is_control ? GgufTokenKind::kControl : GgufTokenKind::kUserDefined;
  vocabulary.tokens[id] = is_control ? token.content : with_spaces(token.content);
  if (!vocabulary.scores.empty()) vocabulary.scores[id] = kScoreOfAdded;
}

/// "added_tokens" of a tokenizer.json.
std::vector<AddedToken> tokens_of_json(const Json& tokenizer) {
  std::vector<AddedToken> tokens;
  if (!tokenizer.contains("added_tokens")) return tokens;
  for (const Json& item : tokenizer.at("added_tokens")) {
    AddedToken token;
    token.id = item.at("id").get<TokenId>();
    token.content = item.at("content").get<std::string>();
    token.special = item.value("special", false);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

GgufVocabulary empty_vocabulary(std::int64_t rows, bool has_scores) {
  GgufVocabulary vocabulary;
  const auto count = static_cast<std::size_t>(rows);
  for (std::size_t i = 0; i < count; ++i) {
    vocabulary.tokens.push_back("[PAD" + std::to_string(i) + "]");
  }
  vocabulary.kinds.assign(count, GgufTokenKind::kUnused);
  if (has_scores) vocabulary.scores.assign(count, kScoreOfUnused);
  return vocabulary;
}

GgufTokenKind kind_of(PieceType type) {
  const auto number = static_cast<std::int32_t>(type);
  return number >= 1 && number <= 6 ? static_cast<GgufTokenKind>(number) : GgufTokenKind::kNormal;
}

/// The vocabulary and merges of tokenizer.json's model, wherever the parser has put them.
struct ModelTables {
  std::vector<std::pair<std::string, TokenId>> vocabulary;
  std::vector<std::pair<std::string, std::string>> merges;
};

ModelTables tables_of(const TokenizerContent& content, const std::string& where) {
  ModelTables out;
  if (content.tables) {
    for (const auto& [text, id] : content.tables->vocabulary) out.vocabulary.emplace_back(text, id);
    for (const auto& [left, right] : content.tables->merges) out.merges.emplace_back(left, right);
    return out;
  }
  const Json& model = content.json.at("model");
  for (const auto& [text, id] : model.at("vocab").items()) {
    out.vocabulary.emplace_back(text, id.get<TokenId>());
  }
  for (const Json& merge : model.at("merges")) {
    if (merge.is_array() && merge.size() == 2) {
      out.merges.emplace_back(merge[0].get<std::string>(), merge[1].get<std::string>());
      continue;
    }
    const std::string text = merge.get<std::string>();
    const std::size_t space = text.find(' ', 1);
    if (space == text.npos) throw input_error("a merge is not two tokens", where);
    out.merges.emplace_back(text.substr(0, space), text.substr(space + 1));
  }
  return out;
}

/// llama.cpp writes a merge as one text, in which a space separates: a space in a token becomes the
/// character that stands for it in byte-level vocabularies.
std::string merge_text(const std::string& left, const std::string& right) {
  const auto part = [](const std::string& token) {
    std::string text;
    for (const char c : token) text += c == ' ' ? std::string("Ġ") : std::string(1, c);
    return text;
  };
  return part(left) + " " + part(right);
}

/// SentencePiece merges the pair whose token has the highest score, so merges must come token by
/// token, with all ways to put a token together; then the position of a token among them is its
/// score. Sets the scores of normal tokens.
void derive_scores(const ModelTables& tables, GgufVocabulary& vocabulary,
                   const std::string& where) {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (const auto& [text, id] : tables.vocabulary) ids.emplace(text, static_cast<std::size_t>(id));
  std::unordered_map<std::string, std::int64_t> ways;  // of each token, in the merges
  std::vector<std::string> order;
  for (const auto& [left, right] : tables.merges) {
    const std::string token = left + right;
    if (order.empty() || order.back() != token) {
      if (ways.contains(token)) {
        throw input_error("the merges of " + json_excerpt(Json(token)) +
                              " are apart from each other, so that no scores give their order",
                          where, "get the model with a tokenizer.model");
      }
      order.push_back(token);
    }
    ++ways[token];
  }
  const auto is_part = [&](std::string_view text) {
    const auto found = ids.find(text);
    if (found == ids.end() || found->second >= vocabulary.kinds.size()) return false;
    const GgufTokenKind kind = vocabulary.kinds[found->second];
    return kind == GgufTokenKind::kNormal || kind == GgufTokenKind::kUserDefined;
  };
  float score = 0;
  for (const std::string& token : order) {
    const auto found = ids.find(token);
    if (found == ids.end() || found->second >= vocabulary.kinds.size()) continue;
    if (vocabulary.kinds[found->second] == GgufTokenKind::kNormal) {
      std::int64_t cuts = 0;
      for (std::size_t cut = 1; cut < token.size(); ++cut) {
        cuts += is_part(std::string_view(token).substr(0, cut)) &&
                is_part(std::string_view(token).substr(cut));
      }
      if (cuts != ways.at(token)) {
        throw input_error("token " + json_excerpt(Json(token)) + " has " +
                              std::to_string(ways.at(token)) + " merges, but " +
                              std::to_string(cuts) +
                              " ways to put it together: llama.cpp would use all",
                          where, "get the model with a tokenizer.model");
      }
      vocabulary.scores[found->second] = score;
    }
    score -= 1;
  }
  for (const auto& [text, id] : tables.vocabulary) {
    const auto at = static_cast<std::size_t>(id);
    if (at >= vocabulary.kinds.size() || vocabulary.kinds[at] != GgufTokenKind::kNormal) continue;
    if (!ways.contains(text)) vocabulary.scores[at] = score--;  // single characters
  }
}

/// Tokens that only a name in tokenizer_config.json makes special, or adds.
void mark_special(const Tokenizer& tokenizer, GgufVocabulary& vocabulary) {
  const auto count = std::min<std::int64_t>(tokenizer.size(), std::ssize(vocabulary.tokens));
  for (TokenId id = 0; id < count; ++id) {
    const auto at = static_cast<std::size_t>(id);
    const GgufTokenKind kind = vocabulary.kinds[at];
    const bool is_plain = kind == GgufTokenKind::kNormal || kind == GgufTokenKind::kUnused;
    if (!is_plain || !tokenizer.is_special(id)) continue;
    vocabulary.tokens[at] = tokenizer.token(id);
    vocabulary.kinds[at] = GgufTokenKind::kControl;
  }
}

bool is_tokenizer_file(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

}  // namespace

bool looks_like_control(std::string_view token) {
  const auto is_in = [&](std::string_view before, std::string_view after) {
    return token.size() >= before.size() + after.size() && token.starts_with(before) &&
           token.ends_with(after);
  };
  return token == "<pad>" || token == "<mask>" || token == "<2mass>" || token == "[@BOS@]" ||
         is_in("<|", "|>") || is_in("<｜", "｜>") || is_in("<unused", ">");
}

GgufVocabulary sentencepiece_vocabulary(const fs::path& directory, std::int64_t rows) {
  const fs::path file = directory / "tokenizer.model";
  const SentencePieceModel model = parse_sentencepiece_model(read_file(file), file.string());
  if (!model.is_bpe) {
    throw input_error("found a SentencePiece model of another kind, expected BPE", file.string(),
                      "llama.cpp's decoders have no tokenizer of this kind");
  }
  GgufVocabulary vocabulary = empty_vocabulary(rows, true);
  vocabulary.model = "llama";
  vocabulary.pre = "default";
  const std::size_t count = std::min(model.pieces.size(), vocabulary.tokens.size());
  for (std::size_t i = 0; i < count; ++i) {
    vocabulary.tokens[i] = model.pieces[i].text;
    vocabulary.scores[i] = model.pieces[i].score;
    vocabulary.kinds[i] = kind_of(model.pieces[i].type);
  }
  const TokenizerConfig config = read_tokenizer_config(directory);
  if (const fs::path json = directory / "tokenizer.json"; is_tokenizer_file(json)) {
    const TokenizerContent content = parse_tokenizer_json(read_file(json), json.string());
    for (const AddedToken& token : tokens_of_json(content.json)) {
      if (static_cast<std::size_t>(token.id) >= count) put_added(vocabulary, token);
    }
  }
  for (const AddedToken& token : config.added) put_added(vocabulary, token);
  return vocabulary;
}

GgufVocabulary json_vocabulary(const JsonTokenizer::Files& files, std::int64_t rows) {
  const Json& model = files.content.json.at("model");
  const bool has_bytes = model.value("byte_fallback", false);
  GgufVocabulary vocabulary = empty_vocabulary(rows, has_bytes);
  vocabulary.model = has_bytes ? "llama" : "gpt2";
  vocabulary.pre = has_bytes ? "default" : gguf_pre_tokenizer_name(files.content.json, files.where);
  const ModelTables tables = tables_of(files.content, files.where);
  const std::string unknown =
      has_bytes && model.contains("unk_token") && model.at("unk_token").is_string()
          ? model.at("unk_token").get<std::string>()
          : std::string();
  for (const auto& [text, id] : tables.vocabulary) {
    const auto at = static_cast<std::size_t>(id);
    if (at >= vocabulary.tokens.size()) continue;  // check_vocabulary refuses such a model
    vocabulary.tokens[at] = text;
    vocabulary.kinds[at] =
        has_bytes && is_byte_token(text) ? GgufTokenKind::kByte : GgufTokenKind::kNormal;
    if (has_bytes) vocabulary.scores[at] = 0;
  }
  for (const AddedToken& token : tokens_of_json(files.content.json)) put_added(vocabulary, token);
  for (const AddedToken& token : files.config.added) put_added(vocabulary, token);
  if (has_bytes) {
    for (const auto& [text, id] : tables.vocabulary) {
      const auto at = static_cast<std::size_t>(id);
      if (text == unknown && at < vocabulary.kinds.size()) {
        vocabulary.kinds[at] = GgufTokenKind::kUnknown;
      }
    }
    derive_scores(tables, vocabulary, files.where);
  } else {
    for (const auto& [left, right] : tables.merges) {
      vocabulary.merges.push_back(merge_text(left, right));
    }
  }
  return vocabulary;
}

GgufVocabulary gguf_vocabulary(const fs::path& directory, const Tokenizer& tokenizer,
                               std::int64_t rows) {
  const bool has_json = is_tokenizer_file(directory / "tokenizer.json");
  if (!has_json && !is_tokenizer_file(directory / "tokenizer.model")) {
    throw input_error("there is neither a tokenizer.model nor a tokenizer.json", directory.string(),
                      "a GGUF file holds the tokenizer too: copy its files into the directory");
  }
  if (!has_json) return sentencepiece_vocabulary(directory, rows);
  JsonTokenizer::Files files = JsonTokenizer::read_files(directory);
  const Json& model = files.content.json.at("model");
  if (model.value("type", "BPE") != "BPE") {
    throw input_error(
        "found a tokenizer of type " + json_excerpt(model.at("type")) + ", expected BPE",
        files.where, "llama.cpp's decoders have no tokenizer of this kind");
  }
  const bool has_bytes = model.value("byte_fallback", false);
  if (has_bytes && is_tokenizer_file(directory / "tokenizer.model")) {
    return sentencepiece_vocabulary(directory, rows);
  }
  apply_tokenizer_class(files.config, files.where, files.content.json, files.config.notices);
  GgufVocabulary vocabulary = json_vocabulary(files, rows);
  mark_special(tokenizer, vocabulary);
  return vocabulary;
}

}  // namespace expandft
