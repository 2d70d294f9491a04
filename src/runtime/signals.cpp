#include "runtime/signals.h"

#include <atomic>
#include <csignal>

namespace expandft {
namespace {

// A handler can reach nothing but a global: this is the one there is.
std::atomic<int> caught_signal = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a handler may take no lock");

void note(int signal) {
  caught_signal = signal;
}

/// Notes a signal from now on, unless it is ignored. Returns the action of before.
struct sigaction watch(int signal) {
  struct sigaction before = {}, action = {};
  sigaction(signal, nullptr, &before);
  if (before.sa_handler == SIG_IGN) return before;
  action.sa_handler = note;
  // The second one finds the default action again, and ends a process that hangs.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(signal, &action, nullptr);
  return before;
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  return set;
}

}  // namespace

SignalThread::SignalThread() {
  const sigset_t taken = ending_signals();
  pthread_sigmask(SIG_BLOCK, &taken, &before_);
  thread_ = std::thread([taken, end = ended_.get_future()] {
    pthread_sigmask(SIG_UNBLOCK, &taken, nullptr);
    end.wait();
  });
}

SignalThread::~SignalThread() {
  ended_.set_value();
  thread_.join();
  pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

SignalWatch::SignalWatch() {
  caught_signal = 0;
  before_interrupt_ = watch(SIGINT);
  before_terminate_ = watch(SIGTERM);
}

SignalWatch::~SignalWatch() {
  sigaction(SIGINT, &before_interrupt_, nullptr);
  sigaction(SIGTERM, &before_terminate_, nullptr);
}

int SignalWatch::caught() const {
  return caught_signal;
}

}  // namespace expandft
