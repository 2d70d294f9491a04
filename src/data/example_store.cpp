#include "data/example_store.h"

#include "base/error.h"
#include "base/hash.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>

namespace expandft {
namespace {

constexpr std::uint64_t kBytesPerToken = sizeof(TokenId) + 1;  // its id and its mark

}  // namespace

ExampleStore::ExampleStore(std::size_t memory_limit, fs::path folder)
    : bytes_(memory_limit, std::move(folder)) {}

void ExampleStore::push_back(const Example& example) {
  const auto& [tokens, learned] = example;
  if (learned.size() != tokens.size()) {
    throw failure("an example has " + std::to_string(tokens.size()) + " tokens but " +
                  std::to_string(learned.size()) + " learned marks");
  }
  bytes_.append(std::as_bytes(std::span(tokens)));
  bytes_.append(std::as_bytes(std::span(learned)));
  hashes_.push_back(hash64(std::as_bytes(std::span(tokens))));
  ends_.push_back(begin_of(size()) + tokens.size());
  const auto first = learned.begin() + (learned.empty() ? 0 : 1);
  targets_.push_back(static_cast<std::uint32_t>(
      std::count_if(first, learned.end(), [](std::uint8_t mark) { return mark != 0; })));
}

Example ExampleStore::operator[](std::size_t index) const {
  const std::uint64_t begin = kBytesPerToken * begin_of(index);
  const auto count = static_cast<std::size_t>(length(index));
  Example example{std::vector<TokenId>(count), std::vector<std::uint8_t>(count)};
  bytes_.read(begin, std::as_writable_bytes(std::span(example.tokens)));
  bytes_.read(begin + count * sizeof(TokenId), std::as_writable_bytes(std::span(example.learned)));
  return example;
}

Example ExampleStore::at(std::size_t index) const {
  if (index >= size()) {
    throw failure("there is no example " + std::to_string(index) + " among " +
                  std::to_string(size()));
  }
  return (*this)[index];
}

std::int64_t ExampleStore::length(std::size_t index) const {
  return static_cast<std::int64_t>(ends_[index] - begin_of(index));
}

LengthStatistics length_statistics(const ExampleStore& examples, std::size_t begin,
                                   std::size_t count) {
  if (count == 0) return {};
  std::vector<std::int64_t> lengths(count);
  for (std::size_t i = 0; i < count; ++i) lengths[i] = examples.length(begin + i);
  std::sort(lengths.begin(), lengths.end());
  const auto quantile = [&](std::size_t percent) {
    return lengths[(count * percent + 99) / 100 - 1];
  };
  return {lengths.front(), quantile(50), quantile(90), quantile(99), lengths.back()};
}

}  // namespace expandft
