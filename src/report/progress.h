#pragma once

#include "report/human.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace expandft {

/// What the progress line shows of a training run.
struct ProgressState {
  std::int64_t step = 0, total_steps = 0;
  double loss = 0;  // nats a token, smoothed
  double learning_rate = 0;
  double tokens_per_second = 0;
  double seconds_left = 0;
};

/// Which steps of a run the log tells of, where no terminal shows them: the first, each tenth of
/// all, the last, and after a while that grows with the run, from 10 s to 5 min. So eight steps
/// have eight lines, and a day of training has some hundred.
class StepPace {
 public:
  /// Asked of each step in turn, with the seconds since the first was asked of.
  bool is_due(std::int64_t step, std::int64_t total_steps, double seconds);

 private:
  std::int64_t tenths_ = -1;  // done when it was last due
  double last_ = 0;           // seconds then
};

/// How far a command is, on stderr. On a terminal: a single line at its foot, redrawn in place at
/// most ten times a second; lines of the log must not tear it: clear() first. Elsewhere: lines of
/// the log, of training by StepPace, of other work each half minute. Silent when `quiet`.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void training(const ProgressState& state);  // "step 12/120 ▕███  ▏ loss 3.21 …"
  /// "evaluating tinystories 3/20"; with how long the rest takes, where that is known.
  void counting(const std::string& what, std::int64_t done, std::int64_t total,
                std::optional<double> seconds_left = {});
  void clear();

 private:
  enum class Mode { kSilent, kTerminal, kLog };
  void draw(const std::string& line, bool last);
  Mode mode_;
  std::int64_t last_draw_ms_ = -1000;
  bool drawn_ = false;
  StepPace pace_;
  std::optional<std::int64_t> started_ms_;  // training, in the log
  std::string counted_;                     // what is counted, in the log
  std::int64_t last_count_ms_ = 0;          // when that began, or was last told of
};

/// A step in the log: "step  12/120  loss 3.214  rate 9.8e-04  9.3 K tokens/s  1 min 20 s left".
std::string step_text(const ProgressState& state);

/// What training() and counting() draw: at most `columns` wide; the least important part goes
/// first. `utf8` false: ASCII only.
std::string training_line(const ProgressState& state, std::size_t columns, bool utf8);
std::string counting_line(const std::string& what, std::int64_t done, std::int64_t total,
                          std::optional<double> seconds_left, std::size_t columns, bool utf8);
/// Whether the locale's variables (LC_ALL, LC_CTYPE, LANG, in this order) name UTF-8.
bool locale_is_utf8();

}  // namespace expandft
