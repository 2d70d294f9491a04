#include "data/cleaning.h"

#include "catch.h"

#include <string>
#include <vector>

using namespace expandft;

// Expected: lm-evaluation-harness 0.4.13's own functions.

TEST_CASE("texts of wikiHow are cleaned as hellaswag's are", "[cleaning]") {
  CHECK(clean_wikihow("  [header] How to [title] Win.  [step] Go  on [a\nb] [c ") ==
        " How to. Win.  Go on [a\nb] [c");
  CHECK(clean_wikihow("x   y [] [[z]] w") == "x  y ] w");
  CHECK(clean_wikihow("").empty());
}

TEST_CASE("what WikiText has set apart is joined", "[cleaning]") {
  CHECK(
      clean_wikitext(" = Title = \n The 1 @,@ 000 cats ' tails ( up ) , \" so \" ; 3 @.@ 5 @-@ mm "
                     ". \n Why ? It 's 20 ° C : N ! \n") ==
      " = Title =\nThe 1,000 cats'tails (up), \"so\"; 3.5-mm.\nWhy? It's 20°C: N!\n");
  CHECK(clean_wikitext("= = = A = = =\n [ a  ] { b } ( c ( d ) e ) ' f ' \" g") ==
        "=== A ===\n[a] {b} (c ( d) e ) 'f' \" g");
  CHECK(clean_wikitext("/' 5/ /' x/ /' 12/") == "/'[0-9]/ /' x/ /' 12/");
  CHECK(clean_wikitext("").empty());
}

TEST_CASE("mathqa's options are split", "[cleaning]") {
  using Texts = std::vector<std::string>;
  CHECK(split_options("a ) 38 , b ) 27.675 , c ) 30 , d ) data inadequate , e ) none of these") ==
        Texts{"38", "27.675", "30", "data inadequate", "none of these"});
  CHECK(split_options("a ) rs . 1 , 000 , b ) 5 , e ) 7\n") == Texts{"rs . 1", "5", "7"});
  CHECK(split_options("a ) x").empty());
  CHECK(split_options("").empty());
}
