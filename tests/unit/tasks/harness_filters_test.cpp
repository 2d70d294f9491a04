#include "tasks/harness_filters.h"

#include "base/expect_error.h"
#include "catch.h"
#include "data/rows/template.h"

#include <string>
#include <vector>

using namespace expandft;

// Expected: lm-evaluation-harness 0.4.13's own functions.

TEST_CASE("wikihow cleans texts as hellaswag does", "[harness_filters]") {
  CHECK(clean_wikihow("  [header] How to [title] Win.  [step] Go  on [a\nb] [c ") ==
        " How to. Win.  Go on [a\nb] [c");
  CHECK(clean_wikihow("x   y [] [[z]] w") == "x  y ] w");
  CHECK(clean_wikihow("").empty());
}

TEST_CASE("wikitext joins what the data set has separated", "[harness_filters]") {
  CHECK(
      clean_wikitext(" = Title = \n The 1 @,@ 000 cats ' tails ( up ) , \" so \" ; 3 @.@ 5 @-@ mm "
                     ". \n Why ? It 's 20 ° C : N ! \n") ==
      " = Title =\nThe 1,000 cats'tails (up), \"so\"; 3.5-mm.\nWhy? It's 20°C: N!\n");
  CHECK(clean_wikitext("= = = A = = =\n [ a  ] { b } ( c ( d ) e ) ' f ' \" g") ==
        "=== A ===\n[a] {b} (c ( d) e ) 'f' \" g");
  CHECK(clean_wikitext("/' 5/ /' x/ /' 12/") == "/'[0-9]/ /' x/ /' 12/");
  CHECK(clean_wikitext("").empty());
}

TEST_CASE("split_options splits mathqa's options", "[harness_filters]") {
  using Texts = std::vector<std::string>;
  CHECK(split_options("a ) 38 , b ) 27.675 , c ) 30 , d ) data inadequate , e ) none of these") ==
        Texts{"38", "27.675", "30", "data inadequate", "none of these"});
  CHECK(split_options("a ) rs . 1 , 000 , b ) 5 , e ) 7\n") == Texts{"rs . 1", "5", "7"});
  CHECK(split_options("a ) x").empty());
  CHECK(split_options("").empty());
}

TEST_CASE("templates of tasks have the harness's filters", "[harness_filters]") {
  const auto texts = [](const char* text, const Json& row) {
    return TextTemplate::parse(text, "t.json: prompt", &harness_filters()).render_texts(row, "r:4");
  };
  using Texts = std::vector<std::string>;
  CHECK(texts("{a} [title] {b}{|wikihow}", {{"a", " x"}, {"b", "y [z]  "}}) == Texts{"x. y "});
  CHECK(texts("{l|wikihow|strip}", {{"l", {"x [y]", "z"}}}) == Texts{"x", "z"});
  CHECK(texts("{o|split_options|options}", {{"o", "a ) 3 , e ) 4"}}) == Texts{"A. 3\nB. 4"});
  expect_input_error(
      [&] {
        texts("{a|split_options}", {{"a", {"x"}}});
      },
      {"is a list", "filter split_options", "expected a text", "r:4"});
  expect_input_error([&] { texts("{a|xyzzyx}", {}); }, {"wikihow", "t.json: prompt"});
}
