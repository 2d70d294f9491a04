#include "data/row_encoder.h"

#include "base/unicode.h"
#include "chat/chat_encoding.h"
#include "data/rows/chat_rows.h"

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

namespace {

/// Whether the conversation has a text that would be learned.
bool learns(const Conversation& conversation) {
  for (std::size_t i = 0; i < conversation.messages.size(); ++i) {
    const Json& message = conversation.messages[i];
    if (!conversation.learned[i]) continue;
    if (message.contains("tool_calls")) return true;
    const std::string content = content_of(message) + reasoning_of(message);
    if (leading_space(content) != content.size()) return true;
  }
  return false;
}

}  // namespace

Conversation RowEncoder::shortened(const Conversation& conversation, const ModelChat& chat,
                                   const std::string& where) const {
  const std::vector<std::size_t> begins = later_beginnings(conversation);
  if (begins.empty()) return conversation;
  const auto begin = std::partition_point(begins.begin(), begins.end(), [&](std::size_t at) {
    return tokens_of(beginning_at(conversation, at), chat, where) > max_length_;
  });
  return beginning_at(conversation, begin != begins.end() ? *begin : begins.back());
}

EncodedRow RowEncoder::encode_part(const Conversation& conversation, const ModelChat& chat,
                                   bool is_part, const std::string& where,
                                   std::vector<std::size_t>& rewritten) const {
  EncodedRow encoded{.is_conversation = true, .is_part = is_part};
  if (!learns(conversation)) return encoded;
  // What precedes the answers of further parts was learned with the first.
  const bool train_on_prompt = options_.train_on_prompt && !is_part;
  const AnswerRules rules{.learns_empty_reasoning = options_.train_on_empty_reasoning,
                          .only_learned = !train_on_prompt};
  const auto encode = [&](const Conversation& part) {
    RenderedChat rendered = chat.render(part, rules, where);
    encoded.example = encode_chat(rendered, train_on_prompt, tokenizer_);
    return std::move(rendered.rewritten);
  };
  rewritten = encode(conversation);
  const std::size_t whole = encoded.example.tokens.size();
  if (whole > max_length_) {
    encode(shortened(conversation, chat, where));
    encoded.truncated_tokens = whole - encoded.example.tokens.size();
  }
  if (encoded.example.tokens.size() > max_length_) {
    encoded.kind = EncodedRow::Kind::kTooLong;
    encoded.tokens = encoded.example.tokens.size();
    return encoded;
  }
  encoded.kind = EncodedRow::Kind::kExample;
  return encoded;
}

std::size_t RowEncoder::tokens_of(const Conversation& conversation, const ModelChat& chat,
                                  const std::string& where) const {
  return tokenizer_.encode(chat.text(conversation, where)).size();
}

std::vector<EncodedRow> RowEncoder::encode(Conversation conversation, const ModelChat& chat,
                                           const std::string& where, std::int64_t line) const {
  // Finding the answers may take time that grows with the square of their number.
  constexpr std::size_t kMany = 64;
  std::size_t dropped = 0;
  if (conversation.messages.size() > kMany && learns(conversation)) {
    const std::size_t whole = tokens_of(conversation, chat, where);
    if (whole > max_length_) {
      conversation = shortened(conversation, chat, where);
      dropped = whole - tokens_of(conversation, chat, where);
    }
  }
  std::vector<EncodedRow> rows;
  std::vector<std::size_t> rewritten;
  rows.push_back(encode_part(conversation, chat, /*is_part=*/false, where, rewritten));
  rows.back().truncated_tokens += dropped;
  while (!rewritten.empty()) {
    // The conversation that ends with the last of these answers may have others of them as they
    // were first written.
    Conversation part = first_messages(conversation, rewritten.back() + 1);
    for (std::size_t i = 0; i < part.learned.size(); ++i) {
      part.learned[i] = std::ranges::find(rewritten, i) != rewritten.end();
    }
    rows.push_back(encode_part(part, chat, /*is_part=*/true, where, rewritten));
  }
  for (EncodedRow& row : rows) row.line = line;
  return rows;
}

}  // namespace expandft
