#include "report/terminal.h"

#include "base/utf8.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <sys/ioctl.h>
#include <unistd.h>

#include <utf8proc.h>

namespace expandft {
namespace {

/// What a terminal shows as one character: a base with its marks, or an emoji sequence.
struct Cluster {
  std::size_t bytes = 0, width = 0;
};

/// The cluster at the start of non-empty text.
Cluster first_cluster(std::string_view text) {
  Cluster cluster;
  utf8proc_int32_t before = 0, state = 0;
  while (cluster.bytes < text.size()) {
    const Utf8Character next = decode_character(text.substr(cluster.bytes));
    const bool first = cluster.bytes == 0;
    if (!next.is_well_formed) return first ? Cluster{1, 1} : cluster;
    const auto code = static_cast<utf8proc_int32_t>(next.code);
    if (!first && utf8proc_grapheme_break_stateful(before, code, &state)) break;
    cluster.bytes += next.length;
    cluster.width += static_cast<std::size_t>(utf8proc_charwidth(code));
    before = code;
  }
  // A flag is two letters, a family several emoji. Each takes two columns.
  cluster.width = std::min<std::size_t>(cluster.width, 2);
  return cluster;
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  while (!text.empty()) {
    const Cluster next = first_cluster(text);
    width += next.width;
    text.remove_prefix(next.bytes);
  }
  return width;
}

std::string cut_to_width(std::string_view text, std::size_t columns, bool utf8) {
  if (display_width(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::size_t width = 0, bytes = 0;
  while (bytes < text.size()) {
    const Cluster next = first_cluster(text.substr(bytes));
    if (width + next.width > columns - 1) break;
    width += next.width;
    bytes += next.bytes;
  }
  return std::string(text.substr(0, bytes)).append(utf8 ? "…" : "~");
}

bool locale_is_utf8() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string lower;
    for (const char* c = value; *c != '\0'; ++c) {
      lower += static_cast<char>(std::tolower(static_cast<unsigned char>(*c)));
    }
    return lower.find("utf-8") != lower.npos || lower.find("utf8") != lower.npos;
  }
  return false;
}

std::size_t terminal_columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

bool stderr_takes_escapes() {
  const char* const terminal = std::getenv("TERM");
  return ::isatty(STDERR_FILENO) == 1 && terminal != nullptr && *terminal != '\0' &&
         std::string_view(terminal) != "dumb";
}

void write_to_stderr(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace expandft
