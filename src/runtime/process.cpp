#include "runtime/process.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>  // defines __GLIBC__ where it is the C library
#include <fstream>
#include <optional>
#include <string>
#include <sys/resource.h>
#include <system_error>
#include <time.h>
#include <unistd.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include <c10/core/CachingDeviceAllocator.h>

namespace expandft {
namespace {

using Clock = std::chrono::steady_clock;
const Clock::time_point kLoaded = Clock::now();  // when the program was loaded

/// When this process started, in clock ticks since boot (field 22 of /proc/self/stat, proc(5)).
/// Nothing when /proc cannot be read.
std::optional<std::uint64_t> start_ticks() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text, '\0');
  // Field 2, the command, is in parentheses and may contain spaces: count from its end.
  std::size_t at = text.rfind(')');
  for (int field = 2; field < 22 && at != text.npos; ++field) at = text.find(' ', at + 1);
  if (at == text.npos) return std::nullopt;
  std::uint64_t ticks = 0;
  const char* const end = text.data() + text.size();
  const auto [last, error] = std::from_chars(text.data() + at + 1, end, ticks);
  if (error != std::errc()) return std::nullopt;
  return ticks;
}

}  // namespace

double seconds_since_launch() {
  const auto ticks = start_ticks();
  if (!ticks) return std::chrono::duration<double>(Clock::now() - kLoaded).count();
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 -
         static_cast<double>(*ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void keep_freed_memory() {
#if defined(__GLIBC__)
  constexpr int kLargestThreshold = 32 << 20;  // glibc accepts no larger one
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

// VmHWM rather than getrusage, whose maximum survives exec: a small process started by a large one
// would seem as large.
std::int64_t peak_resident_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    std::int64_t kibibytes = 0;
    if (word == "VmHWM:" && status >> kibibytes) return kibibytes * 1024;
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::int64_t>(usage.ru_maxrss) * 1024;
}

}  // namespace expandft
