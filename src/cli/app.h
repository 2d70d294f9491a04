#pragma once

#include "base/error.h"
#include "cli/options.h"

#include <functional>
#include <string>

#include <CLI/CLI.hpp>

namespace expandft {

/// What setup_<command> gets. A command's callback stores its work in `run`, with its own options
/// captured; run_program calls it after parsing, so that its errors reach main.
struct Context {
  GlobalOptions global;
  std::function<ExitCode()> run;
};

/// All commands and global options, on an empty app.
void setup_app(CLI::App& app, Context& context);

/// Adds a command with the global options, help and an example ("expandft score --model …").
CLI::App* add_command(CLI::App& app, Context& context, const std::string& name,
                      const std::string& description, const std::string& example);

/// Parses the arguments and runs the command. Errors of usage are input errors of the same kind as
/// all others. Without arguments prints the help.
ExitCode run_program(int argc, const char* const* argv);

}  // namespace expandft
