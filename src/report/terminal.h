#pragma once

#include <string_view>

namespace expandft {

/// Whether stderr is a terminal that understands escape sequences.
bool stderr_takes_escapes();

/// One write() as far as the system allows; what a closed stderr refuses is dropped.
void write_to_stderr(std::string_view text);

}  // namespace expandft
