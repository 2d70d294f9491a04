#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace expandft {

/// The types of metadata values; the numbers are those of the format.
enum class GgufValueType : std::uint32_t {
  kUint8,
  kInt8,
  kUint16,
  kInt16,
  kUint32,
  kInt32,
  kFloat32,
  kBool,
  kString,
  kArray,
  kUint64,
  kInt64,
  kFloat64
};

/// Bytes of a value in a file; of a text, of its length.
std::size_t bytes_of(GgufValueType type);

/// An array of numbers, or of booleans as 0 and 1. They stay in the file and are read one by one:
/// a hundred million bytes would take eight times the memory as doubles.
class GgufNumbers {
 public:
  GgufNumbers(GgufValueType type, std::span<const std::byte> bytes) : type_(type), bytes_(bytes) {}

  std::size_t size() const;
  double operator[](std::size_t i) const;

 private:
  GgufValueType type_;
  std::span<const std::byte> bytes_;
};

using GgufTexts = std::vector<std::string_view>;

/// The value of a metadata key. Integers of every width are widened, floats to double; texts and
/// numbers of arrays point into the file.
struct GgufValue {
  std::variant<bool, std::uint64_t, std::int64_t, double, std::string_view, GgufTexts, GgufNumbers>
      value;
};

}  // namespace expandft
