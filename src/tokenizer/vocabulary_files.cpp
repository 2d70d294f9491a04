#include "tokenizer/vocabulary_files.h"

#include "base/error.h"
#include "base/wording.h"
#include "tokenizer/sentencepiece_model.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace expandft {
namespace {

constexpr const char* kWhichCounts =
    "tokenizer.json counts, as in transformers; remove the file that does not belong to this model";

/// The member of an object, or null.
const Json& member(const Json& json, const char* key) {
  static const Json nothing;
  const auto found = json.is_object() ? json.find(key) : json.end();
  return json.is_object() && found != json.end() ? *found : nothing;
}

/// Ids by token, of the vocabulary and the added tokens. Malformed entries are skipped.
class KnownTokens {
 public:
  explicit KnownTokens(const TokenizerContent& content) {
    if (content.tables) {
      ids_.reserve(content.tables->vocabulary.size());
      for (const auto& [token, id] : content.tables->vocabulary) {
        ids_.insert_or_assign(std::string(token), id);
      }
    }
    const Json& json = content.json;
    const Json& vocabulary = member(member(json, "model"), "vocab");
    if (vocabulary.is_object()) {
      for (const auto& [token, id] : vocabulary.items()) add(token, id);
    }
    const Json& added = member(json, "added_tokens");
    if (!added.is_array()) return;
    for (const Json& token : added) {
      if (!token.is_object() || !token.contains("content") || !token.contains("id")) continue;
      if (token["content"].is_string()) add(token["content"].get<std::string>(), token["id"]);
    }
  }

  /// A message if the token is missing or has another id.
  std::optional<std::string> difference(const std::string& token, std::int64_t id) const {
    const auto found = ids_.find(token);
    if (found != ids_.end() && found->second == id) return std::nullopt;
    return "\"" + printable(token) + "\" has id " + std::to_string(id) + " there, " +
           (found == ids_.end() ? "and none here" : std::to_string(found->second) + " here");
  }

 private:
  void add(const std::string& token, const Json& id) {
    if (id.is_number_integer()) ids_.insert_or_assign(token, id.get<std::int64_t>());
  }

  std::unordered_map<std::string, std::int64_t> ids_;
};

std::optional<std::string> difference_of_model(const std::string& bytes, const fs::path& file,
                                               const KnownTokens& known) {
  if (!bytes.starts_with('\n')) return std::nullopt;  // a tiktoken file: a text of ranks
  const SentencePieceModel model = parse_sentencepiece_model(bytes, file.string());
  for (std::size_t id = 0; id < model.pieces.size(); ++id) {
    const auto found = known.difference(model.pieces[id].text, static_cast<std::int64_t>(id));
    if (found) return found;
  }
  return std::nullopt;
}

std::optional<std::string> difference_of_vocabulary(const Json& vocabulary,
                                                    const KnownTokens& known) {
  if (!vocabulary.is_object()) return "it is not an object of tokens and ids";
  for (const auto& [token, id] : vocabulary.items()) {
    if (!id.is_number_integer()) return "\"" + printable(token) + "\" has no id there";
    if (auto found = known.difference(token, id.get<std::int64_t>())) return found;
  }
  return std::nullopt;
}

/// "a b" of each merge of the model; "" for a malformed one. Nothing without merges.
std::optional<std::vector<std::string>> merge_lines(const TokenizerContent& content) {
  std::vector<std::string> lines;
  if (content.tables) {
    for (const auto& [left, right] : content.tables->merges) {
      lines.push_back(std::string(left).append(" ").append(right));
    }
    return lines;
  }
  const Json& merges = member(member(content.json, "model"), "merges");
  if (!merges.is_array()) return std::nullopt;
  for (const Json& one : merges) {
    const bool is_pair =
        one.is_array() && one.size() == 2 && one[0].is_string() && one[1].is_string();
    lines.push_back(is_pair           ? one[0].get<std::string>() + " " + one[1].get<std::string>()
                    : one.is_string() ? one.get<std::string>()
                                      : std::string());
  }
  return lines;
}

/// Compares the lines of merges.txt with the merges of the model.
std::optional<std::string> difference_of_merges(
    std::string_view text, const std::optional<std::vector<std::string>>& lines) {
  if (!lines) return std::nullopt;
  const std::vector<std::string>& merges = *lines;
  std::size_t next = 0;
  for (std::size_t begin = 0, line = 1; begin < text.size(); ++line) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string_view merge = text.substr(begin, end - begin);
    begin = end + 1;
    if (merge.ends_with('\r')) merge.remove_suffix(1);
    if (merge.empty() || (line == 1 && merge.starts_with("#version"))) continue;
    const bool is_known = next < merges.size();
    const std::string here = is_known ? merges[next] : std::string();
    ++next;
    if (merge == here) continue;
    return "line " + std::to_string(line) + " merges \"" + printable(std::string(merge)) +
           "\" there, " + (!is_known ? "and nothing here" : "\"" + printable(here) + "\" here");
  }
  if (next == merges.size()) return std::nullopt;
  return "it has " + std::to_string(next) + " merges there, " + std::to_string(merges.size()) +
         " here";
}

}  // namespace

Notices contradicting_files(const fs::path& directory, const TokenizerContent& content) {
  const fs::path model = directory / "tokenizer.model", vocabulary = directory / "vocab.json",
                 merges = directory / "merges.txt";
  Notices notices;
  if (!content.json.is_object() || !(is_file(model) || is_file(vocabulary) || is_file(merges))) {
    return notices;
  }
  const KnownTokens known(content);
  const auto compare = [&](const fs::path& file, const auto& difference) {
    if (!is_file(file)) return;
    std::optional<std::string> found;
    try {
      found = difference();
    } catch (const Error& error) {
      found = error.message();  // not an error, since nothing else reads the file
    }
    if (!found) return;
    notices.push_back({file.filename().string() + " and tokenizer.json differ: " + *found,
                       file.string(), kWhichCounts});
  };
  compare(model, [&] { return difference_of_model(read_file(model), model, known); });
  compare(vocabulary, [&] { return difference_of_vocabulary(read_json(vocabulary), known); });
  compare(merges, [&] { return difference_of_merges(read_file(merges), merge_lines(content)); });
  return notices;
}

}  // namespace expandft
