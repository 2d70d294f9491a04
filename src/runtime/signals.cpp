#include "runtime/signals.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <utility>

namespace expandft {
namespace {

// A handler can reach nothing but a global: this is the one there is. 0: none came yet.
constexpr int kUnwatched = -1;
std::atomic<int> caught_signal = kUnwatched;
static_assert(std::atomic<int>::is_always_lock_free, "a handler may take no lock");

void note(int signal) {
  caught_signal = signal;
}

struct sigaction action_of(int signal) {
  struct sigaction action = {};
  sigaction(signal, nullptr, &action);
  return action;
}

/// Notes a signal from now on, unless it is ignored. Returns the action of before.
struct sigaction watch(int signal) {
  const struct sigaction before = action_of(signal);
  if (before.sa_handler == SIG_IGN) return before;
  struct sigaction action = {};
  action.sa_handler = note;
  // The second one finds the default action again, and ends a process that hangs.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  sigaction(signal, &action, nullptr);
  return before;
}

sigset_t ending_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : kEndingSignals) sigaddset(&set, signal);
  return set;
}

/// Ends the process by the signal, whatever is blocked and watched.
void end_by(int signal) {
  std::signal(signal, SIG_DFL);
  const sigset_t taken = ending_signals();
  pthread_sigmask(SIG_UNBLOCK, &taken, nullptr);
  std::raise(signal);
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

SignalWatch::SignalWatch() : is_outermost_(caught_signal == kUnwatched) {
  if (!is_outermost_) return;
  caught_signal = 0;
  std::transform(kEndingSignals.begin(), kEndingSignals.end(), before_.begin(), watch);
}

SignalWatch::~SignalWatch() {
  if (!is_outermost_) return;
  for (std::size_t i = 0; i < before_.size(); ++i) {
    sigaction(kEndingSignals[i], &before_[i], nullptr);
  }
  caught_signal = kUnwatched;
}

int SignalWatch::caught() const {
  if (const int signal = caught_signal; signal > 0) return signal;
  // On a busy machine the thread that takes it may not have run since.
  sigset_t pending;
  sigpending(&pending);
  for (const int signal : kEndingSignals) {
    const bool is_ignored = action_of(signal).sa_handler == SIG_IGN;
    if (!is_ignored && sigismember(&pending, signal) == 1) return signal;
  }
  return 0;
}

SignalCleanup::SignalCleanup(const SignalWatch& watch, std::function<void()> clean_up) {
  thread_ = std::thread([&watch, clean_up = std::move(clean_up), end = ended_.get_future()] {
    // A handler may not wake a thread, so this one looks, and once more when all is done.
    constexpr std::chrono::milliseconds kInterval(20);
    bool is_last = false;
    while (!is_last) {
      is_last = end.wait_for(kInterval) == std::future_status::ready;
      if (watch.caught() == 0) continue;
      clean_up();
      end_by(watch.caught());
    }
  });
}

SignalCleanup::~SignalCleanup() {
  finish();
}

void SignalCleanup::finish() {
  if (!thread_.joinable()) return;
  ended_.set_value();
  thread_.join();
}

}  // namespace expandft
