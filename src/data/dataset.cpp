#include "data/dataset.h"

#include "base/hash.h"
#include "base/ordered_work.h"
#include "data/example_builder.h"
#include "data/row_reader.h"
#include "data/text_file.h"
#include "data/token_cache.h"

#include <bit>
#include <memory>
#include <new>
#include <utility>

#include <xxhash.h>

namespace expandft {
namespace {

/// Lines that are encoded together.
struct Lines {
  struct Line {
    std::int64_t number = 0;
    std::size_t end = 0;  // in the text; it begins at the previous line's end
  };
  std::string text;
  std::vector<Line> lines;
};
struct EncodedRows {
  std::vector<EncodedRow> rows;
  UnreadFields unread;
};

void read_rows(const DatasetOptions& options, const RowReader& reader, ExampleBuilder& builder) {
  constexpr std::size_t kBytes = 1u << 16;  // enough work for a thread, and little memory
  OrderedWork<EncodedRows> work(options.threads, [&](const EncodedRows& done) {
    for (const EncodedRow& row : done.rows) builder.add(row);
    builder.unread() += done.unread;
  });
  Lines read;
  const auto encode = [&] {
    work.add([&reader, part = std::exchange(read, {})] {
      EncodedRows done;
      std::size_t begin = 0;
      for (const auto& [number, end] : part.lines) {
        const std::string_view text = std::string_view(part.text).substr(begin, end - begin);
        for (EncodedRow& row : reader.read(text, number, done.unread)) {
          done.rows.push_back(std::move(row));
        }
        begin = end;
      }
      return done;
    });
  };
  // A row's error takes precedence over the read error of a later line.
  work.finish_after([&] {
    try {
      for_each_line(options.path, [&](std::string_view text, std::int64_t line) {
        read.text += text;
        read.lines.push_back({line, read.text.size()});
        if (read.text.size() >= kBytes) encode();
      });
    } catch (...) {
      if (!read.lines.empty()) encode();
      throw;
    }
    if (!read.lines.empty()) encode();
  });
}

/// append_dataset without a cache.
DatasetReport encode_file(const DatasetOptions& options, const Tokenizer& tokenizer,
                          Dataset& dataset) {
  const bool is_one_text = is_plain_text(options);
  const RowReader reader(options, tokenizer);
  ExampleBuilder builder(options, tokenizer, dataset);
  if (is_one_text) {
    TextStream text(options.path);
    builder.add_stream(text);
  } else {
    read_rows(options, reader, builder);
  }
  return builder.finish();
}

}  // namespace

DatasetReport& DatasetReport::operator+=(const DatasetReport& other) {
  rows += other.rows;
  examples += other.examples;
  tokens += other.tokens;
  targets += other.targets;
  truncated_rows += other.truncated_rows;
  truncated_tokens += other.truncated_tokens;
  conversations += other.conversations;
  split_rows += other.split_rows;
  unread += other.unread;
  return *this;
}

void name_unread(const UnreadFields& unread, const fs::path& source, Notices& notices) {
  if (unread.empty()) return;
  notices.push_back({"nothing reads the fields " + unread.text(), source.string(),
                     "remove them, or define with data.template how a row becomes text"});
}

Dataset load_dataset(const DatasetOptions& options, const Tokenizer& tokenizer) {
  Dataset dataset;
  const DatasetReport report = append_dataset(options, tokenizer, dataset);
  if (!options.completion) name_unread(report.unread, options.path, dataset.notices);
  return dataset;
}

DatasetReport append_dataset(const DatasetOptions& options, const Tokenizer& tokenizer,
                             Dataset& dataset) {
  const TokenCache cache(options);
  if (const auto cached = cache.append_to(dataset, tokenizer.size())) return *cached;
  const std::size_t begin = dataset.examples.size();
  const DatasetReport report = encode_file(options, tokenizer, dataset);
  cache.put(dataset.examples, begin, report);
  return report;
}

std::string fingerprint(const Dataset& dataset) {
  const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(),
                                                                       &XXH3_freeState);
  if (state == nullptr) throw std::bad_alloc();
  XXH3_64bits_reset(state.get());
  for (const Example example : dataset.examples) {
    // The length comes first, to separate the examples.
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
