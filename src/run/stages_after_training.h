#pragma once

#include "base/files.h"
#include "runtime/signals.h"

#include <functional>
#include <string>
#include <utility>

namespace expandft {

/// "interrupted" for SIGINT, else "terminated".
const char* ending_word(int signal);

/// How a run that a signal ended can be continued: the command, and the report so far.
struct ResumeHint {
  fs::path run;
  std::string command;        // "": none is known
  bool is_first_rank = true;  // only the first rank logs it
  /// Logs both as warnings.
  void log() const;
};

/// The stages of a run that follow training. A signal ends one with a log line, the command that
/// resumes the run, and exit code 128 + n. A second signal of the same kind ends the process
/// without them (SignalWatch).
class StagesAfterTraining {
 public:
  /// `release` frees what must not outlive the process: the run's lock. All must outlive this.
  StagesAfterTraining(const SignalWatch& signals, ResumeHint hint, std::function<void()> release)
      : signals_(signals), hint_(std::move(hint)), release_(std::move(release)) {}

  /// A stage that only computes, "evaluating the tasks": a signal ends it at once.
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

  /// What a stage that reacts to signals itself (make_model.h) calls at the end of its reaction.
  std::function<void(int signal)> ending(const std::string& what) const {
    return [this, what](int signal) { end(signal, what); };
  }

 private:
  [[noreturn]] void end(int signal, const std::string& what) const;

  const SignalWatch& signals_;
  ResumeHint hint_;
  std::function<void()> release_;
};

}  // namespace expandft
