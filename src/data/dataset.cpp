#include "data/dataset.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/ordered_work.h"
#include "chat/chat_template.h"
#include "data/chat_rows.h"
#include "data/data_files.h"
#include "data/example_builder.h"
#include "data/rows.h"
#include "data/text_file.h"
#include "data/token_cache.h"

#include <bit>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <xxhash.h>

namespace expandft {
namespace {

DataForm form_of(const fs::path& file) {
  if (const auto form = data_form(file)) return *form;
  const std::string ending =
      (file.extension() == ".gz" ? file.stem() : file.filename()).extension().string();
  throw input_error(
      "cannot tell the format of the data from the file name's ending \"" + ending + "\"",
      file.string(), std::string("expected ") + kDataEndings);
}

/// Reads and encodes rows. Threads may share it.
class RowReader {
 public:
  RowReader(const DatasetOptions& options, const Tokenizer& tokenizer)
      : options_(options),
        tokenizer_(tokenizer),
        renderer_(options),
        encoder_(options, tokenizer) {}

  /// A row's line. Counts the fields that nothing reads.
  EncodedRow read(std::string_view text, std::int64_t line, UnreadFields& unread) const {
    const std::string where = options_.path.string() + ":" + std::to_string(line);
    const Json row = parse_row(text, where);
    if (renderer_.has_template()) {
      return encoder_.encode(renderer_.render(row, unread, where), line);
    }
    const RowForm form = row_form(row, where);
    check_row_fields(row, form, unread, where);
    if (form != RowForm::kChat) return encoder_.encode(render_row(row, form, where), line);
    const std::vector<ChatMessage> messages =
        read_messages(row, options_.train_on_prompt, unread, where);
    return encoder_.encode(messages, chat_format(), where, line);
  }

 private:
  /// Determined when the first row needs it.
  const ChatFormat& chat_format() const {
    std::call_once(format_known_, [&] {
      format_ = chat_format_of(options_.model, options_.chat_format, tokenizer_);
    });
    return format_;
  }

  const DatasetOptions& options_;
  const Tokenizer& tokenizer_;
  RowRenderer renderer_;
  RowEncoder encoder_;
  mutable std::once_flag format_known_;
  mutable ChatFormat format_;
};

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
        done.rows.push_back(reader.read(text, number, done.unread));
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
  const bool is_plain_text = form_of(options.path) == DataForm::kPlainText;
  const RowReader reader(options, tokenizer);
  ExampleBuilder builder(options, tokenizer, dataset);
  if (is_plain_text) {
    if (options.prompt || options.completion) {
      throw input_error("a template needs rows with fields, but this is plain text",
                        options.path.string(), "use JSON lines, or remove " + options.template_key);
    }
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
