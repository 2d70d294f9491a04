#include "base/python_words.h"

#include "catch.h"

using namespace expandft;

// Expected: CPython 3.11.

TEST_CASE("white space at the start goes as Python's lstrip takes it", "[python]") {
  CHECK(python_lstrip(" \t\u00A0\x1c x ") == "x ");
  CHECK(python_lstrip("x") == "x");
  CHECK(python_lstrip(" \n").empty());
  CHECK(python_lstrip("").empty());
}

TEST_CASE("words are counted as Python's re.split tells them", "[python]") {
  CHECK(python_word_count("") == 1);
  CHECK(python_word_count(" ") == 2);
  CHECK(python_word_count("a b") == 2);
  CHECK(python_word_count(" a\u00A0b\x1c") == 4);
  CHECK(python_word_count("a\n\n b ") == 3);
}

TEST_CASE("a text is capitalized as Python does it", "[python]") {
  CHECK(python_capitalize("éÀ ΑΣ ΟΔΟΣ") == "Éà ας οδος");
  CHECK(python_capitalize("ǆ aB") == "ǅ ab");
  CHECK(python_capitalize("hELLO wORLD") == "Hello world");
  CHECK(python_capitalize("Σ") == "Σ");
  CHECK(python_capitalize("İX") == "İx");
  CHECK(python_capitalize("").empty());
}
