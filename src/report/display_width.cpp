#include "report/display_width.h"

#include "base/utf8.h"

#include <algorithm>
#include <cstdint>
#include <iterator>

namespace expandft {
namespace {

/// The first character. Of malformed UTF-8, each byte counts as one character.
Utf8Character first_of(std::string_view text) {
  Utf8Character first = decode_character(text);
  if (!first.is_well_formed) first.length = 1;
  return first;
}

struct Range {
  std::uint32_t first, last;
};

template <std::size_t Count>
bool is_in(const Range (&ranges)[Count], std::uint32_t code) {
  return std::any_of(std::begin(ranges), std::end(ranges),
                     [&](const Range& range) { return code >= range.first && code <= range.last; });
}

// The common blocks of Unicode's EastAsianWidth (W, F) and of its combining marks.
constexpr Range kWide[] = {
    {0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xA960, 0xA97F}, {0xAC00, 0xD7A3},
    {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6}, {0x1F300, 0x1F64F},
    {0x1F680, 0x1F6FF}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
constexpr Range kNoWidth[] = {{0x0000, 0x001F}, {0x007F, 0x009F}, {0x0300, 0x036F},
                              {0x0483, 0x0489}, {0x0591, 0x05BD}, {0x064B, 0x065F},
                              {0x1AB0, 0x1AFF}, {0x1DC0, 0x1DFF}, {0x200B, 0x200F},
                              {0x20D0, 0x20FF}, {0xFE00, 0xFE0F}, {0xFE20, 0xFE2F}};

std::size_t width_of(std::uint32_t code) {
  if (is_in(kNoWidth, code)) return 0;
  return is_in(kWide, code) ? 2 : 1;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Utf8Character next = first_of(text);
    width += width_of(next.code);
    text.remove_prefix(next.length);
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t columns, bool utf8) {
  if (display_width(text) <= columns) return std::string(text);
  const std::string_view ellipsis = utf8 ? "…" : "~";
  if (columns == 0) return {};
  std::size_t width = 0, bytes = 0;
  while (bytes < text.size()) {
    const Utf8Character next = first_of(text.substr(bytes));
    if (width + width_of(next.code) > columns - 1) break;
    width += width_of(next.code);
    bytes += next.length;
  }
  return std::string(text.substr(0, bytes)).append(ellipsis);
}

}  // namespace expandft
