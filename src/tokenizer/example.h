#pragma once

#include "tokenizer/pipeline/token.h"

#include <cstdint>
#include <vector>

namespace expandft {

/// One training example: its tokens, and for each whether it is learned as a target.
struct Example {
  std::vector<TokenId> tokens;
  std::vector<std::uint8_t>
      learned;  // same length; learned[0] is ignored, since nothing predicts it
};

}  // namespace expandft
