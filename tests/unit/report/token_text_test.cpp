#include "report/token_text.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "tokenizer/small_tokenizer.h"
#include "tokenizer/stories_tokenizer.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

using Ids = std::vector<TokenId>;

/// An example whose last `learned` tokens are learned.
Example example_of(Ids ids, std::size_t learned) {
  Example example{std::move(ids), {}};
  example.learned.assign(example.tokens.size() - learned, 0);
  example.learned.resize(example.tokens.size(), 1);
  return example;
}

TokenText shown_token(std::string text, bool is_learned = false, bool is_special = false) {
  return {{7}, {text}, text, is_learned, is_special};
}

}  // namespace

TEST_CASE("byte tokens of one character stand together", "[token_text]") {
  const Tokenizer& tokenizer = stories_tokenizer();
  Ids ids = tokenizer.encode("a 日b", {.bos = true, .eos = true});
  const std::vector<TokenText> texts = token_texts(example_of(ids, 2), tokenizer);
  std::string whole;
  Ids all;
  std::size_t together = 0;
  for (const TokenText& text : texts) {
    whole += text.text;
    all.insert(all.end(), text.ids.begin(), text.ids.end());
    CHECK(text.ids.size() == text.pieces.size());
    if (text.ids.size() == 1) continue;
    ++together;
    CHECK(text.text == "日");
    CHECK(token_title(text) == "ids " + std::to_string(text.ids[0]) + " " +
                                   std::to_string(text.ids[1]) + " " + std::to_string(text.ids[2]) +
                                   " '<0xE6>' '<0x97>' '<0xA5>'");
  }
  CHECK(together == 1);
  CHECK(all == ids);
  CHECK(whole == "<s> a 日b</s>");
  CHECK(texts.front().is_special);
  CHECK(texts.back().is_special);
  CHECK(texts.back().is_learned);
  CHECK(token_title(texts.front()) == "id 1 '<s>'");
}

TEST_CASE("byte-level tokens are shown as what they spell", "[token_text]") {
  const TempDirectory folder;
  folder.write("tokenizer.json", small_tokenizer().dump());
  const auto tokenizer = Tokenizer::load(folder.path());
  const std::vector<TokenText> texts = token_texts(example_of({9, 6, 7, 8, 0, 10}, 1), *tokenizer);
  REQUIRE(texts.size() == 5);
  CHECK(texts[1].text == " a");
  CHECK(texts[1].pieces == std::vector<std::string>{"Ġa"});
  CHECK(texts[2].text == "é");
  CHECK(texts[2].ids == Ids{7, 8});
  CHECK(texts[3].text == "a");

  // What no character is, or what another token interrupts, cannot be shown.
  CHECK(token_texts(example_of({8, 0}, 0), *tokenizer)[0].text == "\uFFFD");
  CHECK(token_texts(example_of({7}, 0), *tokenizer)[0].text == "\uFFFD");
  const std::vector<TokenText> cut = token_texts(example_of({7, 10, 8}, 0), *tokenizer);
  REQUIRE(cut.size() == 3);
  CHECK(cut[1].text == "</s>");
  CHECK(token_texts(example_of({7, 8}, 1), *tokenizer).size() == 2);  // learned from its middle on
}

TEST_CASE("learned stretches stand in brackets where there are no colours", "[token_text]") {
  const std::vector<TokenText> tokens = {shown_token("<s>", false, true), shown_token("Who?\n"),
                                         shown_token("\x1b[2JTim", true),
                                         shown_token("</s>", true, true), shown_token("\n")};
  CHECK(highlighted_text(tokens, Highlight::kBrackets) == "<s>Who?\n⟦\\u001b[2JTim</s>⟧\n");
  CHECK(highlighted_text({shown_token("a", true)}, Highlight::kBrackets) == "⟦a⟧\n");
  CHECK(highlighted_text({shown_token("a\n", true)}, Highlight::kBrackets) == "⟦a\n⟧\n");
  CHECK(highlighted_text({}, Highlight::kBrackets) == "\n");
  CHECK(has(highlight_legend(Highlight::kBrackets), "⟦"));
}

TEST_CASE("colours end before line ends, which are shown where they are learned", "[token_text]") {
  const std::string text = highlighted_text(
      {shown_token("<s>", false, true), shown_token("Who?\n"), shown_token("Tim\n", true),
       shown_token("\tx\x1b[2J", true), shown_token("</s>", true, true)},
      Highlight::kColors);
  CHECK(text ==
        "\033[36m<s>\033[0mWho?\n"
        "\033[30;42mTim⏎\033[0m\n\033[30;42m⇥x\\u001b[2J\033[0m"
        "\033[30;46m</s>\033[0m\n");
  CHECK(has(highlight_legend(Highlight::kColors), "\033[30;42mlearned\033[0m"));
}

TEST_CASE("each cell has a token and its id", "[token_text]") {
  const std::vector<TokenText> tokens = {{{1}, {"<s>"}, "<s>", false, true},
                                         {{403}, {"▁Once"}, " Once", false, false},
                                         {{13}, {"<0x0A>"}, "\n", false, false},
                                         {{5, 6}, {"a", "b"}, "é", true, false},
                                         {{999}, {"<999>"}, "", true, false}};
  CHECK(token_cells(tokens, Highlight::kBrackets, 80) ==
        "<s> 1 | ␣Once 403 | ⏎ 13\n⟦é⟧ 5 6 | ⟦<999>⟧ 999\n");
  CHECK(token_cells(tokens, Highlight::kBrackets, 10) ==
        "<s> 1\n␣Once 403\n⏎ 13\n⟦é⟧ 5 6\n⟦<999>⟧ 999\n");
  CHECK(has(token_cells(tokens, Highlight::kColors, 80),
            "\033[30;42mé\033[0m\033[2m 5 6\033[0m\033[2m | \033[0m"));
}
