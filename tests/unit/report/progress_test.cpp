#include "report/progress.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "config/config_files.h"
#include "report/log.h"
#include "report/stderr_capture.h"
#include "report/terminal.h"

#include <cmath>
#include <cstdlib>
#include <vector>

using namespace expandft;
using namespace expandft::testing;

namespace {

ProgressState state_at(std::int64_t step) {
  return {step, 120, 3.2149, 9.8e-4, 1234.5, 42.3};
}

}  // namespace

TEST_CASE("the training line shows step, bar, loss, time left, speed, learning rate", "[report]") {
  CHECK(
      training_line(state_at(12), 100, true) ==
      "step  12/120 ▕██▌                       ▏  loss 3.215  42 s left  1.2 K tok/s  lr 9.8e-04");
  CHECK(
      training_line(state_at(60), 100, false) ==
      "step  60/120 [#############             ]  loss 3.215  42 s left  1.2 K tok/s  lr 9.8e-04");
  CHECK(has(training_line(state_at(120), 100, true), "▕██████████████████████████▏"));
  CHECK(has(training_line(state_at(0), 100, true), "▕                          ▏"));
}

TEST_CASE("lines fit any width, and lose the least important part first", "[report]") {
  for (const bool utf8 : {true, false}) {
    for (std::size_t columns = 0; columns < 120; ++columns) {
      INFO(columns);
      CHECK(display_width(training_line(state_at(77), columns, utf8)) <= columns);
      CHECK(display_width(counting_line("evaluating", 3, 20, 4.2, columns, utf8)) <= columns);
    }
  }
  CHECK(training_line(state_at(7), 58, false) ==
        "step   7/120 [       ]  loss 3.215  42 s left  1.2 K tok/s");
  CHECK(training_line(state_at(7), 32, false) == "step   7/120 [     ]  loss 3.215");
  CHECK(training_line(state_at(7), 12, false) == "step   7/120");
  CHECK(training_line(state_at(7), 8, false) == "step   ~");
}

TEST_CASE("lines accept NaN, zero and negative values", "[report]") {
  ProgressState state;
  state.loss = std::nan("");
  state.seconds_left = -1;
  state.tokens_per_second = HUGE_VAL;
  CHECK(training_line(state, 80, false) == "step 0  loss nan  ? left  ? tok/s  lr 0.0e+00");
  state.step = 9;
  state.total_steps = 3;
  CHECK(has(training_line(state, 80, false), "step 9/3 [##"));
}

TEST_CASE("the counting line", "[report]") {
  CHECK(counting_line("evaluating tinystories", 3, 20, {}, 80, false) ==
        "evaluating tinystories  3/20 [###                       ]");
  CHECK(counting_line("reading", 3, 0, {}, 80, false) == "reading 3");
}

TEST_CASE("the locale's variables, in order, say whether it is UTF-8", "[report]") {
  const ScopedVariable all("LC_ALL", nullptr), type("LC_CTYPE", nullptr), lang("LANG", nullptr);
  CHECK_FALSE(locale_is_utf8());
  const ScopedVariable lang2("LANG", "en_US.UTF-8");
  CHECK(locale_is_utf8());
  const ScopedVariable type2("LC_CTYPE", "C");
  CHECK_FALSE(locale_is_utf8());
  const ScopedVariable all2("LC_ALL", "C.utf8");
  CHECK(locale_is_utf8());
}

