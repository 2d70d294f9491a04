#include "runtime/signals.h"

#include <csignal>

namespace expandft {
namespace {

// A handler can reach nothing but a global: this is the one there is.
volatile std::sig_atomic_t caught_signal = 0;

void note(int signal) {
  caught_signal = signal;
}

}  // namespace

SignalWatch::SignalWatch() {
  caught_signal = 0;
  struct sigaction action = {};
  action.sa_handler = note;
  // The second one finds the default action again, and ends a process that hangs.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

SignalWatch::~SignalWatch() {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
}

int SignalWatch::caught() const {
  return caught_signal;
}

}  // namespace expandft
