#pragma once

#include "base/error.h"

#include <CLI/CLI.hpp>

namespace expandft {

/// The command that the arguments named so far, or the app itself.
const CLI::App& chosen_command(const CLI::App& app);

/// What the parser found, as an input error that names the command and, for an unknown option or
/// command, the nearest known one.
Error usage_error(const CLI::App& app, const CLI::ParseError& error);

}  // namespace expandft
