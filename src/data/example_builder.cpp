#include "data/example_builder.h"

#include "base/error.h"
#include "base/ordered_work.h"
#include "base/wording.h"
#include "data/text_cutter.h"
#include "data/text_file.h"

#include <algorithm>

namespace expandft {
namespace {

// "lines 3, 8, 12, …": the first ones.
std::string line_list(const std::vector<std::int64_t>& lines) {
  constexpr std::size_t kShown = 5;
  std::string list = lines.size() == 1 ? "line " : "lines ";
  for (std::size_t i = 0; i < std::min(kShown, lines.size()); ++i) {
    list += (i == 0 ? "" : ", ") + std::to_string(lines[i]);
  }
  return list + (lines.size() > kShown ? ", …" : "");
}

}  // namespace

ExampleBuilder::ExampleBuilder(const DatasetOptions& options, const Tokenizer& tokenizer,
                               Dataset& dataset)
    : options_(options),
      tokenizer_(tokenizer),
      max_length_(static_cast<std::size_t>(std::max<std::int64_t>(options.max_length, 0))),
      dataset_(dataset) {
  if (options.max_length < 2) {
    throw input_error("a sequence needs at least 2 tokens, found max_length " +
                          std::to_string(options.max_length),
                      "data.max_length");
  }
}

void ExampleBuilder::add(const EncodedRow& row) {
  if (!row.is_part) {
    ++report_.rows;
    report_.conversations += row.is_conversation ? 1 : 0;
  }
  if (row.is_part && row.line != last_split_) {
    ++report_.split_rows;
    last_split_ = row.line;
  }
  switch (row.kind) {
    case EncodedRow::Kind::kExample:
      if (row.truncated_tokens > 0) {
        ++report_.truncated_rows;
        report_.truncated_tokens += static_cast<std::int64_t>(row.truncated_tokens);
      }
      return add_example(row.example);
    case EncodedRow::Kind::kText:
      return add_blocks(row.example.tokens);
    case EncodedRow::Kind::kUnlearned:
      return unlearned_lines_.push_back(row.line);
    case EncodedRow::Kind::kTooLong:
      too_long_lines_.push_back(row.line);
      longest_ = std::max(longest_, row.tokens);
  }
}

void ExampleBuilder::add_stream(TextStream& stream) {
  ++report_.rows;
  std::vector<TokenId> tokens;  // not yet in a block
  OrderedWork<std::vector<TokenId>> work(options_.threads, [&](const std::vector<TokenId>& ids) {
    const std::size_t used = add_full_blocks(tokens);
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(used));
    tokens.insert(tokens.end(), ids.begin(), ids.end());
  });
  std::optional<TextCutter> cutter;  // made for long texts only, since it searches the vocabulary
  std::string text;
  EncodeOptions options;
  options.bos = tokenizer_.adds_bos();
  const auto read = [&] {
    for (bool more = true; more;) {
      // If no cut was found, search twice as much text.
      more = stream.append(std::max(options_.piece_bytes, text.size()), text);
      if (more && !cutter) cutter.emplace(tokenizer_);
      const std::size_t cut = more ? cutter->last_cut(text) : text.size();
      if (cut == 0) continue;
      work.add([this, piece = text.substr(0, cut), options] {
        return tokenizer_.encode(piece, options);
      });
      text.erase(0, cut);
      options.bos = false;
      options.continuation = true;
    }
  };
  work.finish_after(read);
  add_blocks(tokens);
}

/// Adds the blocks that more tokens would not change. Returns how many tokens they take.
std::size_t ExampleBuilder::add_full_blocks(std::span<const TokenId> tokens) {
  std::size_t at = 0;
  for (; tokens.size() - at > max_length_ + 1; at += max_length_) {
    add_block(tokens.subspan(at, max_length_));
  }
  return at;
}

void ExampleBuilder::add_blocks(std::span<const TokenId> tokens) {
  if (tokens.size() < 2) return;
  for (std::size_t at = add_full_blocks(tokens), end = 0; at < tokens.size(); at = end) {
    const std::size_t left = tokens.size() - at;
    // A last block of one token would predict nothing, so the last two blocks share their tokens
    // evenly. If even that leaves one token (max_length 2), the last block repeats the one before.
    const bool shares = left == max_length_ + 1;
    end = at + (shares ? (left + 1) / 2 : std::min(left, max_length_));
    const std::size_t begin = left == 1 ? at - 1 : at;
    add_block(tokens.subspan(begin, end - begin));
  }
}

void ExampleBuilder::add_block(std::span<const TokenId> tokens) {
  add_example({{tokens.begin(), tokens.end()}, std::vector<std::uint8_t>(tokens.size(), 1)});
}

void ExampleBuilder::add_example(const Example& example) {
  dataset_.examples.push_back(example);
  const std::size_t index = dataset_.examples.size() - 1;
  ++report_.examples;
  report_.tokens += dataset_.examples.length(index);
  report_.targets += dataset_.examples.targets(index);
}

DatasetReport ExampleBuilder::finish() {
  const std::string file = options_.path.string();
  if (!unlearned_lines_.empty()) {
    throw input_error(counted(static_cast<std::int64_t>(unlearned_lines_.size()), "row") +
                          " with no answer, an empty one, or only answers that are excluded from "
                          "training: nothing would be learned from them (" +
                          line_list(unlearned_lines_) + ")",
                      file, "remove these rows, or correct data.template");
  }
  if (!too_long_lines_.empty()) {
    throw input_error(
        counted(static_cast<std::int64_t>(too_long_lines_.size()), "row") +
            " whose answer alone (of a conversation: whose last learned exchange) is longer than "
            "max_length " +
            std::to_string(max_length_) + " (" + line_list(too_long_lines_) +
            "; the longest needs " + std::to_string(longest_) + " tokens)",
        file, "raise data.max_length to " + std::to_string(longest_) + ", or shorten the answers");
  }
  if (report_.examples == 0) {
    throw input_error("the data set is empty: no example to learn from", file);
  }
  dataset_.report += report_;
  return report_;
}

}  // namespace expandft
