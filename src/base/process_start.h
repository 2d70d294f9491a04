#pragma once

#include <cstdint>
#include <optional>

namespace expandft {

/// When a process started, in clock ticks since boot (field 22 of /proc/<pid>/stat; proc(5)).
/// Nothing when there is no such process, or when /proc cannot be read.
std::optional<std::uint64_t> start_ticks(long process);

}  // namespace expandft
