#pragma once

#include <signal.h>

namespace expandft {

/// While it lives, SIGINT and SIGTERM do not end the process but are noted; a second one of the
/// same kind ends it at once. One that the process was started to ignore (nohup) stays ignored.
/// Afterwards the actions are those of before. One at a time in a process.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// The signal that came, or 0.
  int caught() const;

 private:
  struct sigaction before_interrupt_ {
  }, before_terminate_{};
};

}  // namespace expandft
