#pragma once

#include "data/dataset.h"
#include "training/batch_stream.h"

#include <cstdint>
#include <optional>
#include <vector>

namespace expandft {

/// Which examples a prefix cache keeps, where, and with which others each is computed.
///
/// The last digits of a product depend on the number of its rows, so an example's states depend on
/// the batch that they are computed in. Here each kept example has one batch for good: the group in
/// which it comes first. What a run computes then depends on the order of the data alone, not on
/// when the cache was filled: a run that is resumed with an empty one computes the same.
class PrefixLayout {
 public:
  /// `groups`: in the order of training. Examples are kept as they come there, until `limit` bytes
  /// are taken, at `token_bytes` a token.
  PrefixLayout(const Dataset& dataset, std::vector<ExampleGroup> groups, std::uint64_t token_bytes,
               std::uint64_t limit);

  struct Place {
    std::uint64_t begin = 0;  // bytes, in the cache
    std::uint32_t group = 0;
  };
  /// Nothing for an example that is not kept.
  std::optional<Place> find(std::uint32_t example) const;
  const ExampleGroup& group(std::uint32_t index) const { return groups_[index]; }

  std::uint64_t bytes() const { return bytes_; }  // of all that is kept
  std::int64_t kept_examples() const { return kept_; }

 private:
  static constexpr std::uint32_t kNotKept = 0xffffffff;

  std::vector<ExampleGroup> groups_;
  std::vector<Place> places_;  // of each example
  std::uint64_t bytes_ = 0;
  std::int64_t kept_ = 0;
};

/// The pieces of the steps of a stream's first epoch, for a stream at its beginning. The last step
/// may hold examples of the next epoch.
std::vector<ExampleGroup> first_epoch_groups(BatchStream stream);

}  // namespace expandft
