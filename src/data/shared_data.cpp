#include "data/shared_data.h"

#include <algorithm>
#include <map>
#include <optional>
#include <span>
#include <sys/stat.h>
#include <utility>

namespace expandft {
namespace {

/// The same for all links to a file.
using FileIdentity = std::pair<dev_t, ino_t>;

std::optional<FileIdentity> identity_of(const fs::path& file) {
  struct ::stat status {};
  if (::stat(file.c_str(), &status) != 0) return std::nullopt;
  return FileIdentity{status.st_dev, status.st_ino};
}

using FileIndex = std::map<FileIdentity, fs::path>;

FileIndex index_of(const std::vector<fs::path>& files) {
  FileIndex index;
  for (const fs::path& file : files) {
    if (const auto identity = identity_of(file)) index.emplace(*identity, file);
  }
  return index;
}

std::vector<fs::path> shared_with(const FileIndex& index, const std::vector<fs::path>& files) {
  std::vector<fs::path> shared;
  for (const fs::path& file : files) {
    const auto identity = identity_of(file);
    if (identity && index.contains(*identity)) shared.push_back(file);
  }
  return shared;
}

/// The examples of a data set by their hashes, with their sources.
class ExampleIndex {
 public:
  explicit ExampleIndex(const Dataset& dataset) : found_in_(dataset.examples.size(), 0) {
    for (std::size_t i = 0; i < dataset.examples.size(); ++i) {
      entries_.push_back({dataset.examples.hash(i), static_cast<std::uint32_t>(i)});
    }
    std::sort(entries_.begin(), entries_.end());
    for (const SourceReport& source : dataset.sources) {
      ends_.push_back((ends_.empty() ? 0 : ends_.back()) +
                      static_cast<std::size_t>(source.rows.examples));
    }
  }

  /// Calls `found` with the source of each example that has the hash, once per `asker` (from 1, in
  /// ascending order).
  template <typename Found>
  void look_up(std::uint64_t hash, std::uint32_t asker, Found found) {
    auto entry = std::lower_bound(entries_.begin(), entries_.end(), Entry{hash, 0});
    for (; entry != entries_.end() && entry->first == hash; ++entry) {
      if (found_in_[entry->second] == asker) continue;
      found_in_[entry->second] = asker;
      found(std::upper_bound(ends_.begin(), ends_.end(), entry->second) - ends_.begin());
    }
  }

 private:
  using Entry = std::pair<std::uint64_t, std::uint32_t>;

  std::vector<Entry> entries_;           // by hash
  std::vector<std::size_t> ends_;        // of each source's examples
  std::vector<std::uint32_t> found_in_;  // the last asker for each example
};

Notice notice_of(const SourceReport& training, const SourceReport& validation,
                 std::int64_t examples, const std::vector<fs::path>& files) {
  std::string what;
  if (examples > 0) {
    const std::int64_t all = validation.rows.examples;
    what = all == 1 ? "its only sequence"
                    : (examples == all ? "all" : std::to_string(examples)) + " of its " +
                          std::to_string(all) + " sequences";
    what += std::string(examples == 1 ? " is" : " are") + " in data.train too (" +
            training.path.string() + ")";
  }
  if (!files.empty()) {
    what += (what.empty() ? "" : ", and ") +
            (files.size() == 1 ? "its file " + files[0].string() + " is"
                               : "its files " + files[0].string() + " and " +
                                     std::to_string(files.size() - 1) + " more are") +
            " read for data.train as well";
    if (examples == 0) what += " (" + training.path.string() + ")";
  }
  return {what, "data.validation: " + validation.path.string(),
          "a loss on training text says nothing about new text: remove it from one of the two"};
}

}  // namespace

Notices shared_examples(const Dataset& training, const Dataset& validation) {
  ExampleIndex index(validation);
  Notices notices;
  std::size_t at = 0;
  std::uint32_t asker = 0;
  for (const SourceReport& source : training.sources) {
    ++asker;
    std::vector<std::int64_t> shared(validation.sources.size(), 0);
    const std::size_t end = at + static_cast<std::size_t>(source.rows.examples);
    for (; at < end; ++at) {
      index.look_up(training.examples.hash(at), asker,
                    [&](std::ptrdiff_t found) { ++shared[static_cast<std::size_t>(found)]; });
    }
    const FileIndex files = index_of(source.file_paths);
    for (std::size_t i = 0; i < shared.size(); ++i) {
      const SourceReport& judge = validation.sources[i];
      const std::vector<fs::path> same = shared_with(files, judge.file_paths);
      if (shared[i] == 0 && same.empty()) continue;
      notices.push_back(notice_of(source, judge, shared[i], same));
    }
  }
  return notices;
}

Notices shared_files(const std::vector<fs::path>& training, const std::string& key,
                     const std::vector<MeasuredFile>& measured) {
  const FileIndex index = index_of(training);
  Notices notices;
  for (const auto& [file, name] : measured) {
    const auto identity = identity_of(file);
    if (!identity || !index.contains(*identity)) continue;
    notices.push_back({name + " is measured on this file, which " + key + " reads too",
                       file.string(), "its result will not apply to new text: give it other data"});
  }
  return notices;
}

}  // namespace expandft
