#include "base/hash.h"
#include "data/dataset.h"

#include <bit>
#include <memory>
#include <new>

#include <xxhash.h>

namespace expandft {

std::string fingerprint(const Dataset& dataset) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  if (state == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  for (const Example example : dataset.examples) {
    // The length comes first, so that examples cannot run together.
    const std::uint64_t length = example.tokens.size();
    XXH3_64bits_update(state.get(), &length, sizeof length);
    if (length == 0) continue;
    XXH3_64bits_update(state.get(), example.tokens.data(), length * sizeof(TokenId));
    XXH3_64bits_update(state.get(), example.learned.data(), example.learned.size());
  }
  for (const DatasetPart& part : dataset.parts) {
    const auto weight = std::bit_cast<std::uint64_t>(part.weight);
    const std::uint64_t words[] = {part.examples, weight};
    XXH3_64bits_update(state.get(), words, sizeof words);
  }
  XXH64_canonical_t canonical;
  XXH64_canonicalFromHash(&canonical, XXH3_64bits_digest(state.get()));
  return hex(canonical.digest);
}

}  // namespace expandft
