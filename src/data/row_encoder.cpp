#include "data/row_encoder.h"

#include "base/unicode.h"
#include "chat/chat_encoding.h"
#include "data/chat_rows.h"

#include <algorithm>
#include <utility>

namespace expandft {

PromptAndCompletion encode_prompt_and_completion(const Tokenizer& tokenizer,
                                                 const std::string& prompt,
                                                 const std::string& completion, bool continuation) {
  PromptAndCompletion ids;
  // What the completion cannot change is encoded once; the prompt's end, alone and with it.
  const std::size_t border = tokenizer.last_border(prompt);
  const std::string end = prompt.substr(border);
  if (border > 0) {
    ids.prompt = tokenizer.encode(std::string_view(prompt).substr(0, border),
                                  {.continuation = continuation});
  }
  const EncodeOptions options{.continuation = continuation || border > 0};
  const std::vector<TokenId> alone = tokenizer.encode(end, options);
  const std::vector<TokenId> joined = tokenizer.encode(end + completion, options);
  ids.prompt.insert(ids.prompt.end(), alone.begin(), alone.end());
  const auto [differs, rest] = std::ranges::mismatch(alone, joined);
  if (differs == alone.end()) {
    ids.completion.assign(rest, joined.end());
  } else {
    ids.completion = tokenizer.encode(completion, {.continuation = true});
  }
  return ids;
}

RowEncoder::RowEncoder(const DatasetOptions& options, const Tokenizer& tokenizer)
    : options_(options),
      tokenizer_(tokenizer),
      max_length_(static_cast<std::size_t>(std::max<std::int64_t>(options.max_length, 0))) {}

EncodedRow RowEncoder::encode(const RenderedRow& row, std::int64_t line) const {
  EncodedRow encoded{.line = line};
  const bool blank = leading_space(row.completion) == row.completion.size();
  const bool nothing_in_prompt = leading_space(row.prompt) == row.prompt.size();
  if (blank && !(options_.train_on_prompt && !nothing_in_prompt)) return encoded;
  const std::size_t with_earlier = row.earlier.empty() ? 0 : encode_with_earlier(row, encoded);
  if (!row.earlier.empty() && with_earlier == 0) return encoded;
  EncodedExchange exchange = encode_exchange({row.system + row.prompt, row.completion}, true);
  auto& [bos, prompt, answer] = exchange;
  if (row.whole_text) {
    encoded.example.tokens = bos;
    encoded.example.tokens.insert(encoded.example.tokens.end(), answer.begin(), answer.end());
    if (encoded.example.tokens.size() >= 2) encoded.kind = EncodedRow::Kind::kText;
    return encoded;
  }
  const std::size_t needed = bos.size() + answer.size();
  const std::size_t whole = std::max(exchange.size(), with_earlier);
  if (needed > max_length_) {
    encoded.kind = EncodedRow::Kind::kTooLong;
    encoded.tokens = needed;
    return encoded;
  }
  if (exchange.size() > max_length_) {
    const std::size_t removed = exchange.size() - max_length_;
    prompt.erase(prompt.begin(), prompt.begin() + static_cast<std::ptrdiff_t>(removed));
  }
  if (whole > max_length_) encoded.truncated_tokens = whole - exchange.size();
  if (exchange.size() < 2) return encoded;  // nothing predicts a single token
  encoded.kind = EncodedRow::Kind::kExample;
  append(exchange, encoded.example);
  return encoded;
}

RowEncoder::EncodedExchange RowEncoder::encode_exchange(const Exchange& exchange,
                                                        bool is_first) const {
  // Without an EOS an empty line separates exchanges.
  const std::string apart = is_first || tokenizer_.eos() ? "" : "\n\n";
  auto [prompt, answer] = encode_prompt_and_completion(tokenizer_, apart + exchange.prompt,
                                                       exchange.completion, !is_first);
  std::vector<TokenId>& start = prompt.empty() ? answer : prompt;
  // A template may write BOS or EOS itself: neither is added twice.
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

void RowEncoder::append(const EncodedExchange& exchange, Example& example) const {
  const auto add = [&](const std::vector<TokenId>& ids, bool learned) {
    example.tokens.insert(example.tokens.end(), ids.begin(), ids.end());
    example.learned.insert(example.learned.end(), ids.size(), learned ? 1 : 0);
  };
  add(exchange.bos, false);
  add(exchange.prompt, options_.train_on_prompt);
  add(exchange.answer, true);
}

/// Encodes the row with as many of its latest earlier exchanges as fit, and returns 0. If not even
/// the last one fits, encodes nothing and returns the tokens of the whole row.
std::size_t RowEncoder::encode_with_earlier(const RenderedRow& row, EncodedRow& encoded) const {
  std::vector<Exchange> exchanges = row.earlier;
  exchanges.push_back({row.prompt, row.completion});
  std::vector<EncodedExchange> each;
  std::size_t later = 0;  // tokens after the first exchange
  for (const Exchange& one : exchanges) {
    each.push_back(encode_exchange(one, false));
    later += each.back().size();
  }
  std::size_t whole = 0;
  for (std::size_t i = 0; i + 1 < exchanges.size(); ++i) {
    later -= each[i].size();
    const EncodedExchange first =
        encode_exchange({row.system + exchanges[i].prompt, exchanges[i].completion}, true);
    const std::size_t size = first.size() + later;
    if (i == 0) whole = size;
    if (size > max_length_) continue;
    append(first, encoded.example);
    for (std::size_t k = i + 1; k < each.size(); ++k) append(each[k], encoded.example);
    encoded.truncated_tokens = whole - size;
    encoded.kind = EncodedRow::Kind::kExample;
    return 0;
  }
  return whole;
}

EncodedRow RowEncoder::encode(const std::vector<ChatMessage>& messages, const ChatFormat& format,
                              const std::string& where, std::int64_t line) const {
  EncodedRow encoded{.line = line, .is_conversation = true};
  const auto encode = [&](const std::vector<ChatMessage>& part) {
    return encode_chat(render_chat(format, part, where), format, options_.train_on_prompt,
                       tokenizer_);
  };
  Example& example = encoded.example = encode(messages);
  const bool learns = std::any_of(messages.begin(), messages.end(), [&](const ChatMessage& m) {
    const bool counts = m.role == ChatRole::kAssistant ? m.learned : options_.train_on_prompt;
    return counts && leading_space(m.content) != m.content.size();
  });
  if (!learns) return encoded;
  if (example.tokens.size() > max_length_) {
    const std::size_t whole = example.tokens.size();
    // The earliest start from which the rest fits.
    const std::vector<std::size_t> begins = later_beginnings(messages);
    const auto begin = std::partition_point(begins.begin(), begins.end(), [&](std::size_t at) {
      return encode(beginning_at(messages, at)).tokens.size() > max_length_;
    });
    if (!begins.empty()) {
      example = encode(beginning_at(messages, begin != begins.end() ? *begin : begins.back()));
    }
    if (example.tokens.size() > max_length_) {
      encoded.kind = EncodedRow::Kind::kTooLong;
      encoded.tokens = example.tokens.size();
      return encoded;
    }
    encoded.truncated_tokens = whole - example.tokens.size();
  }
  encoded.kind = EncodedRow::Kind::kExample;
  return encoded;
}

}  // namespace expandft
