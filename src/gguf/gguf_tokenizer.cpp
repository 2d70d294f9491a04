#include "gguf/gguf_tokenizer.h"

#include "base/error.h"
#include "base/utf8.h"
#include "gguf/gguf_chat_templates.h"
#include "gguf/pre_tokenizers.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace expandft {
namespace {

constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kTypes = "tokenizer.ggml.token_type";
constexpr const char* kScores = "tokenizer.ggml.scores";
constexpr const char* kMerges = "tokenizer.ggml.merges";

constexpr std::size_t kLongestToken = 1024;

std::string json_text(std::string_view text) {
  return Json(std::string(text)).dump();
}

using TokenPair = std::pair<std::string_view, std::string_view>;

class GgufTokenizerWriter {
 public:
  GgufTokenizerWriter(const GgufFile& file, std::string model_type)
      : file_(file), model_type_(std::move(model_type)) {
    const auto* const tokens = file.texts(kTokens);
    if (tokens == nullptr || tokens->empty()) {
      throw input_error("the file has no vocabulary", place(kTokens),
                        "get the model with its tokenizer");
    }
    tokens_ = tokens;
    const auto* const types = file.numbers(kTypes);
    if (types != nullptr && types->size() != tokens->size()) throw unequal(kTypes, types->size());
    for (std::size_t i = 0; i < tokens->size(); ++i) {
      const double type = types != nullptr ? (*types)[i] : 1;
      if (!(type >= 1 && type <= 6) || type != std::floor(type)) {
        throw file.error(kTypes,
                         "token " + std::to_string(i) + " has the type " + std::to_string(type));
      }
      kinds_.push_back(static_cast<GgufTokenKind>(static_cast<int>(type)));
      if (find_invalid_utf8((*tokens)[i]) != std::string::npos) {
        throw file.error(kTokens, "token " + std::to_string(i) + " is not UTF-8");
      }
    }
    refuse_equal_tokens();
    bos_ = id("bos"), eos_ = id("eos"), unk_ = id("unknown"), pad_ = id("padding");
  }

  std::vector<TextFile> write();

 private:
  std::string place(const char* key) const {
    return file_.path().string() + ": key \"" + key + "\"";
  }
  Error unequal(const char* key, std::size_t found) const {
    return file_.error(key, "found " + std::to_string(found) + " values for " +
                                std::to_string(tokens_->size()) + " tokens");
  }
  std::optional<std::size_t> id(const std::string& name) const {
    const std::string key = "tokenizer.ggml." + name + "_token_id";
    const auto found = file_.integer(key);
    if (!found || *found == 0xFFFFFFFF || *found == -1) return std::nullopt;
    if (*found < 0 || *found >= std::ssize(*tokens_)) {
      throw file_.error(key, "found " + std::to_string(*found) + ", but the vocabulary has " +
                                 std::to_string(tokens_->size()) + " tokens");
    }
    return static_cast<std::size_t>(*found);
  }
  std::string text_of(std::size_t token) const { return std::string((*tokens_)[token]); }

  void refuse_equal_tokens() const;
  std::vector<TokenPair> stated_merges() const;
  std::vector<TokenPair> merges_by_score() const;
  std::string tokenizer_json(const GgufPreTokenizer& splitting,
                             const std::vector<TokenPair>& merges, bool adds_bos,
                             bool adds_eos) const;
  Json tokenizer_config(const std::string& name, bool adds_bos, bool adds_eos) const;

  const GgufFile& file_;
  std::string model_type_;
  const GgufTexts* tokens_ = nullptr;
  std::vector<GgufTokenKind> kinds_;
  std::optional<std::size_t> bos_, eos_, unk_, pad_;
};

void GgufTokenizerWriter::refuse_equal_tokens() const {
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t i = 0; i < tokens_->size(); ++i) {
    const auto [first, is_new] = ids.emplace((*tokens_)[i], i);
    if (!is_new) {
      throw file_.error(kTokens, "tokens " + std::to_string(first->second) + " and " +
                                     std::to_string(i) + " have the same text");
    }
  }
}

std::vector<TokenPair> GgufTokenizerWriter::stated_merges() const {
  const auto* const merges = file_.texts(kMerges);
  if (merges == nullptr) throw input_error("no such key", place(kMerges), "get the model again");
  std::vector<TokenPair> pairs;
  for (const std::string_view pair : *merges) {
    const std::size_t space = pair.find(' ', 1);  // a token may be a space
    if (space == pair.npos || space + 1 == pair.size() ||
        find_invalid_utf8(pair) != std::string::npos) {
      throw file_.error(kMerges, "merge " + std::to_string(pairs.size()) +
                                     " is not two tokens with a space between them");
    }
    pairs.emplace_back(pair.substr(0, space), pair.substr(space + 1));
  }
  return pairs;
}

