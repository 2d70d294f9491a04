#include "runtime/signals.h"

#include <csignal>

namespace expandft {
namespace {

// A handler can reach nothing but a global: this is the one there is.
volatile std::sig_atomic_t caught_signal = 0;

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

}  // namespace

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
