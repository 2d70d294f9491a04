#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace expandft {

/// Element types of safetensors files. Arithmetic is supported on floats only; tensors of other
/// types are copied unchanged.
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

std::size_t size_of(Dtype dtype);                               // bytes per element
std::string_view safetensors_name(Dtype dtype);                 // "BF16"
std::optional<Dtype> dtype_from_safetensors(std::string_view);  // "BF16"
/// "bfloat16": the name in config.json and run configs.
std::string_view config_name(Dtype dtype);
/// Only "float32", "float16" and "bfloat16", the dtypes that models are computed and stored in.
std::optional<Dtype> dtype_from_config(std::string_view);

}  // namespace expandft
