#include "text/example_builder.h"

#include "base/error.h"
#include "text/chat_example.h"
#include "text/chat_rows.h"
#include "text/utf8.h"

#include <algorithm>

namespace expandft {
namespace {

std::string count_of_rows(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " row" : " rows");
}

// "lines 3, 8, 12, …": the first few.
std::string line_list(const std::vector<std::int64_t>& lines) {
  constexpr std::size_t kShown = 5;
  std::string list = lines.size() == 1 ? "line " : "lines ";
  for (std::size_t i = 0; i < std::min(kShown, lines.size()); ++i) {
    list += (i == 0 ? "" : ", ") + std::to_string(lines[i]);
  }
  return list + (lines.size() > kShown ? ", …" : "");
}

}  // namespace

PromptAndCompletion encode_prompt_and_completion(const Tokenizer& tokenizer,
                                                 const std::string& prompt,
                                                 const std::string& completion) {
  PromptAndCompletion ids;
  ids.prompt = tokenizer.encode(prompt);
  const std::vector<TokenId> whole = tokenizer.encode(prompt + completion);
  if (ids.prompt.size() <= whole.size() &&
      std::equal(ids.prompt.begin(), ids.prompt.end(), whole.begin())) {
    ids.completion.assign(whole.begin() + static_cast<std::ptrdiff_t>(ids.prompt.size()),
                          whole.end());
  } else {
    EncodeOptions options;
    options.continuation = true;
    ids.completion = tokenizer.encode(completion, options);
  }
  return ids;
}

ExampleBuilder::ExampleBuilder(const DatasetOptions& options, const Tokenizer& tokenizer)
    : options_(options),
      tokenizer_(tokenizer),
      max_length_(static_cast<std::size_t>(std::max<std::int64_t>(options.max_length, 0))) {
  if (options.max_length < 2) {
    throw input_error("a sequence needs at least 2 tokens, found max_length " +
                          std::to_string(options.max_length),
                      "data.max_length");
  }
}

void ExampleBuilder::add_row(const RenderedRow& row, std::int64_t line) {
  ++dataset_.report.rows;
  const bool blank = leading_space(row.completion) == row.completion.size();
  const bool nothing_in_prompt = leading_space(row.prompt) == row.prompt.size();
  if (blank && !(options_.learn_prompt && !nothing_in_prompt)) {
    unlearned_lines_.push_back(line);
    return;
  }
  auto [prompt, answer] = encode_prompt_and_completion(tokenizer_, row.prompt, row.completion);
  std::vector<TokenId>& start = prompt.empty() ? answer : prompt;
  // A template may write BOS or EOS itself: neither is put twice.
  std::vector<TokenId> tokens;
  if (tokenizer_.adds_bos() && tokenizer_.bos()) {
    if (!start.empty() && start.front() == *tokenizer_.bos()) start.erase(start.begin());
    tokens.push_back(*tokenizer_.bos());
  }
  if (tokenizer_.eos() && (answer.empty() || answer.back() != *tokenizer_.eos())) {
    answer.push_back(*tokenizer_.eos());
  }

  const std::size_t needed = tokens.size() + answer.size();
  if (row.whole_text) {
    tokens.insert(tokens.end(), answer.begin(), answer.end());
    if (tokens.size() < 2) unlearned_lines_.push_back(line);
    add_blocks(tokens);
    return;
  }
  if (needed > max_length_) {
    too_long_lines_.push_back(line);
    longest_ = std::max(longest_, needed);
    return;
  }
  if (needed + prompt.size() > max_length_) {
    ++dataset_.report.truncated_rows;
    prompt.erase(prompt.begin(), prompt.end() - static_cast<std::ptrdiff_t>(max_length_ - needed));
  }
  if (needed + prompt.size() < 2) {  // one token: nothing predicts it
    unlearned_lines_.push_back(line);
    return;
  }
  Example example;
  example.learned.assign(tokens.size(), 0);
  example.learned.insert(example.learned.end(), prompt.size(), options_.learn_prompt ? 1 : 0);
  example.learned.insert(example.learned.end(), answer.size(), 1);
  example.tokens = std::move(tokens);
  example.tokens.insert(example.tokens.end(), prompt.begin(), prompt.end());
  example.tokens.insert(example.tokens.end(), answer.begin(), answer.end());
  add_example(std::move(example));
}

