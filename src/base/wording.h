#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

// Parts of messages.

/// A count with its noun, given in the singular: "1 row", "2 rows", "0 copies", "3 classes".
std::string counted(std::int64_t count, std::string_view noun);

/// Names in a sentence: "a", "b" and "c". Beyond `most`, how many more there are.
std::string quoted_list(const std::vector<std::string>& names, std::size_t most = 8);

/// The text with control characters (U+0000 to U+001F, U+007F to U+009F) as \u escapes, except
/// those in `kept`. Texts come from outside, and a terminal would obey their control characters.
std::string printable(std::string_view text, std::string_view kept = "\t\n");

/// The candidate nearest to `word` by edit distance, for "did you mean"; "" when none is near.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

/// The system's text for an error number (errno): "No space left on device". Unlike strerror, it is
/// safe to call from several threads.
std::string system_message(int error);

}  // namespace expandft
