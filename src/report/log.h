#pragma once

#include <string>

namespace expandft {

/// Sets up spdlog's default logger, which the whole library uses: "warning: text" on stderr. On a
/// terminal lines are coloured (unless NO_COLOR is set) and first clear the progress line. `level`
/// is trace, debug, info, warn, error or off (else an input error); `quiet` leaves only warnings
/// and errors.
void configure_logging(const std::string& level, bool quiet);

}  // namespace expandft
