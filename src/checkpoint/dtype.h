#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace expandft {

/// Element types of safetensors files. Only the float ones can be computed with; the others are
/// carried through untouched.
enum class Dtype : std::uint8_t {
  kF64,
  kF32,
  kF16,
  kBF16,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
  kF8E4M3,
  kF8E5M2
};

std::size_t size_of(Dtype dtype);                               // bytes an element
std::string_view safetensors_name(Dtype dtype);                 // "BF16"
std::optional<Dtype> dtype_from_safetensors(std::string_view);  // "BF16"
/// "bfloat16": as config.json and the run config spell it.
std::string_view config_name(Dtype dtype);
/// Of "float32", "float16" and "bfloat16" only: what a model can be computed and stored in.
std::optional<Dtype> dtype_from_config(std::string_view);

}  // namespace expandft
