#include "report/progress.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "config/config_files.h"
#include "report/display_width.h"
#include "report/stderr_capture.h"

#include <cmath>

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

TEST_CASE("lines bear strange values", "[report]") {
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

TEST_CASE("UTF-8 is told by the locale's variables in their order", "[report]") {
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

TEST_CASE("the line is silent where nobody can see it", "[report]") {
  SECTION("no terminal") {
    const ScopedVariable term("TERM", "xterm");
    const StderrCapture pipe(StderrCapture::Kind::kPipe);
    ProgressLine progress(false);
    progress.training(state_at(1));
    progress.clear();
    CHECK(pipe.take().empty());
  }
  SECTION("quiet") {
    const ScopedVariable term("TERM", "xterm");
    const StderrCapture terminal(StderrCapture::Kind::kTerminal);
    ProgressLine progress(true);
    progress.training(state_at(1));
    CHECK(terminal.take().empty());
  }
  SECTION("a terminal without escapes") {
    const ScopedVariable term("TERM", "dumb");
    const StderrCapture terminal(StderrCapture::Kind::kTerminal);
    ProgressLine progress(false);
    progress.training(state_at(1));
    CHECK(terminal.take().empty());
  }
}
