#include "base/utf8.h"

#include "catch.h"

#include <string>

using namespace expandft;

TEST_CASE("well-formed UTF-8 is told from malformed", "[utf8]") {
  CHECK(find_invalid_utf8("") == std::string_view::npos);
  CHECK(find_invalid_utf8("aé日👩\x7F") == std::string_view::npos);
  CHECK(find_invalid_utf8("\xF4\x8F\xBF\xBF") == std::string_view::npos);  // U+10FFFF
  CHECK(find_invalid_utf8("ab\xFF") == 2);
  CHECK(find_invalid_utf8("\x80") == 0);
  CHECK(find_invalid_utf8("a\xC0\xAF") == 1);         // overlong
  CHECK(find_invalid_utf8("\xE0\x80\x80") == 0);      // overlong
  CHECK(find_invalid_utf8("\xF0\x80\x80\x80") == 0);  // overlong
  CHECK(find_invalid_utf8("\xED\xA0\x80") == 0);      // surrogate
  CHECK(find_invalid_utf8("\xF4\x90\x80\x80") == 0);  // past U+10FFFF
  CHECK(find_invalid_utf8("\xF5\x80\x80\x80") == 0);
  CHECK(find_invalid_utf8("x\xE6\x97") == 1);  // ends inside
}

TEST_CASE("an unfinished character is told from a broken one", "[utf8]") {
  CHECK(utf8_prefix("ab\xE6\x97").incomplete);
  CHECK(utf8_prefix("ab\xE6\x97").length == 2);
  CHECK_FALSE(utf8_prefix("ab\xE6z").incomplete);
  CHECK_FALSE(utf8_prefix("\xED\xA0").incomplete);
  CHECK_FALSE(utf8_prefix("abc").incomplete);
}

TEST_CASE("white space is measured at both ends", "[utf8]") {
  CHECK(leading_space(" \t\n\u00A0\u3000x ") == 8);
  CHECK(trailing_space(" x \u2003\u0085") == 6);
  CHECK(leading_space("\u200Bx") == 0);  // zero width space is no white space
  CHECK(leading_space("") == 0);
  CHECK(trailing_space("   ") == 3);
  CHECK(trailing_space("日") == 0);
}

TEST_CASE("broken characters become U+FFFD by byte or by character", "[utf8]") {
  const auto by_byte = [](const char* text) {
    return replace_invalid_utf8(text, Replacing::kEachByte);
  };
  const auto by_subpart = [](const char* text) {
    return replace_invalid_utf8(text, Replacing::kEachSubpart);
  };
  CHECK(by_byte("aé") == "aé");
  CHECK(by_byte("a\xE2\x96z") == "a\uFFFD\uFFFDz");
  CHECK(by_subpart("a\xE2\x96z") == "a\uFFFDz");
  CHECK(by_subpart("\xE2\x96") == "\uFFFD");
  CHECK(by_subpart("\xF0\x9F\x98\xE2\x96\x81") == "\uFFFD▁");
  CHECK(by_subpart("\xE0\x80\x80") == "\uFFFD\uFFFD\uFFFD");  // E0 80 begins nothing
  CHECK(by_subpart("\xC3\xC3") == "\uFFFD\uFFFD");
}
