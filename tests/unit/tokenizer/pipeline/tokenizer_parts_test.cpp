// The parts of a tokenizer.json, one by one.
#include "base/expect_error.h"
#include "base/unicode.h"
#include "catch.h"
#include "tokenizer/pipeline/added_tokens.h"
#include "tokenizer/pipeline/bpe_merges.h"
#include "tokenizer/pipeline/byte_alphabet.h"
#include "tokenizer/pipeline/regular_expression.h"
#include "tokenizer/pipeline/split_behavior.h"

#include <random>

using namespace expandft;

namespace {

using Ids = std::vector<TokenId>;
using Parts = std::vector<std::string>;

Parts found_by(const RegularExpression& expression, const std::string& text) {
  Parts parts;
  for (const Match& match : expression.find_all(text)) {
    parts.push_back(text.substr(match.begin, match.end - match.begin));
  }
  return parts;
}

Parts split_at(const std::string& text, const char* pattern, SplitBehavior behavior,
               bool invert = false) {
  const RegularExpression expression(pattern, "test");
  std::vector<Match> spans;
  append_split(parts_of(expression.find_all(text), text.size(), invert), behavior, 0, spans);
  Parts parts;
  for (const Match& span : spans) parts.push_back(text.substr(span.begin, span.end - span.begin));
  return parts;
}

// The spans found, as "begin-end:token" with "-" for plain text.
Parts spans_of(const std::vector<AddedToken>& tokens, std::string_view text, bool special = true) {
  std::vector<const AddedToken*> pointers;
  for (const AddedToken& token : tokens) pointers.push_back(&token);
  std::vector<TextSpan> spans;
  AddedTokenFinder(pointers).split(text, 0, text.size(), special, spans);
  Parts parts;
  for (const TextSpan& span : spans) {
    parts.push_back(std::string(text.substr(span.begin, span.end - span.begin)) + ":" +
                    (span.token != nullptr ? span.token->content : "-"));
  }
  return parts;
}

AddedToken token(const std::string& content) {
  AddedToken made;
  made.content = content;
  return made;
}

}  // namespace

TEST_CASE("regular expressions find what Oniguruma finds", "[regular_expression]") {
  const RegularExpression words(R"((?i:'s|'ll)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|\s+(?!\S)|\s+)",
                                "test");
  CHECK(found_by(words, "It'S 12345  où\n") ==
        Parts{"It", "'S", " ", "123", "45", " ", " où", "\n"});
  CHECK(found_by(words, "") == Parts{});
  // Empty matches count, but not right after another match.
  CHECK(found_by(RegularExpression("a*", "test"), "baé") == Parts{"", "a", ""});
  CHECK(found_by(RegularExpression("x", "test"), "日本") == Parts{});
  CHECK(found_by(RegularExpression("\\x{65E5}", "test"), "日本") == Parts{"日"});
}

TEST_CASE("regular expressions that do not compile are input errors", "[regular_expression]") {
  const auto refuse = [](const std::string& pattern, const std::string& part) {
    expect_input_error([&] { RegularExpression(pattern, "file: place"); }, {part, "file: place"});
  };
  refuse("[a", "premature end of char-class");
  refuse("\\p{Nothing}", "invalid character property name {Nothing}");
  refuse("*", "target of repeat operator is not specified");
  refuse(std::string(1 << 17, 'a'), "expected at most 65536");
}

TEST_CASE("texts are split in five ways", "[split_behavior]") {
  const std::string text = "The-final--countdown";
  CHECK(split_at(text, "-", SplitBehavior::kRemoved) == Parts{"The", "final", "countdown"});
  CHECK(split_at(text, "-", SplitBehavior::kIsolated) ==
        Parts{"The", "-", "final", "-", "-", "countdown"});
  CHECK(split_at(text, "-", SplitBehavior::kMergedWithPrevious) ==
        Parts{"The-", "final-", "-", "countdown"});
  CHECK(split_at(text, "-", SplitBehavior::kMergedWithNext) ==
        Parts{"The", "-final", "-", "-countdown"});
  CHECK(split_at(text, "-", SplitBehavior::kContiguous) ==
        Parts{"The", "-", "final", "--", "countdown"});
  CHECK(split_at(text, "[a-zA-Z]+", SplitBehavior::kRemoved, true) ==
        Parts{"The", "final", "countdown"});
  CHECK(split_at("--a", "-", SplitBehavior::kMergedWithPrevious) == Parts{"-", "-", "a"});
  CHECK(split_at("a--", "-", SplitBehavior::kMergedWithNext) == Parts{"a", "-", "-"});
}

TEST_CASE("merges go by rank, then from left to right", "[bpe_merges]") {
  BpeMerges merges(3);
  merges.set(0, 0, {1, 1});  // aa
  merges.set(1, 0, {0, 2});  // aaa, before aa
  CHECK(merges.find(0, 0).joined == 1);
  CHECK(merges.find(0, 1).rank == BpeMerges::kNone);
  Ids ids{0, 0, 0, 0};
  merges.apply(ids);
  CHECK(ids == Ids{2, 0});
  merges.set(1, 0, {2, 2});  // later entries replace earlier ones
  ids = {0, 0, 0, 0, 0};
  merges.apply(ids);
  CHECK(ids == Ids{1, 2});
  Ids none;
  merges.apply(none);
  CHECK(none.empty());
}

