#include "base/utf8.h"

#include "base/unicode.h"
#include "catch.h"

#include <string>

using namespace expandft;

TEST_CASE("malformed UTF-8 is found", "[utf8]") {
  CHECK(find_invalid_utf8("") == std::string_view::npos);
  CHECK(find_invalid_utf8("aé日👩\x7F") == std::string_view::npos);
  CHECK(find_invalid_utf8("\xF4\x8F\xBF\xBF") == std::string_view::npos);  // U+10FFFF
  CHECK(find_invalid_utf8("ab\xFF") == 2);
  CHECK(find_invalid_utf8("\x80") == 0);
  CHECK(find_invalid_utf8("a\xC0\xAF") == 1);         // overlong
  CHECK(find_invalid_utf8("\xE0\x80\x80") == 0);      // overlong
  CHECK(find_invalid_utf8("\xF0\x80\x80\x80") == 0);  // overlong
  CHECK(find_invalid_utf8("\xED\xA0\x80") == 0);      // surrogate
  CHECK(find_invalid_utf8("\xF4\x90\x80\x80") == 0);  // beyond U+10FFFF
  CHECK(find_invalid_utf8("\xF5\x80\x80\x80") == 0);
  CHECK(find_invalid_utf8("x\xE6\x97") == 1);  // ends inside
}

TEST_CASE("an unfinished character differs from a malformed one", "[utf8]") {
  CHECK(utf8_prefix("ab\xE6\x97").is_incomplete);
  CHECK(utf8_prefix("ab\xE6\x97").length == 2);
  CHECK_FALSE(utf8_prefix("ab\xE6z").is_incomplete);
  CHECK_FALSE(utf8_prefix("\xED\xA0").is_incomplete);
  CHECK_FALSE(utf8_prefix("abc").is_incomplete);
}

TEST_CASE("white space is measured at both ends", "[utf8]") {
  CHECK(leading_space(" \t\n\u00A0\u3000x ") == 8);
  CHECK(trailing_space(" x \u2003\u0085") == 6);
  CHECK(leading_space("\u200Bx") == 0);  // zero width space is not white space
  CHECK(leading_space("") == 0);
  CHECK(trailing_space("   ") == 3);
  CHECK(trailing_space("日") == 0);
}

TEST_CASE("malformed characters become U+FFFD by byte or by character", "[utf8]") {
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

TEST_CASE("a character is decoded, or measured when it is malformed", "[utf8]") {
  const auto code = [](std::string_view text) { return decode_character(text).code; };
  CHECK(code("a") == U'a');
  CHECK(code("\xC3\xA9x") == 0xE9);
  CHECK(code("👩x") == 0x1F469);
  CHECK(code("\xFF") == 0xFFFD);
  CHECK(decode_character("👩x").length == 4);
  CHECK(decode_character("\uFFFD").is_well_formed);
  CHECK_FALSE(decode_character("\xED\xA0\x80").is_well_formed);
  CHECK(decode_character("\xED\xA0\x80").length == 1);
  CHECK(decode_character("\xF0\x9F\x98z").length == 3);
  CHECK_FALSE(decode_character("\xF0\x9F\x98z").is_incomplete);
  CHECK(decode_character("\xF0\x9F\x98").is_incomplete);
  CHECK(decode_character("\xF4").is_incomplete);
  CHECK_FALSE(decode_character("\xF5").is_incomplete);
  CHECK_FALSE(decode_character("\xC1").is_incomplete);
  CHECK_FALSE(decode_character("\xF4\x90").is_incomplete);
}

// Each byte pair and its continuation, by Unicode 15, table 3-7.
TEST_CASE("every pair of bytes begins what table 3-7 allows", "[utf8]") {
  for (int lead = 0x80; lead < 0x100; ++lead) {
    for (int second = 0; second < 0x100; ++second) {
      const int low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
      const int high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
      const bool is_lead = lead >= 0xC2 && lead <= 0xF4;
      const bool fits = is_lead && second >= low && second <= high;
      const std::string text{static_cast<char>(lead), static_cast<char>(second)};
      const Utf8Character found = decode_character(text);
      CAPTURE(lead, second);
      CHECK(found.is_well_formed == (fits && lead < 0xE0));
      CHECK(found.is_incomplete == (fits && lead >= 0xE0));
      CHECK(found.length == (fits ? 2u : 1u));
    }
  }
}

TEST_CASE("texts are cut between characters", "[utf8]") {
  CHECK(cut_to_bytes("aé日", 10) == "aé日");
  CHECK(cut_to_bytes("aé日", 5) == "aé");
  CHECK(cut_to_bytes("aé日", 2) == "a");
  CHECK(cut_to_bytes("日", 2).empty());
  CHECK(character_at_or_after("aé日", 2) == 3);
  CHECK(character_at_or_after("aé日", 4) == 6);
  CHECK(last_character("aé日") == 3);
  CHECK(character_count("aé日👩") == 4);
  CHECK(without_byte_order_mark("\uFEFFa") == "a");
}
