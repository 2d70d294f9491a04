#pragma once

#include <string>

namespace expandft {

/// Sets up spdlog's default logger, through which the whole library logs: "warning: text" on
/// stderr, coloured on a terminal (unless NO_COLOR is set), where each line first clears the
/// progress line. `level` is trace, debug, info, warn, error or off, else an input error; `quiet`
/// leaves only warnings and errors.
void configure_logging(const std::string& level, bool quiet);

}  // namespace expandft