TEST_CASE("long and short words merge in the same way", "[bpe_merges]") {
  std::mt19937 draw(7);
  BpeMerges merges(200);
  std::vector<std::string> tokens{"a", "b", "c"};
  std::uint32_t rank = 0;
  while (tokens.size() < 60) {  // some merges are possible only after others, in random order
    const std::size_t left = draw() % tokens.size();
    const std::size_t right = draw() % tokens.size();
    const auto id = static_cast<TokenId>(tokens.size());
    merges.set(static_cast<TokenId>(left), static_cast<TokenId>(right), {rank++ * 7 % 61, id});
    tokens.push_back(tokens[left] + tokens[right]);
  }
  // Looks at all pairs after each merge.
  const auto slow = [&](Ids ids) {
    while (true) {
      std::size_t best = 0;
      std::uint32_t lowest = BpeMerges::kNone;
      for (std::size_t i = 0; i + 1 < ids.size(); ++i) {
        const auto merge = merges.find(ids[i], ids[i + 1]);
        if (merge.rank < lowest) lowest = merge.rank, best = i;
      }
      if (lowest == BpeMerges::kNone) return ids;
      ids[best] = merges.find(ids[best], ids[best + 1]).joined;
      ids.erase(ids.begin() + static_cast<std::ptrdiff_t>(best) + 1);
    }
  };
  for (std::size_t length = 0; length < 300; ++length) {
    Ids ids;
    for (std::size_t i = 0; i < length; ++i) ids.push_back(static_cast<TokenId>(draw() % 3));
    const Ids expected = slow(ids);
    merges.apply(ids);
    CHECK(ids == expected);
  }
}

TEST_CASE("every byte has its own character", "[byte_alphabet]") {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes += static_cast<char>(byte);
  CHECK(characters_to_bytes(bytes_to_characters(bytes)) == bytes);
  CHECK(bytes_to_characters(" a\n\xFF\xAD") == "ĠaĊÿŃ");
  CHECK(characters_to_bytes("▁a") == std::nullopt);
  CHECK(characters_to_bytes(" ") == std::nullopt);
}

TEST_CASE("Unicode normalization and character classes", "[unicode]") {
  CHECK(normalize_unicode("e\u0301 ﬁ", UnicodeForm::kNfc) == "é ﬁ");
  CHECK(normalize_unicode("é", UnicodeForm::kNfd) == "e\u0301");
  CHECK(normalize_unicode("ﬁ ½ \u1100\u1161", UnicodeForm::kNfkc) == "fi 1⁄2 가");
  CHECK(normalize_unicode("ﬁé", UnicodeForm::kNfkd) == "fie\u0301");
  CHECK(normalize_unicode(std::string("a\0é", 4), UnicodeForm::kNfc) == std::string("a\0é", 4));
  CHECK(to_lower_case("ÀÉ İSTANBUL ΑΣ ẞ") == "àé i\u0307stanbul ασ ß");
  CHECK(is_number(U'٣'));
  CHECK(is_number(U'½'));
  CHECK_FALSE(is_number(U'百'));
  CHECK(is_punctuation(U'$'));
  CHECK(is_punctuation(U'。'));
  CHECK_FALSE(is_punctuation(U'€'));
  CHECK(is_white_space(U'\u00A0'));
}

TEST_CASE("single_word tokens are found between words only", "[added_tokens]") {
  AddedToken word = token("ab");
  word.single_word = true;
  CHECK(spans_of({word}, "ab") == Parts{"ab:ab"});
  CHECK(spans_of({word}, "ab.ab ab") == Parts{"ab:ab", ".:-", "ab:ab", " :-", "ab:ab"});
  CHECK(spans_of({word}, "abc") == Parts{"abc:-"});
  CHECK(spans_of({word}, "éab") == Parts{"éab:-"});
  CHECK(spans_of({word}, "ab_") == Parts{"ab_:-"});
  CHECK(spans_of({word}, "ab\u0301") == Parts{"ab\u0301:-"});
  CHECK(spans_of({word}, "7ab") == Parts{"7ab:-"});
  CHECK(spans_of({word},
                 "\xFF"
                 "ab\xC3") == Parts{"\xFF:-", "ab:ab", "\xC3:-"});
}

TEST_CASE("unused matches hide tokens that overlap them", "[added_tokens]") {
  AddedToken special = token("<s>");
  special.special = true;
  CHECK(spans_of({special, token("s>x")}, "<s>x") == Parts{"<s>:<s>", "x:-"});
  CHECK(spans_of({special, token("s>x")}, "<s>x", false) == Parts{"<s>x:-"});
  CHECK(spans_of({special, token("x")}, "<s>x", false) == Parts{"<s>:-", "x:x"});
}

TEST_CASE("white space beside tokens goes to those that strip it", "[added_tokens]") {
  AddedToken left = token("<l>");
  left.lstrip = true;
  AddedToken right = token("<r>");
  right.rstrip = true;
  CHECK(spans_of({left, right}, " <l> <r> x") == Parts{" <l>:<l>", " :-", "<r> :<r>", "x:-"});
  CHECK(spans_of({left, right}, "<r>  <l>x") == Parts{"<r>  :<r>", "<l>:<l>", "x:-"});
  // A token that is white space is found again in the text of rstrip.
  CHECK(spans_of({right, token("\n")}, "<r> \nx") == Parts{"<r> \n:<r>", "\n:\n", "x:-"});
}
