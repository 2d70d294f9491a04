#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// XXH3-128 over numbers, bytes and texts. Bytes are hashed after their count, so that "ab" and "c"
/// differ from "a" and "bc".
class Hash {
 public:
  Hash();
  ~Hash();
  Hash(const Hash&) = delete;
  Hash& operator=(const Hash&) = delete;

  void add(std::uint64_t number);
  void add(std::span<const std::byte> bytes);
  void add(std::string_view text) { add(std::as_bytes(std::span(text))); }
  template <typename Integer>
  void add(const std::vector<Integer>& numbers) {
    add(std::as_bytes(std::span(numbers)));
  }
  /// 32 hexadecimal digits.
  std::string digits() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The bytes as lower-case hexadecimal digits, two each.
std::string hex(std::span<const unsigned char> bytes);

/// XXH3-64 of bytes, to detect damage within one process.
std::uint64_t hash64(std::span<const std::byte> bytes);

}  // namespace expandft
