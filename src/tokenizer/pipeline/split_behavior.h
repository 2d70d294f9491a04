#pragma once

#include "tokenizer/pipeline/json_node.h"
#include "tokenizer/pipeline/text_pattern.h"

#include <vector>

namespace expandft {

/// What happens to the matches at which a text is split.
enum class SplitBehavior {
  kRemoved,             // they are dropped
  kIsolated,            // each is a separate part
  kMergedWithPrevious,  // each ends the part before it
  kMergedWithNext,      // each begins the part after it
  kContiguous,          // neighbouring matches are one part
};

SplitBehavior read_split_behavior(const JsonNode& node);

/// A range between two cuts, and whether the pattern matched it.
struct SplitPart {
  Match span;
  bool matched = false;
};

/// The parts of [0, size): the matches and what is between them. `invert` swaps their roles.
std::vector<SplitPart> parts_of(const std::vector<Match>& matches, std::size_t size, bool invert);
/// Appends the words that `behavior` makes of the parts, moved by `offset`, without empty ones.
void append_split(const std::vector<SplitPart>& parts, SplitBehavior behavior, std::size_t offset,
                  std::vector<Match>& spans);

}  // namespace expandft
