#include "runtime/signals.h"

#include "base/error.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <fcntl.h>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace expandft {
namespace {

// A handler can reach nothing but globals. 0: no signal came yet.
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

/// From now on records a signal, unless it is ignored. Returns its earlier action.
struct sigaction watch(int signal) {
  const struct sigaction before = action_of(signal);
  if (before.sa_handler == SIG_IGN) return before;
  struct sigaction action = {};
  action.sa_handler = note;
  // A second one has the default action again and ends a process that hangs.
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

/// Ends the process by the signal, even if that is blocked or watched.
void end_by(int signal) {
  std::signal(signal, SIG_DFL);
  const sigset_t taken = ending_signals();
  pthread_sigmask(SIG_UNBLOCK, &taken, nullptr);
  std::raise(signal);
}

// The functions up to on_bus_error run in a signal handler. They allocate no memory, take no lock,
// and call only functions that POSIX allows there (signal-safety(7)).

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

/// Removes a hexadecimal number and the character after it from the text.
std::uintptr_t take_number(std::string_view& text) {
  std::uintptr_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, 16);
  text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(rest - text.data()) + 1));
  return error == std::errc() ? number : 0;
}

/// The file of a line of /proc/self/maps ("begin-end access offset device inode   path") if the
/// address is in its range; else "".
std::string_view file_in(std::string_view line, std::uintptr_t address) {
  const std::uintptr_t begin = take_number(line), end = take_number(line);
  if (address < begin || address >= end) return {};
  const std::size_t path = line.find('/');
  return path == std::string_view::npos ? std::string_view() : line.substr(path);
}

/// Writes the name of the file that is mapped at the address.
void say_file_at(std::uintptr_t address) {
  const int maps = ::open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  char line[8192];
  std::size_t size = 0;
  for (char letter; maps >= 0 && ::read(maps, &letter, 1) == 1;) {
    if (letter != '\n') {
      if (size < sizeof line) line[size++] = letter;
      continue;
    }
    if (const std::string_view file = file_in({line, size}, address); !file.empty()) {
      say("\n  where: ");
      return say(file);
    }
    size = 0;
  }
}

void on_bus_error(int, siginfo_t* info, void*) {
  static std::atomic_flag is_told;  // several threads may fail at once
  while (is_told.test_and_set()) ::pause();
  say("error: a file that is being read became shorter, or its disk failed");
  say_file_at(reinterpret_cast<std::uintptr_t>(info->si_addr));
  say("\n  hint:  put the whole file back, and run the command again\n");
  ::_exit(static_cast<int>(ExitCode::kFailed));
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
  // On a busy machine the thread that takes the signal may not have run yet.
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
    // A handler must not wake a thread, so this one polls, and once more at the end.
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

void report_lost_pages() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace expandft
