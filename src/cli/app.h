#pragma once

#include "base/error.h"

#include <functional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace expandft {

/// Options that every command takes, before or after the command's name.
struct GlobalOptions {
  std::string device = "auto";     // auto, cpu, cuda, cuda:N
  std::string log_level = "info";  // trace, debug, info, warn, error, off
  bool quiet = false;              // no progress, and only warnings and errors in the log
  int threads = 0;                 // of the CPU; 0: as LibTorch chooses, one per core
  bool strict = false;             // notices are errors
  bool is_first_rank = true;       // the one that tells notices
  int gpu = 0;                     // that "auto" and "cuda" take: each rank of a job its own
};

/// What setup_<command> gets: the command's callback stores in `run` what there is to do, with
/// options of its own captured. main calls it after parsing, so that its errors reach main.
struct Context {
  GlobalOptions global;
  std::function<ExitCode()> run;
};

/// All commands and global options, on an empty app.
void setup_app(CLI::App& app, Context& context);

/// Adds a command with the global options, help and an example ("expandft score --model …").
CLI::App* add_command(CLI::App& app, Context& context, const std::string& name,
                      const std::string& description, const std::string& example);

/// --set KEY=VALUE, several times: for commands that read a run config.
void add_set_option(CLI::App& command, std::vector<std::string>& overrides);

/// Parses the arguments and runs the command. Errors of usage are input errors of the same kind as
/// all others. Without arguments prints the help.
ExitCode run_program(int argc, const char* const* argv);

/// Accepts one of the values; the message lists them, and names the nearest.
CLI::Validator one_of(std::vector<std::string> values);
/// Accepts numbers from low to high.
CLI::Validator in_range(double low, double high);

}  // namespace expandft
