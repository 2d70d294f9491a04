#include "report/log.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "config/config_files.h"
#include "report/metrics_log.h"
#include "report/stderr_capture.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

/// What the library's warning about a torn log looks like on stderr.
std::string warning(StderrCapture::Kind kind, const std::string& level, bool quiet,
                    const char* name = "m.jsonl") {
  const TempDirectory folder;
  write_text(folder / name, "torn");
  const StderrCapture capture(kind);
  configure_logging(level, quiet);
  MetricsLog log(folder / name, 0);
  return capture.take();
}

}  // namespace

TEST_CASE("log lines are short, and plain without a terminal", "[report]") {
  const std::string text = warning(StderrCapture::Kind::kPipe, "info", false);
  CHECK(text.substr(0, 9) == "warning: ");
  CHECK(has(text, "1 damaged line dropped\n"));
  CHECK_FALSE(has(text, "\033"));
}

TEST_CASE("on a terminal a log line clears the progress line first", "[report]") {
  const ScopedVariable term("TERM", "xterm");
  {
    const ScopedVariable color("NO_COLOR", nullptr);
    const std::string text = warning(StderrCapture::Kind::kTerminal, "info", false);
    CHECK(text.substr(0, 4) == "\r\033[K");
    CHECK(has(text, "\033[33m"));
  }
  const ScopedVariable color("NO_COLOR", "1");
  const std::string text = warning(StderrCapture::Kind::kTerminal, "info", false);
  CHECK(text.substr(0, 13) == "\r\033[Kwarning: ");
}

TEST_CASE("a log line shows control characters, and a terminal does not obey them", "[report]") {
  const std::string text =
      warning(StderrCapture::Kind::kPipe, "info", false, "m\033[2J\xc2\x9b.jsonl");
  CHECK(has(text, "m\\u001b[2J\\u009b.jsonl"));
  CHECK_FALSE(has(text, "\033"));
}

TEST_CASE("level and quiet select messages", "[report]") {
  CHECK(warning(StderrCapture::Kind::kPipe, "error", false).empty());
  CHECK(warning(StderrCapture::Kind::kPipe, "off", true).empty());
  CHECK_FALSE(warning(StderrCapture::Kind::kPipe, "trace", true).empty());
  const Error error = error_of([] { configure_logging("wran", false); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.message(), "trace, debug, info, warn, error, off"));
  CHECK(has(error.hint(), "\"warn\""));
}
