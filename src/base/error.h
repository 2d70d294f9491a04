#pragma once

#include <exception>
#include <string>

namespace expandft {

/// Exit codes of the program; docs/configuration.md lists them for users.
enum class ExitCode : int {
  kDone = 0,
  kFailed = 1,    // the machine let us down: disk full, device lost, a check that did not hold
  kBadInput = 2,  // wrong usage, config, checkpoint or data
  kDropped = 3,   // an original task dropped past the budget
  kDiverged = 4,  // NaN or infinite loss
};

/// The one error type. It is thrown anywhere, and caught once, in main.
/// `what` says what is wrong and what was expected, `where` names the file and place in it,
/// `hint` says what to do. `where` and `hint` may be empty.
class Error : public std::exception {
 public:
  Error(ExitCode code, std::string what, std::string where = {}, std::string hint = {});

  ExitCode code() const { return code_; }
  const std::string& message() const { return message_; }
  const std::string& where() const { return where_; }
  const std::string& hint() const { return hint_; }
  /// All three parts on as many lines, as main prints them.
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  ExitCode code_;
  std::string message_, where_, hint_, text_;
};

/// An error the user can mend: wrong usage, config or input (exit code 2).
Error input_error(std::string what, std::string where = {}, std::string hint = {});
/// An error of the machine or of a check that must hold (exit code 1).
Error failure(std::string what, std::string where = {}, std::string hint = {});

}  // namespace expandft
