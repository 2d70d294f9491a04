#include "runtime/process.h"

#include "base/process_start.h"

#include <chrono>
#include <fstream>
#include <string>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

namespace expandft {
namespace {

using Clock = std::chrono::steady_clock;
const Clock::time_point kLoaded = Clock::now();  // when the program was loaded

}  // namespace

double seconds_since_launch() {
  const auto ticks = start_ticks(getpid());
  if (!ticks) return std::chrono::duration<double>(Clock::now() - kLoaded).count();
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9 -
         static_cast<double>(*ticks) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// The kernel's "VmHWM". getrusage would do, but what it tells outlives exec: a small process that a
// large one started would seem as large.
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
