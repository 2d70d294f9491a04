#pragma once

#include <cstddef>
#include <string_view>

namespace expandft {

/// The bytes of an empty block of reasoning at the text's start, with the white space around it:
/// "<think>\n\n</think>\n\n". 0 if there is none. What precedes the text may open the block.
std::size_t leading_empty_reasoning(std::string_view text, std::string_view before = {});
/// The same at the text's end. Also of a block that is only opened: "<think>\n".
std::size_t trailing_empty_reasoning(std::string_view text);
/// Whether the text has the end of a block of reasoning.
bool ends_reasoning(std::string_view text);

}  // namespace expandft
