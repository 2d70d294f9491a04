#include "checkpoint/safetensors.h"
#include "fuzz.h"

#include <span>

using namespace expandft;

// A whole safetensors file. Accepted tensors must be inside the file, have the size of their dtype
// and shape, and cover the data exactly.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_input_error([&] {
    const SafetensorsHeader header =
        parse_safetensors_header(std::as_bytes(std::span(data, size)), "fuzz");
    std::size_t covered = 0, start = size;
    for (const auto& [name, entry] : header.tensors) {
      if (entry.begin > entry.end || entry.end > size) std::abort();
      if (byte_size(entry.dtype, entry.shape) != entry.end - entry.begin) std::abort();
      covered += entry.end - entry.begin;
      if (entry.begin < start) start = entry.begin;
    }
    if (start + covered != size) std::abort();
  });
  return 0;
}
