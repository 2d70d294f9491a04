#pragma once

#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <stdlib.h>
#include <string>
#include <sys/ioctl.h>
#include <unistd.h>

namespace expandft::testing {

/// Puts a pseudo terminal (or a pipe) in the place of stderr, and reads what is written to it.
class StderrCapture {
 public:
  enum class Kind { kTerminal, kPipe };
  explicit StderrCapture(Kind kind, unsigned short columns = 80) : saved_(::dup(STDERR_FILENO)) {
    int inner = -1;
    if (kind == Kind::kTerminal) {
      outer_ = ::posix_openpt(O_RDWR | O_NOCTTY);
      if (outer_ < 0 || ::grantpt(outer_) != 0 || ::unlockpt(outer_) != 0) {
        throw std::runtime_error("no pseudo terminal");
      }
      inner = ::open(::ptsname(outer_), O_RDWR | O_NOCTTY);
    } else {
      int ends[2] = {-1, -1};
      if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
      outer_ = ends[0];
      inner = ends[1];
    }
    ::dup2(inner, STDERR_FILENO);
    ::close(inner);
    if (kind == Kind::kTerminal) resize(columns);
  }
  ~StderrCapture() {
    ::dup2(saved_, STDERR_FILENO);
    ::close(saved_);
    ::close(outer_);
  }
  StderrCapture(const StderrCapture&) = delete;
  StderrCapture& operator=(const StderrCapture&) = delete;

  void resize(unsigned short columns) const {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = columns;
    if (::ioctl(STDERR_FILENO, TIOCSWINSZ, &size) != 0) throw std::runtime_error("no resize");
  }

  /// What has been written since the last call.
  std::string take() const {
    std::string text;
    pollfd ready{outer_, POLLIN, 0};
    while (::poll(&ready, 1, 20) == 1 && (ready.revents & POLLIN) != 0) {
      char buffer[4096];
      const ssize_t count = ::read(outer_, buffer, sizeof buffer);
      if (count <= 0) break;
      text.append(buffer, static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  int saved_, outer_ = -1;
};

}  // namespace expandft::testing