void ExampleBuilder::add_chat(const std::vector<ChatMessage>& messages, const ChatFormat& format,
                              const std::string& where, std::int64_t line) {
  ++dataset_.report.rows;
  const auto encode = [&](const std::vector<ChatMessage>& part) {
    return encode_chat(render_chat(format, part, where), format, tokenizer_);
  };
  Example example = encode(messages);
  const bool learns = std::any_of(messages.begin(), messages.end(), [&](const ChatMessage& m) {
    return (m.role == ChatRole::kAssistant || options_.learn_prompt) &&
           leading_space(m.content) != m.content.size();
  });
  if (!learns) {
    unlearned_lines_.push_back(line);
    return;
  }
  if (example.tokens.size() > max_length_) {
    // The earliest beginning from which it fits; the later, the shorter.
    const std::vector<std::size_t> begins = later_beginnings(messages);
    const auto begin = std::partition_point(begins.begin(), begins.end(), [&](std::size_t at) {
      return encode(beginning_at(messages, at)).tokens.size() > max_length_;
    });
    if (!begins.empty()) {
      example = encode(beginning_at(messages, begin != begins.end() ? *begin : begins.back()));
    }
    if (example.tokens.size() > max_length_) {
      too_long_lines_.push_back(line);
      longest_ = std::max(longest_, example.tokens.size());
      return;
    }
    ++dataset_.report.truncated_rows;
  }
  if (options_.learn_prompt) example.learned.assign(example.tokens.size(), 1);
  add_example(std::move(example));
}

void ExampleBuilder::add_stream(std::string_view text) {
  ++dataset_.report.rows;
  EncodeOptions options;
  options.bos = tokenizer_.adds_bos();
  if (!text.empty()) add_blocks(tokenizer_.encode(text, options));
}

void ExampleBuilder::add_blocks(const std::vector<TokenId>& tokens) {
  if (tokens.size() < 2) return;
  for (std::size_t at = 0, end = 0; at < tokens.size(); at = end) {
    const std::size_t left = tokens.size() - at;
    // A last block of one token would predict nothing: the last two share their tokens. Where even
    // three do not fit in two blocks (max_length 2), the last one repeats a token as its first.
    const bool shares = left == max_length_ + 1;
    end = at + (shares ? (left + 1) / 2 : std::min(left, max_length_));
    const std::size_t begin = left == 1 ? at - 1 : at;
    Example block;
    block.tokens.assign(tokens.begin() + static_cast<std::ptrdiff_t>(begin),
                        tokens.begin() + static_cast<std::ptrdiff_t>(end));
    block.learned.assign(block.tokens.size(), 1);
    add_example(std::move(block));
  }
}

void ExampleBuilder::add_example(Example example) {
  DatasetReport& report = dataset_.report;
  ++report.examples;
  report.tokens += static_cast<std::int64_t>(example.tokens.size());
  report.targets += std::count(example.learned.begin() + 1, example.learned.end(), 1);
  dataset_.examples.push_back(std::move(example));
}

Dataset ExampleBuilder::finish() {
  const std::string file = options_.path.string();
  if (!unlearned_lines_.empty()) {
    throw input_error(count_of_rows(unlearned_lines_.size()) +
                          " with an empty answer or none: nothing would be learned from them (" +
                          line_list(unlearned_lines_) + ")",
                      file, "take these rows out of the data, or correct data.template");
  }
  if (!too_long_lines_.empty()) {
    throw input_error(
        count_of_rows(too_long_lines_.size()) +
            " whose answer alone (of a conversation: whose last exchange) is longer than "
            "max_length " +
            std::to_string(max_length_) + " (" + line_list(too_long_lines_) +
            "; the longest needs " + std::to_string(longest_) + " tokens)",
        file, "raise data.max_length to " + std::to_string(longest_) + ", or shorten the answers");
  }
  if (dataset_.examples.empty()) {
    throw input_error("the data set is empty: no example to learn from", file);
  }
  return std::move(dataset_);
}

}  // namespace expandft
