#pragma once

#include <cstdint>

#include <ATen/ATen.h>

namespace expandft {

/// Lets the allocator keep what is freed instead of giving it back to the system. A training step
/// frees and asks again for the same tensors; each time fresh pages would be faulted in and
/// cleared, which costs up to a fifth of a step on a CPU. To be called once, at the start.
void keep_freed_memory();

/// The most memory so far of a process that computes on `device`: on a CPU what is resident, in
/// bytes; on a GPU what LibTorch has reserved there.
std::int64_t peak_memory_bytes(at::Device device);

}  // namespace expandft
