#include "runtime/memory.h"

#include "runtime/process.h"

#include <algorithm>
#include <cstdlib>  // defines __GLIBC__ where it is the C library

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <c10/core/CachingDeviceAllocator.h>

namespace expandft {

void keep_freed_memory() {
#if defined(__GLIBC__)
  constexpr int kLargestThreshold = 32 << 20;  // glibc takes no larger one
  mallopt(M_MMAP_THRESHOLD, kLargestThreshold);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
  mallopt(M_TOP_PAD, kLargestThreshold);
#endif
}

std::int64_t peak_memory_bytes(at::Device device) {
  if (device.is_cpu()) return peak_resident_bytes();
  const auto index = std::max<c10::DeviceIndex>(device.index(), 0);
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  return c10::getDeviceAllocator(device.type())->getDeviceStats(index).reserved_bytes[kAll].peak;
}

}  // namespace expandft
