#include "data/batch.h"

#include "base/error.h"

#include <algorithm>

namespace expandft {

std::int64_t TokenBatch::target_count() const {
  return std::count_if(targets.begin(), targets.end(), [](TokenId id) { return id != kNoTarget; });
}

void TokenBatch::append(const Example& example) {
  const std::size_t length = example.tokens.size();
  if (example.learned.size() != length) {
    throw failure("an example has " + std::to_string(length) + " tokens but " +
                  std::to_string(example.learned.size()) + " learned marks");
  }
  if (offsets.empty()) offsets.push_back(0);
  if (length == 0) return;  // attention does not expect empty sequences
  for (std::size_t i = 0; i < length; ++i) {
    const bool predicts = i + 1 < length && example.learned[i + 1] != 0;
    ids.push_back(example.tokens[i]);
    targets.push_back(predicts ? example.tokens[i + 1] : kNoTarget);
    positions.push_back(static_cast<std::int64_t>(i));
  }
  offsets.push_back(tokens());
}

}  // namespace expandft
