#include "text/example_builder.h"

#include "base/error.h"
#include "text/chat_example.h"
#include "text/chat_rows.h"
#include "text/text_cutter.h"
#include "text/text_file.h"
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
                                                 const std::string& completion, bool continuation) {
  PromptAndCompletion ids;
  EncodeOptions options;
  options.continuation = continuation;
  ids.prompt = tokenizer.encode(prompt, options);
  const std::vector<TokenId> whole = tokenizer.encode(prompt + completion, options);
  if (ids.prompt.size() <= whole.size() &&
      std::equal(ids.prompt.begin(), ids.prompt.end(), whole.begin())) {
    ids.completion.assign(whole.begin() + static_cast<std::ptrdiff_t>(ids.prompt.size()),
                          whole.end());
  } else {
    options.continuation = true;
    ids.completion = tokenizer.encode(completion, options);
  }
  return ids;
}

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

void ExampleBuilder::add_row(const RenderedRow& row, std::int64_t line) {
  ++report_.rows;
  const bool blank = leading_space(row.completion) == row.completion.size();
  const bool nothing_in_prompt = leading_space(row.prompt) == row.prompt.size();
  if (blank && !(options_.learn_prompt && !nothing_in_prompt)) {
    unlearned_lines_.push_back(line);
    return;
  }
  const std::size_t with_earlier = row.earlier.empty() ? 0 : add_with_earlier(row);
  if (!row.earlier.empty() && with_earlier == 0) return;
  EncodedExchange encoded = encode_exchange({row.system + row.prompt, row.completion}, true);
  auto& [bos, prompt, answer] = encoded;
  if (row.whole_text) {
    std::vector<TokenId> tokens = bos;
    tokens.insert(tokens.end(), answer.begin(), answer.end());
    if (tokens.size() < 2) unlearned_lines_.push_back(line);
    add_blocks(tokens);
    return;
  }
  const std::size_t needed = bos.size() + answer.size();
  const std::size_t whole = std::max(encoded.size(), with_earlier);
  if (needed > max_length_) {
    too_long_lines_.push_back(line);
    longest_ = std::max(longest_, needed);
    return;
  }
  if (encoded.size() > max_length_) {
    const std::size_t removed = encoded.size() - max_length_;
    prompt.erase(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(removed));
  }
  if (whole > max_length_) {
    ++report_.truncated_rows;
    report_.truncated_tokens += static_cast<std::int64_t>(whole - encoded.size());
  }
  if (encoded.size() < 2) {  // one token: nothing predicts it
    unlearned_lines_.push_back(line);
    return;
  }
  Example example;
  append(encoded, example);
  add_example(example);
}

ExampleBuilder::EncodedExchange ExampleBuilder::encode_exchange(const Exchange& exchange,
                                                                bool is_first) const {
  // Where no EOS parts exchanges, an empty line does.
  const std::string apart = is_first || tokenizer_.eos() ? "" : "\n\n";
  auto [prompt, answer] = encode_prompt_and_completion(tokenizer_, apart + exchange.prompt,
                                                       exchange.completion, !is_first);
  std::vector<TokenId>& start = prompt.empty() ? answer : prompt;
  // A template may write BOS or EOS itself: neither is put twice.
  std::vector<TokenId> bos;
  if (is_first && tokenizer_.adds_bos() && tokenizer_.bos()) {
    if (!start.empty() && start.front() == *tokenizer_.bos()) start.erase(start.begin());
    bos.push_back(*tokenizer_.bos());
  }
  if (tokenizer_.eos() && (answer.empty() || answer.back() != *tokenizer_.eos())) {
    answer.push_back(*tokenizer_.eos());
  }
  return {std::move(bos), std::move(prompt), std::move(answer)};
}

void ExampleBuilder::append(const EncodedExchange& exchange, Example& example) const {
  const auto add = [&](const std::vector<TokenId>& ids, bool learned) {
    example.tokens.insert(example.tokens.end(), ids.begin(), ids.end());
    example.learned.insert(example.learned.end(), ids.size(), learned ? 1 : 0);
  };
  add(exchange.bos, false);
  add(exchange.prompt, options_.learn_prompt);
  add(exchange.answer, true);
}

