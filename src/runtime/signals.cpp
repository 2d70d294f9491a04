#include "runtime/signals.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <utility>

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

SignalWatch::SignalWatch() {
  caught_signal = 0;
  std::transform(kEndingSignals.begin(), kEndingSignals.end(), before_.begin(), watch);
}

SignalWatch::~SignalWatch() {
  for (std::size_t i = 0; i < before_.size(); ++i) {
    sigaction(kEndingSignals[i], &before_[i], nullptr);
  }
}

int SignalWatch::caught() const {
  if (const int signal = caught_signal) return signal;
  // On a busy machine the thread that takes it may not have run since.
  sigset_t pending;
  sigpending(&pending);
  for (std::size_t i = 0; i < kEndingSignals.size(); ++i) {
    const bool is_ignored = before_[i].sa_handler == SIG_IGN;
    if (!is_ignored && sigismember(&pending, kEndingSignals[i]) == 1) return kEndingSignals[i];
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
