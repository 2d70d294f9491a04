#include "checkpoint/dtype.h"

#include <algorithm>
#include <array>

namespace expandft {
namespace {

struct Row {
  Dtype dtype;
  std::size_t size;
  std::string_view safetensors, config;
};

// In the order of the enumeration.
constexpr std::array<Row, 15> kTable{{
    {Dtype::kF64, 8, "F64", "float64"},
    {Dtype::kF32, 4, "F32", "float32"},
    {Dtype::kF16, 2, "F16", "float16"},
    {Dtype::kBF16, 2, "BF16", "bfloat16"},
    {Dtype::kI64, 8, "I64", "int64"},
    {Dtype::kI32, 4, "I32", "int32"},
    {Dtype::kI16, 2, "I16", "int16"},
    {Dtype::kI8, 1, "I8", "int8"},
    {Dtype::kU64, 8, "U64", "uint64"},
    {Dtype::kU32, 4, "U32", "uint32"},
    {Dtype::kU16, 2, "U16", "uint16"},
    {Dtype::kU8, 1, "U8", "uint8"},
    {Dtype::kBool, 1, "BOOL", "bool"},
    {Dtype::kF8E4M3, 1, "F8_E4M3", "float8_e4m3fn"},
    {Dtype::kF8E5M2, 1, "F8_E5M2", "float8_e5m2"},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (kTable[i].dtype != static_cast<Dtype>(i)) return false;
  }
  return true;
}
static_assert(is_in_order());

const Row& row(Dtype dtype) {
  return kTable.at(static_cast<std::size_t>(dtype));
}

}  // namespace

std::size_t size_of(Dtype dtype) {
  return row(dtype).size;
}
std::string_view safetensors_name(Dtype dtype) {
  return row(dtype).safetensors;
}
std::string_view config_name(Dtype dtype) {
  return row(dtype).config;
}

std::optional<Dtype> dtype_from_safetensors(std::string_view name) {
  const auto found = std::ranges::find(kTable, name, &Row::safetensors);
  return found == kTable.end() ? std::nullopt : std::optional(found->dtype);
}

std::optional<Dtype> dtype_from_config(std::string_view name) {
  for (const Dtype dtype : {Dtype::kF32, Dtype::kF16, Dtype::kBF16}) {
    if (config_name(dtype) == name) return dtype;
  }
  return std::nullopt;
}

}  // namespace expandft
