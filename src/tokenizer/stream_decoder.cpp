#include "tokenizer/stream_decoder.h"

#include "base/utf8.h"

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

}  // namespace expandft
