#pragma once

#include "tokenizer/pipeline/token.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace expandft {

/// Caches the ids of words, since most words of a text repeat. When it is full it is emptied, so
/// that it adapts to the text.
class WordCache {
 public:
  /// Appends the word's ids; false if the word is not cached.
  bool append(std::string_view word, std::vector<TokenId>& ids) const;
  /// Caches a word, unless it is too long to be likely to repeat.
  void add(std::string_view word, std::span<const TokenId> ids);

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view word) const {
      return std::hash<std::string_view>()(word);
    }
  };
  struct Range {
    std::uint32_t begin, end;
  };
  std::unordered_map<std::string, Range, Hash, std::equal_to<>> words_;
  std::vector<TokenId> ids_;  // of all words
  std::size_t bytes_ = 0;     // of all words
};

/// The caches of a tokenizer. Concurrent calls have one each, and leave it to later calls.
class WordCaches {
 public:
  /// A cache for the duration of a call.
  class Loan {
   public:
    explicit Loan(WordCaches& from) : from_(from), cache_(from.take()) {}
    ~Loan() { from_.give_back(std::move(cache_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    WordCache& operator*() const { return *cache_; }

   private:
    WordCaches& from_;
    std::unique_ptr<WordCache> cache_;
  };

 private:
  std::unique_ptr<WordCache> take();
  void give_back(std::unique_ptr<WordCache> cache);

  std::mutex mutex_;
  std::vector<std::unique_ptr<WordCache>> idle_;
};

}  // namespace expandft
