#include "tokenizer/pipeline/added_tokens.h"

#include "base/unicode.h"

#include <algorithm>

namespace expandft {

AddedTokenFinder::AddedTokenFinder(const std::vector<const AddedToken*>& tokens) {
  for (const AddedToken* token : tokens) {
    if (token->content.empty()) continue;
    tokens_.emplace(token->content, token);
    std::vector<std::size_t>& lengths = lengths_[static_cast<unsigned char>(token->content[0])];
    if (std::find(lengths.begin(), lengths.end(), token->content.size()) == lengths.end()) {
      lengths.push_back(token->content.size());
    }
  }
  for (std::vector<std::size_t>& lengths : lengths_) {
    std::sort(lengths.begin(), lengths.end(), std::greater<>());
  }
}

const AddedToken* AddedTokenFinder::match(std::string_view text) const {
  for (const std::size_t length : lengths_[static_cast<unsigned char>(text[0])]) {
    if (length > text.size()) continue;
    const auto found = tokens_.find(text.substr(0, length));
    if (found != tokens_.end()) return found->second;
  }
  return nullptr;
}

void AddedTokenFinder::split(std::string_view text, std::size_t begin, std::size_t end,
                             bool special, std::vector<TextSpan>& spans) const {
  text = text.substr(0, end);
  std::size_t plain = begin;  // start of the text that belongs to no token
  for (std::size_t at = begin; at < end;) {
    const AddedToken* token = match(text.substr(at));
    if (token == nullptr) {
      ++at;
      continue;
    }
    std::size_t first = at;
    std::size_t last = at = at + token->content.size();
    if (token->special && !special) continue;
    if (token->single_word && (ends_with_word_character(text.substr(begin, first - begin)) ||
                               starts_with_word_character(text.substr(last)))) {
      continue;
    }
    if (token->lstrip && plain < first) {
      first -= trailing_space(text.substr(plain, first - plain));
    }
    if (token->rstrip) last += leading_space(text.substr(last));
    if (plain < first) spans.push_back({plain, first, nullptr});
    spans.push_back({first, last, token});
    plain = last;
  }
  if (plain < end) spans.push_back({plain, end, nullptr});
}

}  // namespace expandft
