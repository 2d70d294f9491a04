#include "tokenizer/pipeline/bpe_vocabulary.h"

#include "base/hash.h"

#include <algorithm>
#include <array>
#include <bit>
#include <span>

namespace expandft {
namespace {

std::uint64_t hash_of(std::string_view token) {
  return hash64(std::as_bytes(std::span(token)));
}

}  // namespace

BpeVocabulary::BpeVocabulary(std::size_t count, std::size_t ids)
    : tokens_(ids),
      slots_(std::bit_ceil(2 * count + 2)),
      shift_(64 - static_cast<unsigned>(std::countr_zero(slots_.size()))) {}

std::size_t BpeVocabulary::slot_of(std::string_view token, std::uint64_t hash) const {
  std::size_t slot = hash >> shift_;
  for (; slots_[slot].id >= 0; slot = (slot + 1) & (slots_.size() - 1)) {
    const auto& [known, id] = slots_[slot];
    if (known == static_cast<std::uint32_t>(hash) &&
        tokens_[static_cast<std::size_t>(id)] == token) {
      break;
    }
  }
  return slot;
}

bool BpeVocabulary::add(std::string_view token, TokenId id) {
  const std::uint64_t hash = hash_of(token);
  Slot& slot = slots_[slot_of(token, hash)];
  if (slot.id >= 0) return false;
  slot = {static_cast<std::uint32_t>(hash), id};
  tokens_[static_cast<std::size_t>(id)] = token;
  ++count_;
  return true;
}

std::optional<TokenId> BpeVocabulary::find(std::string_view token) const {
  const TokenId id = slots_[slot_of(token, hash_of(token))].id;
  return id < 0 ? std::nullopt : std::optional(id);
}

void BpeVocabulary::find_all(std::span<const std::string_view> tokens,
                             std::span<TokenId> ids) const {
  constexpr std::size_t kAtOnce = 64;
  std::array<std::uint64_t, kAtOnce> hashes;
  for (std::size_t begin = 0; begin < tokens.size(); begin += kAtOnce) {
    const auto part = tokens.subspan(begin, std::min(kAtOnce, tokens.size() - begin));
    for (std::size_t i = 0; i < part.size(); ++i) {
      hashes[i] = hash_of(part[i]);
      __builtin_prefetch(&slots_[hashes[i] >> shift_]);
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      const TokenId likely = slots_[hashes[i] >> shift_].id;
      if (likely >= 0) __builtin_prefetch(&tokens_[static_cast<std::size_t>(likely)]);
    }
    for (std::size_t i = 0; i < part.size(); ++i) {
      ids[begin + i] = slots_[slot_of(part[i], hashes[i])].id;
    }
  }
}

}  // namespace expandft
