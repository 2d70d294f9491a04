#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace expandft::jinja {

// What Python's str does, on UTF-8. Places and lengths count characters, unless they say bytes.

/// str.upper(), with the characters whose capital is several (ß).
std::string python_upper(std::string_view text);
/// str.capitalize() and str.title(), str.swapcase().
std::string python_capitalized(std::string_view text);
std::string python_title(std::string_view text);
std::string python_swapcase(std::string_view text);
/// str.islower() and str.isupper(): the cased characters are, and there is one.
bool python_is_lower(std::string_view text);
bool python_is_upper(std::string_view text);

/// Whether the text is not empty and consists of such characters.
enum class CharacterClass { kAlpha, kDigit, kDecimal, kNumeric, kAlnum, kSpace };
bool consists_of(std::string_view text, CharacterClass characters);

/// strip(characters) at one or both ends.
std::string_view strip_characters(std::string_view text, std::string_view characters, bool left,
                                  bool right);

/// split(separator, most): at most `most` cuts unless it is negative; from the right end with
/// `from_right`. Without a separator at runs of white space.
std::vector<std::string_view> split_at(std::string_view text,
                                       std::optional<std::string_view> separator, std::int64_t most,
                                       bool from_right);
/// splitlines(): all of Python's line ends.
std::vector<std::string_view> split_lines(std::string_view text, bool keeps_ends);

/// replace(old, with, most).
std::string replaced(std::string_view text, std::string_view old, std::string_view with,
                     std::int64_t most);
/// count(part), parts that do not overlap.
std::int64_t count_of(std::string_view text, std::string_view part);

/// Byte offset of character `index`, at most the text's size.
std::size_t byte_of(std::string_view text, std::int64_t index);
/// The bytes of each character.
std::vector<std::string_view> characters_of(std::string_view text);

}  // namespace expandft::jinja
