#include "report/metrics_log.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "config/config_files.h"
#include "report/log.h"
#include "report/stderr_capture.h"

#include <csignal>
#include <limits>
#include <sys/resource.h>

using namespace expandft;
using namespace expandft::testing;

TEST_CASE("an event is a line of JSON", "[report]") {
  const TempDirectory folder;
  const fs::path file = folder / "metrics.jsonl";
  {
    MetricsLog log(file, -1);
    log.write(1, "train", {{"loss", 3.5}, {"tokens", 10}});
    CHECK(read_file(file) == "{\"step\":1,\"event\":\"train\",\"loss\":3.5,\"tokens\":10}\n");
    log.write(2, "train",
              {{"loss", std::numeric_limits<double>::infinity()}, {"text", "a\nb\xFF"}});
  }
  const std::string text = read_file(file);
  CHECK(has(text, "\"loss\":null,\"text\":\"a\\nb\uFFFD\"}\n"));
  CHECK(std::count(text.begin(), text.end(), '\n') == 2);
}

TEST_CASE("a new run does not write into an old log", "[report]") {
  const TempDirectory folder;
  write_text(folder / "m.jsonl", "");
  const Error error = error_of([&] { MetricsLog(folder / "m.jsonl", -1); });
  CHECK(error.code() == ExitCode::kBadInput);
  CHECK(has(error.hint(), "--resume"));
  const Error missing = error_of([&] { MetricsLog(folder / "none" / "m.jsonl", -1); });
  CHECK(missing.code() == ExitCode::kFailed);
  CHECK(has(missing.where(), "m.jsonl"));
}

TEST_CASE("resuming drops later events and a torn line, and appends", "[report]") {
  const TempDirectory folder;
  const fs::path file = folder / "m.jsonl";
  const std::string kept = "{\"step\":1,\"event\":\"train\"}\n{\"step\":2,\"event\":\"train\"}\n";
  const auto resumed = [&](const std::string& before) {
    write_text(file, before);
    MetricsLog log(file, 2);
    return read_file(file);
  };
  const StderrCapture silence(StderrCapture::Kind::kPipe);
  configure_logging("info", false);
  CHECK(resumed(kept + "{\"step\":3,\"event\":\"train\"}\n") == kept);
  CHECK(resumed(kept) == kept);
  CHECK(silence.take().empty());
  CHECK(resumed(kept + "{\"step\":2,\"event\":\"val") == kept);
  CHECK(has(silence.take(), "m.jsonl: 1 damaged line dropped\n"));
  CHECK(resumed(kept.substr(0, kept.size() - 1)) == kept);  // only the line end was lost
  CHECK(resumed(kept + std::string(5, '\0') + "\n[1]\n{\"event\":\"x\"}\n{\"step\":\"1\"}\n") ==
        kept);
  CHECK(resumed("").empty());
  {
    MetricsLog log(file, 2);
    log.write(3, "train", Json::object());
  }
  CHECK(read_file(file) == "{\"step\":3,\"event\":\"train\"}\n");
  fs::remove(file);
  MetricsLog log(file, 5);  // nothing to resume from is no error
  CHECK(fs::exists(file));
}

TEST_CASE("an event's values may not hide its step", "[report]") {
  const TempDirectory folder;
  MetricsLog log(folder / "m.jsonl", -1);
  for (const Json& values :
       {Json::parse(R"({"step": 1})"), Json::parse(R"({"event": 1})"), Json::parse("[]"), Json()}) {
    CHECK(error_of([&] { log.write(1, "train", values); }).code() == ExitCode::kFailed);
  }
  CHECK(read_file(folder / "m.jsonl").empty());
}

TEST_CASE("a line that does not fit on the disk is removed", "[report]") {
  const TempDirectory folder;
  const fs::path file = folder / "m.jsonl";
  MetricsLog log(file, -1);
  log.write(1, "train", Json::object());
  const std::string before = read_file(file);
  // A limit on file sizes ends a write half-way, as a full disk does.
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{before.size() + 10, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  std::string message;
  ExitCode code = ExitCode::kDone;
  try {
    log.write(2, "train", {{"loss", 1.0}});
  } catch (const Error& error) {
    message = error.what();
    code = error.code();
  }
  ::setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  CHECK(code == ExitCode::kFailed);
  CHECK(has(message, file.string()));
  CHECK(read_file(file) == before);
}
