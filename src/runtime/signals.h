#pragma once

#include <array>
#include <functional>
#include <future>
#include <signal.h>
#include <thread>

namespace expandft {

/// SIGINT, SIGTERM, and SIGHUP of a terminal that went away, end a run in order.
inline constexpr std::array kEndingSignals = {SIGINT, SIGTERM, SIGHUP};

/// While it lives, kEndingSignals are taken by a thread of their own: this thread, and those
/// that it starts from now on, block them. Matrix products put the stack pointer into workspace on
/// the heap, where the frame of a signal would be written over other memory (a run died of it).
/// Make it before other threads exist. What a signal does stays as it is.
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

/// While it lives, kEndingSignals do not end the process but are noted; a second one of the
/// same kind ends it at once. One that the process was started to ignore (nohup) stays ignored.
/// Afterwards the actions are those of before. One that is made while another lives changes
/// nothing, and tells what that one caught.
class SignalWatch {
 public:
  SignalWatch();
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// The signal that came, or 0.
  int caught() const;

 private:
  bool is_outermost_;
  std::array<struct sigaction, kEndingSignals.size()> before_{};
};

/// While it lives, a signal that the watch has caught, or catches, makes it call `clean_up` on a
/// thread of its own, and then ends the process as it would have done unwatched. finish() and the
/// destructor wait for that: they do not return once a signal was caught.
class SignalCleanup {
 public:
  SignalCleanup(const SignalWatch& watch, std::function<void()> clean_up);
  ~SignalCleanup();
  /// From now on nothing is cleaned up.
  void finish();
  SignalCleanup(const SignalCleanup&) = delete;
  SignalCleanup& operator=(const SignalCleanup&) = delete;

 private:
  std::promise<void> ended_;
  std::thread thread_;
};

}  // namespace expandft