/// SentencePiece merges whichever two tokens together give the token of the highest score: each
/// way to put a token together is a merge, in the order of the scores.
std::vector<TokenPair> GgufTokenizerWriter::merges_by_score() const {
  const auto* const scores = file_.numbers(kScores);
  if (scores == nullptr || scores->size() != tokens_->size()) {
    throw unequal(kScores, scores != nullptr ? scores->size() : 0);
  }
  std::unordered_map<std::string_view, std::size_t> ids;
  for (std::size_t i = 0; i < tokens_->size(); ++i) {
    if (kinds_[i] == GgufTokenKind::kNormal || kinds_[i] == GgufTokenKind::kUserDefined) {
      ids.emplace((*tokens_)[i], i);
    }
  }
  struct Merge {
    double score;
    std::size_t left, right;
  };
  std::vector<Merge> merges;
  for (std::size_t i = 0; i < tokens_->size(); ++i) {
    if (kinds_[i] != GgufTokenKind::kNormal) continue;
    const std::string_view text = (*tokens_)[i];
    if (text.size() > kLongestToken) {  // the loop below takes time with its square
      throw file_.error(kTokens, "token " + std::to_string(i) + " has " +
                                     std::to_string(text.size()) + " bytes, expected at most " +
                                     std::to_string(kLongestToken));
    }
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
      if ((static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) continue;  // inside a character
      const auto left = ids.find(text.substr(0, cut)), right = ids.find(text.substr(cut));
      if (left == ids.end() || right == ids.end()) continue;
      merges.push_back({(*scores)[i], left->second, right->second});
    }
  }
  std::ranges::stable_sort(merges, [](const Merge& a, const Merge& b) {
    return std::tuple(-a.score, a.left, a.right) < std::tuple(-b.score, b.left, b.right);
  });
  std::vector<TokenPair> pairs;
  for (const Merge& merge : merges) {
    pairs.emplace_back((*tokens_)[merge.left], (*tokens_)[merge.right]);
  }
  return pairs;
}

std::string GgufTokenizerWriter::tokenizer_json(const GgufPreTokenizer& splitting,
                                                const std::vector<TokenPair>& merges, bool adds_bos,
                                                bool adds_eos) const {
  std::string added, vocabulary, pairs;
  for (std::size_t i = 0; i < tokens_->size(); ++i) {
    vocabulary += (i > 0 ? "," : "") + json_text((*tokens_)[i]) + ":" + std::to_string(i);
    const GgufTokenKind kind = kinds_[i];
    if (kind == GgufTokenKind::kControl || kind == GgufTokenKind::kUserDefined ||
        kind == GgufTokenKind::kUnknown) {
      added +=
          (added.empty() ? "" : ",") + (R"({"id":)" + std::to_string(i)) + R"(,"content":)" +
          json_text((*tokens_)[i]) +
          R"(,"single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":)" +
          (kind != GgufTokenKind::kUserDefined ? "true}" : "false}");
    }
  }
  for (const auto& [left, right] : merges) {
    pairs += (pairs.empty() ? "[" : ",[") + json_text(left) + "," + json_text(right) + "]";
  }
  Json single = Json::array(), special = Json::object();
  const auto put = [&](std::size_t token) {
    const std::string text = text_of(token);
    single.push_back({{"SpecialToken", {{"id", text}, {"type_id", 0}}}});
    special[text] = {{"id", text}, {"ids", Json::array({token})}, {"tokens", Json::array({text})}};
  };
  if (adds_bos && bos_) put(*bos_);
  single.push_back({{"Sequence", {{"id", "A"}, {"type_id", 0}}}});
  if (adds_eos && eos_) put(*eos_);
  Json pair = single;
  pair.push_back({{"Sequence", {{"id", "B"}, {"type_id", 1}}}});
  const Json processor = {{"type", "TemplateProcessing"},
                          {"single", single},
                          {"pair", pair},
                          {"special_tokens", special}};
  const bool by_bytes = splitting.byte_fallback;
  // Text by text: as a document in memory, a vocabulary of 262,144 would take hundreds of MB.
  return R"({"version":"1.0","truncation":null,"padding":null,"added_tokens":[)" + added +
         R"(],"normalizer":)" + splitting.normalizer.dump() + R"(,"pre_tokenizer":)" +
         splitting.pre_tokenizer.dump() + R"(,"post_processor":)" + processor.dump() +
         R"(,"decoder":)" + splitting.decoder.dump() +
         R"(,"model":{"type":"BPE","dropout":null,"unk_token":)" +
         (by_bytes && unk_ ? json_text(text_of(*unk_)) : std::string("null")) +
         R"(,"continuing_subword_prefix":null,"end_of_word_suffix":null,"fuse_unk":)" +
         (by_bytes ? "true" : "false") + R"(,"byte_fallback":)" + (by_bytes ? "true" : "false") +
         R"(,"ignore_merges":)" + (splitting.ignore_merges ? "true" : "false") + R"(,"vocab":{)" +
         vocabulary + R"(},"merges":[)" + pairs + "]}}\n";
}