TEST_CASE("on a terminal, a line is drawn over in place, seldom, and cleared", "[report]") {
  const ScopedVariable term("TERM", "xterm"), locale("LC_ALL", "C.UTF-8");
  const StderrCapture terminal(StderrCapture::Kind::kTerminal, 70);
  {
    ProgressLine progress(false);
    progress.training(state_at(1));
    const std::string first = terminal.take();
    CHECK(first.front() == '\r');
    CHECK(first.substr(first.size() - 3) == "\033[K");
    CHECK(has(first, "step   1/120 ▕"));
    CHECK_FALSE(has(first, "\n"));
    CHECK(display_width(first.substr(1, first.size() - 4)) <= 69);
    progress.training(state_at(2));
    CHECK(terminal.take().empty());  // less than a tenth of a second later
    progress.training(state_at(120));
    CHECK(has(terminal.take(), "step 120/120"));  // the last one is always drawn
    progress.clear();
    CHECK(terminal.take() == "\r\033[K");
    progress.clear();
    CHECK(terminal.take().empty());
    terminal.resize(30);
    progress.counting("evaluating tinystories and shakespeare", 1, 3);
    const std::string narrow = terminal.take();
    CHECK(display_width(narrow.substr(1, narrow.size() - 4)) == 29);
  }
  CHECK(terminal.take() == "\r\033[K");  // the destructor leaves a clean line
}

TEST_CASE("the log has the first step, each tenth, the last, and one after a pause", "[report]") {
  const auto told = [](std::int64_t steps, double seconds_a_step) {
    StepPace pace;
    std::vector<std::int64_t> due;
    for (std::int64_t step = 1; step <= steps; ++step) {
      const double seconds = static_cast<double>(step - 1) * seconds_a_step;
      if (pace.is_due(step, steps, seconds)) due.push_back(step);
    }
    return due;
  };
  using Steps = std::vector<std::int64_t>;
  CHECK(told(8, 0.01) == Steps{1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(told(1, 0.01) == Steps{1});
  CHECK(told(100, 0.01) == Steps{1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100});
  const Steps slow = told(100, 5);  // each tenth, and each 10 s until some minutes have passed
  CHECK(Steps(slow.begin(), slow.begin() + 4) == Steps{1, 3, 5, 7});
  CHECK(slow.size() < 60);
  const Steps day = told(100'000, 1);
  CHECK(day.size() > 100);
  CHECK(day.size() < 600);
  CHECK(day.back() == 100'000);
  // A resumed run starts with a line.
  StepPace pace;
  CHECK(pace.is_due(57, 1000, 0));
  CHECK_FALSE(pace.is_due(58, 1000, 0.1));
}

TEST_CASE("a step's log line", "[report]") {
  CHECK(step_text(state_at(12)) ==
        "step  12/120  loss 3.215  rate 9.8e-04  1.2 K tokens/s  42 s left");
  ProgressState last = state_at(120);
  last.tokens_per_second = 0;
  CHECK(step_text(last) == "step 120/120  loss 3.215  rate 9.8e-04");
}

TEST_CASE("without a terminal, steps are log lines", "[report]") {
  const ScopedVariable term("TERM", GENERATE("xterm", "dumb"));
  const bool is_dumb = std::string(std::getenv("TERM")) == "dumb";
  const StderrCapture capture(is_dumb ? StderrCapture::Kind::kTerminal
                                      : StderrCapture::Kind::kPipe);
  configure_logging("info", false);
  {
    ProgressLine progress(false);
    progress.training(state_at(1));
    CHECK(has(capture.take(), "info: step   1/120  loss 3.215  rate 9.8e-04  "));
    progress.training(state_at(2));
    progress.counting("evaluating tinystories", 1, 20);
    progress.clear();
    CHECK(capture.take().empty());
  }
  {
    ProgressLine progress(true);
    progress.training(state_at(1));
    CHECK(capture.take().empty());
  }
  configure_logging("info", true);
  ProgressLine progress(false);
  progress.training(state_at(1));
  CHECK(capture.take().empty());
}

TEST_CASE("a quiet line is silent on a terminal", "[report]") {
  const ScopedVariable term("TERM", "xterm");
  const StderrCapture terminal(StderrCapture::Kind::kTerminal);
  ProgressLine progress(true);
  progress.training(state_at(1));
  CHECK(terminal.take().empty());
}
