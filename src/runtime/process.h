#pragma once

#include <cstdint>

#include <ATen/ATen.h>

namespace expandft {

/// Seconds since the process was launched, to 10 ms, including the time it took to load its
/// libraries. Where /proc cannot be read: since the program was loaded.
double seconds_since_launch();

/// Lets the allocator keep freed memory instead of returning it to the system. Each training step
/// allocates the same tensors again; faulting in and clearing fresh pages for them would cost up to
/// a fifth of a step on a CPU. Call it once, at the start.
void keep_freed_memory();

/// The largest amount of memory that the process has used so far for computing on `device`, in
/// bytes: on a CPU its resident memory, on a GPU what LibTorch has reserved there.
std::int64_t peak_memory_bytes(at::Device device);
/// The largest resident memory of the process so far, in bytes.
std::int64_t peak_resident_bytes();

}  // namespace expandft
