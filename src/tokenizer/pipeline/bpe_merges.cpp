#include "tokenizer/pipeline/bpe_merges.h"

#include <array>
#include <bit>
#include <cstddef>
#include <queue>

namespace expandft {
namespace {

constexpr std::size_t kShort = 32;  // up to so many ids searching all pairs is faster than a queue

// Fibonacci hashing: the upper bits of the product are well mixed.
constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15u;

std::uint64_t pair_of(TokenId left, TokenId right) {
  return static_cast<std::uint64_t>(static_cast<std::uint32_t>(left)) << 32 |
         static_cast<std::uint32_t>(right);
}

}  // namespace

BpeMerges::BpeMerges(std::size_t count)
    : slots_(std::bit_ceil(2 * count + 2)),
      shift_(64 - static_cast<unsigned>(std::countr_zero(slots_.size()))) {}

std::size_t BpeMerges::slot_of(std::uint64_t pair) const {
  std::size_t slot = (pair * kMultiplier) >> shift_;
  while (slots_[slot].pair != pair && slots_[slot].pair != kEmpty) {
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return slot;
}

void BpeMerges::set(TokenId left, TokenId right, Merge merge) {
  const std::uint64_t pair = pair_of(left, right);
  slots_[slot_of(pair)] = {pair, merge};
}

void BpeMerges::prefetch(TokenId left, TokenId right) const {
  __builtin_prefetch(&slots_[(pair_of(left, right) * kMultiplier) >> shift_]);
}

BpeMerges::Merge BpeMerges::find(TokenId left, TokenId right) const {
  return slots_[slot_of(pair_of(left, right))].merge;
}

void BpeMerges::apply(std::vector<TokenId>& ids) const {
  if (ids.size() < 2) return;
  if (ids.size() <= kShort) {
    apply_to_short(ids);
  } else {
    apply_to_long(ids);
  }
}

void BpeMerges::apply_to_short(std::vector<TokenId>& ids) const {
  std::array<Merge, kShort> merges;  // of each id with the next
  for (std::size_t i = 0; i + 1 < ids.size(); ++i) merges[i] = find(ids[i], ids[i + 1]);
  while (true) {
    std::size_t best = 0;
    const std::size_t pairs = ids.size() - 1;
    for (std::size_t i = 1; i < pairs; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (pairs == 0 || merges[best].rank == kNone) return;
    ids[best] = merges[best].joined;
    for (std::size_t i = best + 1; i < pairs; ++i) {
      ids[i] = ids[i + 1];
      merges[i - 1] = merges[i];
    }
    ids.pop_back();
    if (best > 0) merges[best - 1] = find(ids[best - 1], ids[best]);
    if (best + 1 < ids.size()) merges[best] = find(ids[best], ids[best + 1]);
  }
}

void BpeMerges::apply_to_long(std::vector<TokenId>& ids) const {
  constexpr std::size_t kEnd = std::numeric_limits<std::size_t>::max();
  struct Candidate {
    std::uint32_t rank;
    TokenId joined;
    std::size_t at;
    bool operator>(const Candidate& other) const {
      return rank != other.rank ? rank > other.rank : at > other.at;
    }
  };
  std::vector<std::size_t> next(ids.size());
  std::vector<std::size_t> previous(ids.size());
  std::vector<Candidate> found;
  const auto candidate = [&](std::size_t left, std::size_t right) {
    const Merge merge = find(ids[left], ids[right]);
    return Candidate{merge.rank, merge.joined, left};
  };
  for (std::size_t i = 0; i < ids.size(); ++i) {
    previous[i] = i == 0 ? kEnd : i - 1;
    next[i] = i + 1 == ids.size() ? kEnd : i + 1;
    if (next[i] == kEnd) continue;
    if (const Candidate pair = candidate(i, i + 1); pair.rank != kNone) found.push_back(pair);
  }
  std::priority_queue queue(std::greater<>(), std::move(found));
  const auto offer = [&](std::size_t left, std::size_t right) {
    if (left == kEnd || right == kEnd) return;
    if (const Candidate pair = candidate(left, right); pair.rank != kNone) queue.push(pair);
  };
  while (!queue.empty()) {
    const Candidate top = queue.top();
    queue.pop();
    const std::size_t right = next[top.at];
    // Both ids may have been joined with others meanwhile.
    if (ids[top.at] < 0 || right == kEnd || find(ids[top.at], ids[right]).joined != top.joined) {
      continue;
    }
    ids[top.at] = top.joined;
    ids[right] = -1;
    next[top.at] = next[right];
    if (next[right] != kEnd) previous[next[right]] = top.at;
    offer(previous[top.at], top.at);
    offer(top.at, next[top.at]);
  }
  std::erase(ids, -1);
}

}  // namespace expandft
