#pragma once

#include <cstdint>
#include <fstream>
#include <functional>
#include <malloc.h>
#include <stdexcept>
#include <string>
#include <sys/wait.h>
#include <unistd.h>

namespace expandft::testing {

/// A field of /proc/self/status, in bytes.
inline std::int64_t process_memory(const std::string& key) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(key + ":")) return std::stoll(line.substr(key.size() + 1)) * 1024;
  }
  throw std::runtime_error("no " + key);
}

/// The most bytes by which the memory of a child process grows during `work`, by VmHWM.
inline std::int64_t peak_growth(const std::function<void()>& work) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("pipe failed");
  const pid_t child = ::fork();
  if (child == 0) {
    std::int64_t growth = -1;
    try {
      ::malloc_trim(0);  // memory that other tests freed would be used without growth
      std::ofstream("/proc/self/clear_refs") << "5";  // resets the peak
      const std::int64_t before = process_memory("VmRSS");
      work();
      growth = process_memory("VmHWM") - before;
    } catch (...) {
    }
    const bool told = ::write(ends[1], &growth, sizeof growth) == sizeof growth;
    ::_exit(told ? 0 : 1);
  }
  std::int64_t growth = -1;
  const bool heard = ::read(ends[0], &growth, sizeof growth) == sizeof growth;
  ::close(ends[0]);
  ::close(ends[1]);
  ::waitpid(child, nullptr, 0);
  if (!heard || growth < 0) throw std::runtime_error("the child process failed");
  return growth;
}

}  // namespace expandft::testing
