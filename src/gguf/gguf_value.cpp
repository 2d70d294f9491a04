#include "gguf/gguf_value.h"

#include <cstring>

namespace expandft {
namespace {

template <typename Number>
double number_as_double(const std::byte* from) {
  Number number{};
  std::memcpy(&number, from, sizeof(Number));
  return static_cast<double>(number);
}

}  // namespace

std::size_t bytes_of(GgufValueType type) {
  switch (type) {
    case GgufValueType::kUint8:
    case GgufValueType::kInt8:
    case GgufValueType::kBool:
      return 1;
    case GgufValueType::kUint16:
    case GgufValueType::kInt16:
      return 2;
    case GgufValueType::kUint32:
    case GgufValueType::kInt32:
    case GgufValueType::kFloat32:
      return 4;
    default:
      return 8;
  }
}

std::size_t GgufNumbers::size() const {
  return bytes_.size() / bytes_of(type_);
}

double GgufNumbers::operator[](std::size_t i) const {
  const std::byte* const from = bytes_.data() + i * bytes_of(type_);
  switch (type_) {
    case GgufValueType::kUint8:
      return number_as_double<std::uint8_t>(from);
    case GgufValueType::kInt8:
      return number_as_double<std::int8_t>(from);
    case GgufValueType::kUint16:
      return number_as_double<std::uint16_t>(from);
    case GgufValueType::kInt16:
      return number_as_double<std::int16_t>(from);
    case GgufValueType::kUint32:
      return number_as_double<std::uint32_t>(from);
    case GgufValueType::kInt32:
      return number_as_double<std::int32_t>(from);
    case GgufValueType::kFloat32:
      return number_as_double<float>(from);
    case GgufValueType::kUint64:
      return static_cast<double>(number_as_double<std::uint64_t>(from));
    case GgufValueType::kInt64:
      return static_cast<double>(number_as_double<std::int64_t>(from));
    case GgufValueType::kFloat64:
      return number_as_double<double>(from);
    case GgufValueType::kBool:
      return number_as_double<std::uint8_t>(from) != 0 ? 1 : 0;
    case GgufValueType::kString:
    case GgufValueType::kArray:
      break;
  }
  return 0;  // no array of numbers has these
}

}  // namespace expandft
