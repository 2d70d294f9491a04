#include "base/hash.h"

#include <new>

#include <xxhash.h>

namespace expandft {

struct Hash::State {
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> hash{XXH3_createState(),
                                                                &XXH3_freeState};
};

Hash::Hash() : state_(std::make_unique<State>()) {
  if (state_->hash == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(state_->hash.get());
}

Hash::~Hash() = default;

void Hash::add(std::uint64_t number) {
  XXH3_128bits_update(state_->hash.get(), &number, sizeof number);
}

void Hash::add(std::span<const std::byte> bytes) {
  add(std::uint64_t{bytes.size()});
  if (!bytes.empty()) XXH3_128bits_update(state_->hash.get(), bytes.data(), bytes.size());
}

std::string Hash::digits() const {
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state_->hash.get()));
  return hex(canonical.digest);
}

std::string hex(std::span<const unsigned char> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

std::uint64_t hash64(std::span<const std::byte> bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

}  // namespace expandft
