#include "runtime/free_memory.h"

#include <algorithm>
#include <fstream>
#include <sstream>
#include <string>
#include <system_error>
#include <vector>

#include <c10/core/CachingDeviceAllocator.h>

namespace expandft {
namespace {

/// The integer behind a word in a file of such pairs ("MemAvailable: 1024 kB"; "inactive_file 7").
std::optional<std::int64_t> number_after(const fs::path& file, const std::string& name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    std::int64_t number = 0;
    if (words >> word && word == name && words >> number) return number;
  }
  return {};
}

/// The integer that is all of a file. Nothing for "max".
std::optional<std::int64_t> number_in(const fs::path& file) {
  std::ifstream in(file);
  std::int64_t number = 0;
  if (in >> number) return number;
  return {};
}

/// The names under which a version of control groups keeps its numbers.
struct GroupFiles {
  fs::path top;  // where the groups are mounted
  const char *limit, *usage, *inactive, *active;
};

/// The least that a group and those around it have left. Pages of files in a group's usage are
/// given up when memory runs out.
std::optional<std::int64_t> least_left(const GroupFiles& files, const std::string& group) {
  std::optional<std::int64_t> least;
  const std::size_t begin = group.find_first_not_of('/');
  fs::path folder = begin == group.npos ? files.top : files.top / group.substr(begin);
  while (true) {
    const auto limit = number_in(folder / files.limit), usage = number_in(folder / files.usage);
    if (limit && usage) {
      const fs::path stat = folder / "memory.stat";
      const std::int64_t of_files = number_after(stat, files.inactive).value_or(0) +
                                    number_after(stat, files.active).value_or(0);
      const std::int64_t left = *limit - std::max<std::int64_t>(*usage - of_files, 0);
      least = std::min(least.value_or(left), left);
    }
    if (folder == files.top || !folder.has_relative_path()) return least;
    folder = folder.parent_path();
  }
}

/// What the control groups of /proc/self/cgroup leave: "0::/path" is of version 2,
/// "4:memory:/path" of version 1.
std::optional<std::int64_t> left_in_groups(const fs::path& root) {
  const GroupFiles second{root / "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file",
                          "active_file"};
  const GroupFiles first{root / "sys/fs/cgroup/memory", "memory.limit_in_bytes",
                         "memory.usage_in_bytes", "total_inactive_file", "total_active_file"};
  std::optional<std::int64_t> least;
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const std::size_t one = line.find(':');
    const std::size_t two = one == line.npos ? one : line.find(':', one + 1);
    if (two == line.npos) continue;
    const std::string controllers = "," + line.substr(one + 1, two - one - 1) + ",";
    const bool is_second = controllers == ",,";
    if (!is_second && controllers.find(",memory,") == controllers.npos) continue;
    const auto left = least_left(is_second ? second : first, line.substr(two + 1));
    if (left) least = std::min(least.value_or(*left), *left);
  }
  return least;
}

}  // namespace

std::optional<std::int64_t> free_host_bytes(const fs::path& root) {
  const auto available = number_after(root / "proc/meminfo", "MemAvailable:");
  const auto in_groups = left_in_groups(root);
  if (!available) return in_groups;
  const std::int64_t bytes = *available * 1024;
  return std::max<std::int64_t>(std::min(bytes, in_groups.value_or(bytes)), 0);
}

std::int64_t resident_file_bytes(const fs::path& root) {
  return number_after(root / "proc/self/status", "RssFile:").value_or(0) * 1024;
}

std::optional<std::int64_t> free_gpu_bytes(at::Device device) try {
  const auto index = std::max<c10::DeviceIndex>(device.index(), 0);
  c10::DeviceAllocator* const allocator = c10::getDeviceAllocator(device.type());
  constexpr auto kAll = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  const auto stats = allocator->getDeviceStats(index);
  const std::int64_t kept =
      stats.reserved_bytes[kAll].current - stats.allocated_bytes[kAll].current;
  return static_cast<std::int64_t>(allocator->getMemoryInfo(index).first) + kept;
} catch (const c10::Error&) {
  return {};
}

std::string machine_id() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  in >> id;
  return id;
}

}  // namespace expandft
