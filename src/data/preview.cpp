#include "data/preview.h"

#include "data/example_builder.h"
#include "data/row_reader.h"
#include "data/text_file.h"

#include <algorithm>
#include <string>
#include <utility>

namespace expandft {
namespace {

Example previewed(Example example) {
  if (!example.learned.empty()) example.learned.front() = 0;
  return example;
}

PreviewedRow preview_row(const DatasetOptions& options, const Tokenizer& tokenizer,
                         const RowReader& reader, std::string_view text, std::int64_t line) {
  PreviewedRow row{.line = line};
  Dataset alone;
  ExampleBuilder builder(options, tokenizer, alone);
  try {
    for (const EncodedRow& encoded : reader.read(text, line, row.unread)) {
      builder.add(encoded);
      // A text row may become several blocks.
      row.dropped.resize(alone.examples.size(),
                         static_cast<std::int64_t>(encoded.truncated_tokens));
    }
    builder.finish();
    for (Example example : alone.examples) row.sequences.push_back(previewed(std::move(example)));
  } catch (const Error& error) {
    if (!error.where().starts_with(options.path.string())) throw;
    row.error = error;
  }
  if (options.completion) row.unread = {};
  return row;
}

/// The blocks of a text, which is read until it has enough of them.
void preview_blocks(const DatasetOptions& options, const Tokenizer& tokenizer,
                    const PreviewRange& range,
                    const std::function<void(const PreviewedRow&)>& visit) {
  TextStream stream(options.path);
  std::string text;
  for (bool more = true; more;) {
    more = stream.append(std::max(options.piece_bytes, text.size()), text);
    const std::size_t end = more ? tokenizer.last_border(text) : text.size();
    EncodedRow read{.kind = EncodedRow::Kind::kText};
    read.example.tokens =
        tokenizer.encode(std::string_view(text).substr(0, end), {.bos = tokenizer.adds_bos()});
    Dataset blocks;
    ExampleBuilder builder(options, tokenizer, blocks);
    builder.add(read);
    // More text would change the last two.
    const std::int64_t settled = static_cast<std::int64_t>(blocks.examples.size()) - (more ? 2 : 0);
    if (more && settled < range.from + range.count - 1) continue;
    if (!more) builder.finish();
    for (std::int64_t i = range.from; i < range.from + range.count && i <= settled; ++i) {
      PreviewedRow block{.row = i, .line = i, .dropped = {0}};
      block.sequences.push_back(previewed(blocks.examples.at(static_cast<std::size_t>(i - 1))));
      visit(block);
    }
    return;
  }
}

struct EnoughRows {};  // for_each_line does not end early by itself

}  // namespace

void preview_rows(const DatasetOptions& options, const Tokenizer& tokenizer,
                  const PreviewRange& range,
                  const std::function<void(const PreviewedRow&)>& visit) {
  if (is_plain_text(options)) return preview_blocks(options, tokenizer, range, visit);
  const RowReader reader(options, tokenizer);
  std::int64_t row = 0, left = range.count;
  try {
    for_each_line(options.path, [&](std::string_view text, std::int64_t line) {
      ++row;
      if (line < range.from) return;
      PreviewedRow read = preview_row(options, tokenizer, reader, text, line);
      read.row = row;
      visit(read);
      if (--left <= 0) throw EnoughRows();
    });
  } catch (const EnoughRows&) {
  }
}

}  // namespace expandft
