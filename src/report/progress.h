#pragma once

#include "report/human.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace expandft {

/// What the progress line shows about training.
struct ProgressState {
  std::int64_t step = 0, total_steps = 0;
  double loss = 0;  // nats per token, smoothed
  double learning_rate = 0;
  double tokens_per_second = 0;
  double seconds_left = 0;
};

/// Chooses the steps to log if there is no terminal: the first, every tenth of the total, the last,
/// and one after a pause that grows with the run from 10 s to 5 min. Eight steps give eight lines,
/// a day of training a few hundred.
class StepPace {
 public:
  /// Call it for each step, with the seconds since the first call.
  bool is_due(std::int64_t step, std::int64_t total_steps, double seconds);

 private:
  std::int64_t tenths_ = -1;  // of the total, at the last step logged
  double last_ = 0;           // seconds, at the last step logged
};

/// The progress of a command, on stderr. On a terminal: a line that is redrawn in place at most ten
/// times a second; call clear() before writing anything else. Otherwise: log lines, for training by
/// StepPace, for other work every half minute. Silent if `quiet`.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void training(const ProgressState& state);  // "step 12/120 ▕███  ▏ loss 3.21 …"
  /// "evaluating tinystories 3/20", and the time left if it is known.
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
  std::int64_t last_count_ms_ = 0;          // when that started or was last logged
};

/// A step in the log: "step  12/120  loss 3.214  rate 9.8e-04  9.3 K tokens/s  1 min 20 s left".
std::string step_text(const ProgressState& state);

/// What training() and counting() draw: at most `columns` wide, without the least important parts
/// if necessary; ASCII only without `utf8`.
std::string training_line(const ProgressState& state, std::size_t columns, bool utf8);
std::string counting_line(const std::string& what, std::int64_t done, std::int64_t total,
                          std::optional<double> seconds_left, std::size_t columns, bool utf8);

}  // namespace expandft
