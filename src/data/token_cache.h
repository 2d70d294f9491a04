#pragma once

#include "data/dataset.h"

#include <cstdint>
#include <optional>
#include <string>

namespace expandft {

/// A data file's examples, in files that later runs read instead of tokenizing again. An entry's
/// name is a hash of all that the examples depend on: the content of the data file, of the files of
/// the model's folder except weights (tokenizer, chat template, config), of the program itself, and
/// the options. So any change of them gives another entry, and no entry is ever wrong.
///
/// Entries appear whole, several processes may share the folder, and a hash of its bytes tells a
/// damaged entry, which is written again. Whatever goes wrong with the folder only costs the time
/// of tokenizing.
class TokenCache {
 public:
  /// The most bytes of all entries: beyond them those not used for longest are removed.
  static constexpr std::uint64_t kMostBytes = std::uint64_t{2} << 30;
  static constexpr std::uint64_t kLargestEntry = std::uint64_t{256} << 20;
  /// Smaller data files are tokenized about as fast as they are looked up. (Of .gz a quarter.)
  static constexpr std::uint64_t kLeastFile = std::uint64_t{1} << 20;

  /// For the examples of options.path. Caches nothing without options.cache, for a small data file,
  /// or one that is not a regular file, for a model that is not a folder, and where one of the
  /// files has changed since options.cache->unchanged_since: then the tokenizer may be that of the
  /// file's earlier content.
  explicit TokenCache(const DatasetOptions& options);

  /// Adds the cached examples to the data set and its report, and returns their counts. Nothing,
  /// and no change, if they are not cached. `vocabulary`: one more than the largest id.
  std::optional<DatasetReport> append_to(Dataset& dataset, std::int64_t vocabulary) const;
  /// Caches the examples of the data set from `begin` on, unless the files have changed meanwhile.
  void put(const ExampleStore& examples, std::size_t begin, const DatasetReport& report) const;

 private:
  const DatasetOptions& options_;
  std::string key_;  // "": caches nothing
  fs::path file_;
};

}  // namespace expandft
