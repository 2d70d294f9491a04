#pragma once

#include <array>
#include <functional>
#include <future>
#include <signal.h>
#include <thread>

namespace expandft {

/// The signals that end a run in an orderly way: SIGINT, SIGTERM, and SIGHUP from a closed
/// terminal.
inline constexpr std::array kEndingSignals = {SIGINT, SIGTERM, SIGHUP};

/// While it exists, a dedicated thread takes kEndingSignals: this thread, and those it starts from
/// now on, block them. Matrix products on the CPU point the stack pointer into a workspace on the
/// heap, where the frame of a signal handler would overwrite other memory (this has crashed a run).
/// Create it before other threads exist. It does not change the signals' actions.
class SignalThread {
 public:
  SignalThread();
  ~SignalThread();
  SignalThread(const SignalThread&) = delete;
  SignalThread& operator=(const SignalThread&) = delete;

 private:
  sigset_t before_{};
  std::promise<void> ended_;
  std::thread thread_;
};

/// While it exists, kEndingSignals are recorded instead of ending the process; a second one of the
/// same kind ends it at once. A signal that the process was started to ignore (nohup) stays
/// ignored. The destructor restores the earlier actions. A nested watch changes nothing and reports
/// what the outer one caught.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// The signal that was caught, or 0.
  int caught() const;

 private:
  bool is_outermost_;
  std::array<struct sigaction, kEndingSignals.size()> before_{};
};

/// While it exists, a signal that the watch catches (or has caught) makes its own thread call
/// `clean_up` and then end the process as the signal would have done unwatched. finish() and the
/// destructor wait for that: once a signal was caught they do not return.
class SignalCleanup {
 public:
  SignalCleanup(const SignalWatch& watch, std::function<void()> clean_up);
  ~SignalCleanup();
  /// From now on a signal has no effect here.
  void finish();
  SignalCleanup(const SignalCleanup&) = delete;
  SignalCleanup& operator=(const SignalCleanup&) = delete;

 private:
  std::promise<void> ended_;
  std::thread thread_;
};

/// From now on, when another process truncates a mapped file or its disk fails, the program ends
/// with an error that names the file and with exit code 1. Without this the system ends it with
/// SIGBUS and no message. Outputs are left unfinished, as after any sudden end.
void report_lost_pages();

}  // namespace expandft
