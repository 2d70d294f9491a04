#include "runtime/lost_pages.h"

#include "base/error.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstdint>
#include <fcntl.h>
#include <signal.h>
#include <string_view>
#include <unistd.h>

namespace expandft {
namespace {

// All that follows runs in a handler: no memory is allocated, no lock is taken, and what is called
// is on POSIX's list of functions that may be (signal-safety(7)).

void say(std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(STDERR_FILENO, text.data(), text.size());
    if (count <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
}

/// Takes a hexadecimal number and what stands behind it off the text.
std::uintptr_t take_number(std::string_view& text) {
  std::uintptr_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, 16);
  text.remove_prefix(std::min(text.size(), static_cast<std::size_t>(rest - text.data()) + 1));
  return error == std::errc() ? number : 0;
}

/// The file in a line of /proc/self/maps ("begin-end access offset device inode   path") if the
/// address lies there; else nothing.
std::string_view file_in(std::string_view line, std::uintptr_t address) {
  const std::uintptr_t begin = take_number(line), end = take_number(line);
  if (address < begin || address >= end) return {};
  const std::size_t path = line.find('/');
  return path == std::string_view::npos ? std::string_view() : line.substr(path);
}

/// Says which file is mapped at the address.
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
  static std::atomic_flag is_told;  // several threads may read the file
  while (is_told.test_and_set()) ::pause();
  say("error: a file that is being read became shorter, or its disk failed");
  say_file_at(reinterpret_cast<std::uintptr_t>(info->si_addr));
  say("\n  hint:  put the whole file back, and run the command again\n");
  ::_exit(static_cast<int>(ExitCode::kFailed));
}

}  // namespace

void report_lost_pages() {
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace expandft
