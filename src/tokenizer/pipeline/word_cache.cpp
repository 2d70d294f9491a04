#include "tokenizer/pipeline/word_cache.h"

#include <utility>

namespace expandft {
namespace {

constexpr std::size_t kLongestWord = 256;  // bytes
// Together some 4 MB at most, including the table.
constexpr std::size_t kMostWords = 1 << 15;
constexpr std::size_t kMostBytes = 1 << 20;
constexpr std::size_t kMostIds = 1 << 18;

}  // namespace

bool WordCache::append(std::string_view word, std::vector<TokenId>& ids) const {
  const auto known = words_.find(word);
  if (known == words_.end()) return false;
  const auto [begin, end] = known->second;
  ids.insert(ids.end(), ids_.begin() + begin, ids_.begin() + end);
  return true;
}

void WordCache::add(std::string_view word, std::span<const TokenId> ids) {
  if (word.size() > kLongestWord) return;
  if (words_.size() == kMostWords || bytes_ + word.size() > kMostBytes ||
      ids_.size() + ids.size() > kMostIds) {
    words_.clear();
    ids_.clear();
    bytes_ = 0;
  }
  const auto begin = static_cast<std::uint32_t>(ids_.size());
  ids_.insert(ids_.end(), ids.begin(), ids.end());
  bytes_ += word.size();
  words_.emplace(word, Range{begin, static_cast<std::uint32_t>(ids_.size())});
}

std::unique_ptr<WordCache> WordCaches::take() {
  {
    const std::scoped_lock lock(mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<WordCache> cache = std::move(idle_.back());
      idle_.pop_back();
      return cache;
    }
  }
  return std::make_unique<WordCache>();
}

void WordCaches::give_back(std::unique_ptr<WordCache> cache) {
  const std::scoped_lock lock(mutex_);
  idle_.push_back(std::move(cache));
}

}  // namespace expandft
