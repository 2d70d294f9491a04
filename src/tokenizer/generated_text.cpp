#include "tokenizer/generated_text.h"

#include "base/utf8.h"

#include <algorithm>

namespace expandft {

std::string StreamDecoder::push(TokenId id) {
  if (skip_special_ && tokenizer_.is_special(id)) return {};
  std::string bytes = tokenizer_.token_bytes(id);
  if (strip_ && tokenizer_.strips_first_token()) {
    std::erase(bytes, ' ');
    strip_ = false;
  }
  pending_ += bytes;
  return whole_characters(false);
}

std::string StreamDecoder::finish() {
  return whole_characters(true);
}

std::string StreamDecoder::whole_characters(bool at_end) {
  if (strip_ && !pending_.empty()) {
    if (pending_[0] == ' ') pending_.erase(0, 1);
    strip_ = false;
  }
  std::string text;
  while (!pending_.empty()) {
    const Utf8Prefix prefix = utf8_prefix(pending_);
    text.append(pending_, 0, prefix.length);
    pending_.erase(0, prefix.length);
    if (pending_.empty() || (prefix.is_incomplete && !at_end)) break;
    text += "\uFFFD";
    const bool each_byte = tokenizer_.replacing() == Replacing::kEachByte;
    pending_.erase(0, each_byte ? 1 : decode_character(pending_).length);
  }
  return text;
}

std::size_t find_stop(const std::string& text, const std::vector<std::string>& stops) {
  std::size_t first = text.npos;
  for (const std::string& stop : stops) {
    if (!stop.empty()) first = std::min(first, text.find(stop));
  }
  return first;
}

std::string StoppedStream::push(TokenId id) {
  if (stopped_) return "";
  held_ += stream_.push(id);
  return settled(/*at_end=*/false);
}

std::string StoppedStream::finish() {
  if (stopped_) return "";
  held_ += stream_.finish();
  return settled(/*at_end=*/true);
}

std::string StoppedStream::settled(bool at_end) {
  std::size_t end = find_stop(held_, *stops_);
  stopped_ = end != held_.npos;
  if (!stopped_) {
    end = held_.size();
    std::size_t kept = 0;  // bytes at the end that may begin a stop text
    for (const std::string& stop : *stops_) {
      for (std::size_t size = std::min(stop.size(), end + 1); size-- > kept + 1;) {
        if (held_.ends_with(std::string_view(stop).substr(0, size))) {
          kept = size;
          break;
        }
      }
    }
    if (!at_end) end -= kept;
  }
  const std::string text = held_.substr(0, end);
  held_.erase(0, stopped_ ? held_.size() : end);
  return text;
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
