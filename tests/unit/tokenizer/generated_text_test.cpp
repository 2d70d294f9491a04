#include "tokenizer/generated_text.h"

#include "catch.h"
#include "golden_tokenizers.h"

#include <random>

using namespace expandft;

namespace {

using Ids = std::vector<TokenId>;

/// The first token after which the text, decoded as a whole, contains a stop text; -1: none.
int first_stop(const Tokenizer& tokenizer, const Ids& ids, const std::vector<std::string>& stops) {
  Ids begun;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    begun.push_back(ids[i]);
    if (find_stop(tokenizer.decode(begun), stops) != std::string::npos) return static_cast<int>(i);
  }
  return -1;
}

int found_stop(const Tokenizer& tokenizer, const Ids& ids, const std::vector<std::string>& stops) {
  StopFinder finder(tokenizer, stops);
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (finder.push(ids[i])) return static_cast<int>(i);
  }
  return -1;
}

/// Tokens of a difficult text, or any: parts of characters, bytes, special tokens, ids beyond the
/// end.
Ids random_ids(const Tokenizer& tokenizer, const std::vector<std::string>& texts,
               std::mt19937& random) {
  const auto below = [&](std::int64_t bound) {
    return static_cast<TokenId>(random() % static_cast<std::uint64_t>(bound));
  };
  Ids ids;
  if (below(2) == 0) {
    ids = tokenizer.encode(texts[random() % texts.size()] + texts[random() % texts.size()]);
    if (ids.size() > 60) ids.resize(60);
  }
  const int extra = static_cast<int>(below(12));
  for (int i = 0; i < extra; ++i) {
    const auto at = ids.begin() + below(std::ssize(ids) + 1);
    const TokenId id = below(3) == 0 ? below(tokenizer.size() + 2)
                                     : below(std::min<std::int64_t>(tokenizer.size(), 300));
    ids.insert(at, id);
  }
  return ids;
}

/// A part of the tokens' text at some point, or another text.
std::string random_stop(const Tokenizer& tokenizer, Ids ids, std::mt19937& random) {
  if (ids.empty() || random() % 8 == 0) return random() % 2 == 0 ? "\uFFFD" : "";
  ids.resize(1 + random() % ids.size());
  const std::string text = tokenizer.decode(ids);
  if (text.empty()) return " ";
  const std::size_t begin = random() % text.size();
  return text.substr(begin, 1 + random() % 9);
}

}  // namespace

TEST_CASE("a stop text is found at the same token as by decoding all tokens", "[stop_finder]") {
  const auto name = GENERATE(from_range(golden_tokenizer_names()));
  CAPTURE(name);
  const auto tokenizer = golden_tokenizer(name);
  const std::vector<std::string> texts = hard_texts();
  std::mt19937 random(7);
  int found = 0, wrong = 0;
  for (int i = 0; i < 1500; ++i) {
    const Ids ids = random_ids(*tokenizer, texts, random);
    std::vector<std::string> stops(1 + random() % 3);
    for (std::string& stop : stops) stop = random_stop(*tokenizer, ids, random);
    const int expected = first_stop(*tokenizer, ids, stops);
    if (expected >= 0) ++found;
    if (found_stop(*tokenizer, ids, stops) == expected) continue;
    ++wrong;
    CAPTURE(ids, stops, expected);
    CHECK(found_stop(*tokenizer, ids, stops) == expected);
  }
  CHECK(wrong == 0);
  CHECK(found > 300);
}

TEST_CASE("a stop text across tokens is found, and nothing without one", "[stop_finder]") {
  const auto tokenizer = golden_tokenizer("mistral-v1");
  const Ids ids = tokenizer->encode("Question: why?\n\nQuestion: how?");
  const std::vector<std::string> stops = {"\n\nQuestion:", "never"};
  const int at = found_stop(*tokenizer, ids, stops);
  REQUIRE(at > 0);
  CHECK(tokenizer->decode({ids.begin(), ids.begin() + at + 1}) == "Question: why?\n\nQuestion:");
  CHECK(found_stop(*tokenizer, ids, {}) == -1);
  CHECK(found_stop(*tokenizer, ids, {""}) == -1);
}

TEST_CASE("a text ends before a stop text, and shows nothing that may begin one",
          "[generated_text]") {
  const auto tokenizer = Tokenizer::load(fs::path(EXPANDFT_DATA) / "stories260K");
  const auto streamed = [&](const std::string& text, const std::vector<std::string>& stops) {
    StoppedStream stream(*tokenizer, /*continuation=*/false, stops);
    std::vector<std::string> shown;
    for (const TokenId id : tokenizer->encode(text)) {
      shown.push_back(stream.push(id));
      if (stream.stopped()) break;
    }
    shown.push_back(stream.finish());
    std::string whole;
    for (const std::string& piece : shown) {
      whole += piece;
      CHECK(text.starts_with(whole));
    }
    return std::pair(whole, stream.stopped());
  };
  const std::string text = "Once upon a time\n\nthere was a dog.";
  CHECK(streamed(text, {}) == std::pair(text, false));
  CHECK(streamed(text, {"\n"}) == std::pair<std::string, bool>("Once upon a time", true));
  CHECK(streamed(text, {"dog", "\n\nthere"}) ==
        std::pair<std::string, bool>("Once upon a time", true));
  CHECK(streamed(text, {"dog.!", ""}) == std::pair(text, false));
  CHECK(streamed(text, {"Once"}) == std::pair<std::string, bool>("", true));
  CHECK(streamed(text, {"me\n\nth", "a time\n"}) ==
        std::pair<std::string, bool>("Once upon ", true));
}
