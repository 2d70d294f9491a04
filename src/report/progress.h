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

/// A single line at the foot of a terminal, redrawn in place at most ten times a second. Silent
/// when stderr is no terminal or when `quiet`. Lines of the log must not tear it: clear() first.
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
  void draw(const std::string& line, bool last);
  bool enabled_;
  std::int64_t last_draw_ms_ = -1000;
  bool drawn_ = false;
};

/// What training() and counting() draw: at most `columns` wide; the least important part goes
/// first. `utf8` false: ASCII only.
std::string training_line(const ProgressState& state, std::size_t columns, bool utf8);
std::string counting_line(const std::string& what, std::int64_t done, std::int64_t total,
                          std::optional<double> seconds_left, std::size_t columns, bool utf8);
/// Whether the locale's variables (LC_ALL, LC_CTYPE, LANG, in this order) name UTF-8.
bool locale_is_utf8();

}  // namespace expandft
