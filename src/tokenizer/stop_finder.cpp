#include "tokenizer/stop_finder.h"

#include <algorithm>

namespace expandft {

std::size_t find_stop(const std::string& text, const std::vector<std::string>& stops) {
  std::size_t first = text.npos;
  for (const std::string& stop : stops) {
    if (!stop.empty()) first = std::min(first, text.find(stop));
  }
  return first;
}

StopFinder::StopFinder(const Tokenizer& tokenizer, const std::vector<std::string>& stops)
    : tokenizer_(&tokenizer), stops_(&stops) {
  for (const std::string& stop : stops) longest_ = std::max(longest_, stop.size());
}

bool StopFinder::push(TokenId id) {
  if (longest_ == 0 || tokenizer_->is_special(id)) return false;
  pending_.push_back(id);
  std::vector<TokenId> ids = begin_;
  ids.insert(ids.end(), pending_.begin(), pending_.end());
  const std::string fresh = tokenizer_->decode(ids).substr(begin_text_);
  const std::string text = settled_end_ + fresh;
  if (find_stop(text, *stops_) != text.npos) return true;
  // Before there is any text, decoding may still drop something at the start.
  if (!tokenizer_->stands_alone(id) || (begin_.empty() && fresh.empty())) return false;
  if (begin_.empty()) {
    begin_text_ = fresh.size();
    begin_ = pending_;
  }
  settled_end_ = text.substr(text.size() - std::min(text.size(), longest_ - 1));
  pending_.clear();
  return false;
}

}  // namespace expandft
