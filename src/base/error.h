#pragma once

#include <exception>
#include <string>
#include <vector>

namespace expandft {

/// Exit codes of the program; docs/configuration.md lists them for users.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,    // the machine failed, or a check that must hold: a full disk, a lost device
  kBadInput = 2,  // wrong usage, config, checkpoint or data
  kDropped = 3,   // an original task dropped beyond its budget
  kDiverged = 4,  // NaN or infinite loss
};

/// The one error type, thrown anywhere and caught in main. `what` says what is wrong and what was
/// expected, `where` names the file and the place in it, `hint` says what to do. `where` and `hint`
/// may be empty.
class Error : public std::exception {
 public:
  Error(ExitCode code, std::string what, std::string where = {}, std::string hint = {});

  ExitCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }
  /// All parts, a line each, as main prints them.
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  ExitCode code_;
  std::string message_, where_, hint_, text_;
};

/// An error that the user can fix: wrong usage, config or input (exit code 2).
Error input_error(std::string what, std::string where = {}, std::string hint = {});
/// An error of the machine, or of a check that must hold (exit code 1).
Error failure(std::string what, std::string where = {}, std::string hint = {});

/// Collects errors in order to report them all at once.
class Problems {
 public:
  /// Skips an error that has the message and place of an earlier one.
  void add(const Error& error);
  /// Runs a check and keeps the error that it throws. Whether it threw none.
  template <typename Check>
  bool check(const Check& check) {
    try {
      check();
      return true;
    } catch (const Error& error) {
      add(error);
      return false;
    }
  }

  bool empty() const { return errors_.empty(); }
  /// A single error unchanged; several as one whose message lists them, a line each: "where: what;
  /// hint". A hint that all share comes last. There must be at least one.
  Error all() const;
  /// Throws all() unless empty().
  void throw_if_any() const;

 private:
  std::vector<Error> errors_;
};

}  // namespace expandft
