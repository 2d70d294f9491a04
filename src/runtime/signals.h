#pragma once

namespace expandft {

/// While it lives, SIGINT and SIGTERM do not end the process but are noted; a second one of the
/// same kind ends it at once. One at a time in a process.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// The signal that came, or 0.
  int caught() const;
};

}  // namespace expandft
