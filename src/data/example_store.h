#pragma once

#include "base/temporary_storage.h"
#include "data/batch.h"

#include <cstdint>
#include <vector>

namespace expandft {

/// The examples of a data set, in order. Token ids and learned marks are in a SpillBuffer, so that
/// the data may be larger than memory: the store takes 20 bytes per example, and up to
/// `memory_limit` bytes for ids and marks (5 per token). Reading an example copies it; several
/// threads may read at once.
class ExampleStore {
 public:
  static constexpr std::size_t kMemoryLimit = std::size_t{256} << 20;

  /// `folder`: for ids and marks beyond the limit. Empty: spill_folder().
  explicit ExampleStore(std::size_t memory_limit, fs::path folder = {});
  ExampleStore() : ExampleStore(kMemoryLimit) {}

  /// Failures: marks and tokens differ in number; as in SpillBuffer::append.
  void push_back(const Example& example);

  std::size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  /// The example at `index` < size().
  Example operator[](std::size_t index) const;
  /// The same, with a failure beyond the end.
  Example at(std::size_t index) const;
  Example back() const { return at(size() - 1); }
  /// The number of its tokens, and of those that are learned, without reading it.
  std::int64_t length(std::size_t index) const;
  std::int64_t targets(std::size_t index) const { return targets_[index]; }
  /// Of its tokens. Learned marks do not count.
  std::uint64_t hash(std::size_t index) const { return hashes_[index]; }

  std::uint64_t bytes_on_disk() const { return bytes_.bytes_on_disk(); }
  const fs::path& folder() const { return bytes_.folder(); }

  class Iterator {
   public:
    Iterator(const ExampleStore& store, std::size_t index) : store_(&store), index_(index) {}
    Example operator*() const { return (*store_)[index_]; }
    Iterator& operator++() {
      ++index_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return index_ == other.index_; }

   private:
    const ExampleStore* store_;
    std::size_t index_;
  };
  Iterator begin() const { return {*this, 0}; }
  Iterator end() const { return {*this, size()}; }

 private:
  std::uint64_t begin_of(std::size_t index) const { return index == 0 ? 0 : ends_[index - 1]; }

  SpillBuffer bytes_;                   // of each example: ids, then marks
  std::vector<std::uint64_t> ends_;     // tokens of all examples up to and including this one
  std::vector<std::uint32_t> targets_;  // learned tokens of each, without its first token
  std::vector<std::uint64_t> hashes_;
};

/// Lengths of examples, in tokens. A quantile is the smallest length that this percentage of the
/// examples do not exceed.
struct LengthStatistics {
  std::int64_t least = 0, median = 0, percent_90 = 0, percent_99 = 0, most = 0;
  bool operator==(const LengthStatistics&) const = default;
};

/// Exact, of the examples [begin, begin + count). All 0 without examples.
LengthStatistics length_statistics(const ExampleStore& examples, std::size_t begin,
                                   std::size_t count);

}  // namespace expandft