Json GgufTokenizerWriter::tokenizer_config(const std::string& name, bool adds_bos,
                                           bool adds_eos) const {
  Json config = {{"tokenizer_class", name},
                 {"add_bos_token", adds_bos && bos_},
                 {"add_eos_token", adds_eos && eos_}};
  const std::pair<const char*, std::optional<std::size_t>> tokens[] = {
      {"bos_token", bos_}, {"eos_token", eos_}, {"unk_token", unk_}, {"pad_token", pad_}};
  for (const auto& [key, token] : tokens) config[key] = token ? Json(text_of(*token)) : Json();
  config["clean_up_tokenization_spaces"] = false;
  if (const auto length =
          file_.integer(file_.text("general.architecture").value_or("") + ".context_length")) {
    config["model_max_length"] = *length;
  }
  return config;
}

std::vector<TextFile> GgufTokenizerWriter::write() {
  const std::string kind = file_.text("tokenizer.ggml.model").value_or("");
  const auto stated_bos = file_.boolean("tokenizer.ggml.add_bos_token");
  const bool adds_eos = file_.boolean("tokenizer.ggml.add_eos_token").value_or(false);
  std::string class_name = "PreTrainedTokenizerFast";
  GgufPreTokenizer splitting;
  std::vector<TokenPair> merges;
  if (kind == "llama") {
    const bool is_gemma = model_type_.starts_with("gemma");
    if (is_gemma) class_name = "GemmaTokenizer";
    splitting =
        sentencepiece_steps(file_.boolean("tokenizer.ggml.add_space_prefix").value_or(!is_gemma));
    merges = merges_by_score();
  } else if (kind == "gpt2" || kind == "gemma4") {
    const std::string name =
        kind == "gemma4" ? kind : file_.text("tokenizer.ggml.pre").value_or("");
    const auto found = find_gguf_pre_tokenizer(name);
    if (!found) {
      throw file_.error("tokenizer.ggml.pre",
                        (name.empty() ? std::string("missing") : "found \"" + name + "\"") +
                            ", expected one of " + known_gguf_pre_tokenizers());
    }
    // Qwen's own tokenizer composes characters first; llama.cpp does not.
    if (name == "qwen2") class_name = "Qwen2Tokenizer";
    splitting = *found;
    merges = stated_merges();
  } else {
    throw file_.error("tokenizer.ggml.model",
                      "found \"" + kind + "\", expected llama, gpt2 or gemma4");
  }
  const bool adds_bos = stated_bos.value_or(splitting.adds_bos);
  const Json config = tokenizer_config(class_name, adds_bos, adds_eos);
  std::vector<TextFile> files;
  files.push_back({"tokenizer.json", tokenizer_json(splitting, merges, adds_bos, adds_eos)});
  files.push_back({"tokenizer_config.json", config.dump(2) + "\n"});
  std::ranges::move(gguf_chat_template_files(file_), std::back_inserter(files));
  // Chat models end a turn with another token than a text.
  Json generation = Json::object(), ends = Json::array();
  if (bos_) generation["bos_token_id"] = *bos_;
  if (pad_) generation["pad_token_id"] = *pad_;
  for (const auto token : {eos_, id("eot"), id("eom")}) {
    if (token && std::ranges::find(ends, Json(*token)) == ends.end()) ends.push_back(*token);
  }
  if (!ends.empty()) generation["eos_token_id"] = ends.size() == 1 ? ends[0] : ends;
  files.push_back({"generation_config.json", generation.dump(2) + "\n"});
  return files;
}

}  // namespace

std::vector<TextFile> gguf_tokenizer_files(const GgufFile& file, const std::string& model_type) {
  return GgufTokenizerWriter(file, model_type).write();
}

}  // namespace expandft
