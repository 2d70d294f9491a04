#pragma once

#include <cstdint>

namespace expandft {

/// Seconds since the process was launched, loading of libraries included (to 10 ms). Where
/// /proc cannot be read: since the program was loaded.
double seconds_since_launch();
/// The largest resident memory of the process so far, in bytes.
std::int64_t peak_resident_bytes();

}  // namespace expandft
