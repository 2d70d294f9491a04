#include "cli/output.h"

#include "base/error.h"
#include "base/files.h"
#include "base/wording.h"
#include "data/text_file.h"
#include "report/json_values.h"

#include <cerrno>
#include <cstdio>
#include <unistd.h>

namespace expandft {
namespace {

void check_written(bool written) {
  if (!written) throw failure("results cannot be written: " + system_message(errno), "stdout");
}

void write_to_stdout(std::string_view text) {
  check_written(std::fwrite(text.data(), 1, text.size(), stdout) == text.size());
}

std::string read_standard_input() {
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t n = std::fread(buffer, 1, sizeof buffer, stdin)) text.append(buffer, n);
  if (std::ferror(stdin) != 0) throw input_error(system_message(errno), "stdin");
  return text;
}

}  // namespace

void print(std::string_view text) {
  write_to_stdout(printable(text));
}

void print_generated(std::string_view text) {
  if (::isatty(STDOUT_FILENO) == 1) return print(text);
  write_to_stdout(text);
}

void print_json(const Json& json) {
  write_to_stdout(pretty_json(json));
}

void print_json_line(const Json& json) {
  write_to_stdout(json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
}

void flush_output() {
  check_written(std::fflush(stdout) == 0);
}

std::string read_text(const std::string& file_or_dash) {
  if (file_or_dash == "-") return checked_text(read_standard_input(), "stdin");
  return checked_text(read_file(file_or_dash), file_or_dash);
}

}  // namespace expandft
