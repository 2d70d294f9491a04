#pragma once

#include "base/temporary_storage.h"
#include "data/batch.h"

#include <cstdint>
#include <vector>

namespace expandft {

/// The examples of a data set, in order. Token ids and learned marks lie in a SpillBuffer, so that
/// data larger than memory can be trained on; in memory are 20 bytes for each example, and up to
/// `memory_limit` bytes of ids and marks (5 a token). An example is copied out when it is asked
/// for; several threads may ask at once.
class ExampleStore {
 public:
  static constexpr std::size_t kMemoryLimit = std::size_t{256} << 20;

  /// `folder`: where ids and marks past the limit go; empty: spill_folder().
  explicit ExampleStore(std::size_t memory_limit, fs::path folder = {});
  ExampleStore() : ExampleStore(kMemoryLimit) {}

  /// Failure when marks and tokens differ in number, and as SpillBuffer::append.
  void push_back(const Example& example);

  std::size_t size() const { return ends_.size(); }
  bool empty() const { return ends_.empty(); }
  /// The example at `index` < size().
  Example operator[](std::size_t index) const;
  /// Likewise; a failure where there is none.
  Example at(std::size_t index) const;
  Example back() const { return at(size() - 1); }
  /// Its tokens, and those of them that are learned, without reading it.
  std::int64_t length(std::size_t index) const;
  std::int64_t targets(std::size_t index) const { return targets_[index]; }
  /// Of its tokens, whatever of them is learned.
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

  SpillBuffer bytes_;                   // of each example its ids, then its marks
  std::vector<std::uint64_t> ends_;     // tokens of all examples up to and with this one
  std::vector<std::uint32_t> targets_;  // learned tokens of each, its first one aside
  std::vector<std::uint64_t> hashes_;
};

}  // namespace expandft
