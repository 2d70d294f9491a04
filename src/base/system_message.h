#pragma once

#include <string>
#include <system_error>

namespace expandft {

/// What the system says of an error number (errno): "No space left on device". Unlike strerror,
/// threads may call it at the same time.
inline std::string system_message(int error) {
  return std::generic_category().message(error);
}

}  // namespace expandft