/// Adds the row with as many of its earlier exchanges as fit, the latest ones. Where not even the
/// last of them does, nothing, and returns the tokens of the whole; else 0.
std::size_t ExampleBuilder::add_with_earlier(const RenderedRow& row) {
  std::vector<Exchange> exchanges = row.earlier;
  exchanges.push_back({row.prompt, row.completion});
  std::vector<EncodedExchange> encoded;
  std::size_t later = 0;  // tokens behind the exchange that comes first
  for (const Exchange& one : exchanges) {
    encoded.push_back(encode_exchange(one, false));
    later += encoded.back().size();
  }
  std::size_t whole = 0;
  for (std::size_t i = 0; i + 1 < exchanges.size(); ++i) {
    later -= encoded[i].size();
    const EncodedExchange first =
        encode_exchange({row.system + exchanges[i].prompt, exchanges[i].completion}, true);
    const std::size_t size = first.size() + later;
    if (i == 0) whole = size;
    if (size > max_length_) continue;
    Example example;
    append(first, example);
    for (std::size_t k = i + 1; k < encoded.size(); ++k) append(encoded[k], example);
    if (i > 0) {
      ++report_.truncated_rows;
      report_.truncated_tokens += static_cast<std::int64_t>(whole - size);
    }
    add_example(example);
    return 0;
  }
  return whole;
}

void ExampleBuilder::add_chat(const std::vector<ChatMessage>& messages, const ChatFormat& format,
                              const std::string& where, std::int64_t line) {
  ++report_.rows;
  ++report_.conversations;
  const auto encode = [&](const std::vector<ChatMessage>& part) {
    return encode_chat(render_chat(format, part, where), format, options_.learn_prompt, tokenizer_);
  };
  Example example = encode(messages);
  const bool learns = std::any_of(messages.begin(), messages.end(), [&](const ChatMessage& m) {
    const bool counts = m.role == ChatRole::kAssistant ? m.learned : options_.learn_prompt;
    return counts && leading_space(m.content) != m.content.size();
  });
  if (!learns) {
    unlearned_lines_.push_back(line);
    return;
  }
  if (example.tokens.size() > max_length_) {
    const std::size_t whole = example.tokens.size();
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
    ++report_.truncated_rows;
    report_.truncated_tokens += static_cast<std::int64_t>(whole - example.tokens.size());
  }
  add_example(example);
}

void ExampleBuilder::add_stream(TextStream& stream) {
  ++report_.rows;
  std::optional<TextCutter> cutter;  // looks through the vocabulary: not for a short text
  std::string text;
  std::vector<TokenId> tokens;  // in no block yet
  EncodeOptions options;
  options.bos = tokenizer_.adds_bos();
  for (bool more = true; more;) {
    // Where no cut was found, twice as much is looked at.
    more = stream.append(std::max(options_.piece_bytes, text.size()), text);
    if (more && !cutter) cutter.emplace(tokenizer_);
    const std::size_t cut = more ? cutter->last_cut(text) : text.size();
    if (cut == 0) continue;
    const std::vector<TokenId> ids =
        tokenizer_.encode(std::string_view(text).substr(0, cut), options);
    text.erase(0, cut);
    options.bos = false;
    options.continuation = true;
    tokens.insert(tokens.end(), ids.begin(), ids.end());
    const std::size_t used = more ? add_full_blocks(tokens) : 0;
    tokens.erase(tokens.begin(), tokens.begin() + static_cast<std::ptrdiff_t>(used));
  }
  add_blocks(tokens);
}

/// The blocks that more tokens would not change; how many tokens they take.
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
    // A last block of one token would predict nothing: the last two share their tokens. Where even
    // three do not fit in two blocks (max_length 2), the last one repeats a token as its first.
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
    throw input_error(count_of_rows(unlearned_lines_.size()) +
                          " with an empty answer or none, or with all answers left out of what is "
                          "learned: nothing would be learned from them (" +
                          line_list(unlearned_lines_) + ")",
                      file, "take these rows out of the data, or correct data.template");
  }
  if (!too_long_lines_.empty()) {
    throw input_error(
        count_of_rows(too_long_lines_.size()) +
            " whose answer alone (of a conversation: whose last exchange that is learned) is "
            "longer "
            "than "
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
