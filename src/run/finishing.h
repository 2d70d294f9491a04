#pragma once

#include "base/files.h"
#include "run/model_output.h"
#include "runtime/signals.h"

#include <functional>
#include <string>

namespace expandft {

/// "interrupted" for SIGINT, else "terminated".
const char* ending_word(int signal);

/// How a run that was ended goes on: the command, and the report of what there is so far.
struct GoingOn {
  fs::path run;
  std::string command;
  bool is_told = true;  // by rank 0 alone
  /// Warnings that name both.
  void tell() const;
};

/// What follows training: stages that a signal ends with a word, the command that goes on, and exit
/// code 128 + n. A second signal of the same kind ends the process without them (SignalWatch).
class Finishing {
 public:
  /// `release` gives back what must not outlive the process: the run's lock. All must outlive it.
  Finishing(const SignalWatch& signals, GoingOn going_on, std::function<void()> release)
      : signals_(signals), going_on_(std::move(going_on)), release_(std::move(release)) {}

  /// A stage that only computes: a signal ends it at once. "evaluating the tasks".
  template <typename Work>
  void compute(const std::string& what, const Work& work) const {
    SignalCleanup cleanup(signals_, [this, what] { end(signals_.caught(), what); });
    work();
    cleanup.finish();
  }

  /// A stage that writes small files: a signal waits until they are whole.
  template <typename Work>
  void write(const std::string& what, const Work& work) const {
    work();
    if (signals_.caught() != 0) end(signals_.caught(), what);
  }

  /// For stages that know themselves what to do about a signal first.
  OnSignal ending(const std::string& what) const {
    return [this, what](int signal) { end(signal, what); };
  }

 private:
  [[noreturn]] void end(int signal, const std::string& what) const;

  const SignalWatch& signals_;
  GoingOn going_on_;
  std::function<void()> release_;
};

}  // namespace expandft
