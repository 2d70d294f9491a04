#include "report/progress.h"

#include "base/wording.h"
#include "report/terminal.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr std::int64_t kRedrawMs = 100;
constexpr std::size_t kWidestBar = 28, kNarrowestBar = 6;

std::int64_t now_ms() {
  using std::chrono::steady_clock;
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             steady_clock::now().time_since_epoch())
      .count();
}

/// `width` columns, including the frame.
std::string bar(double share, std::size_t width, bool utf8) {
  static constexpr std::string_view kEighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const std::size_t inner = width - 2;
  share = std::isfinite(share) ? std::clamp(share, 0.0, 1.0) : 0.0;
  const auto eighths = static_cast<std::size_t>(share * static_cast<double>(inner * 8));
  const std::size_t full = eighths / 8, part = utf8 ? eighths % 8 : 0;
  std::string out = utf8 ? "▕" : "[";
  for (std::size_t i = 0; i < full; ++i) out += utf8 ? "█" : "#";
  out += kEighths[part];
  out.append(inner - full - (part > 0 ? 1 : 0), ' ');
  return out + (utf8 ? "▏" : "]");
}

/// "12/120", as wide from the first step to the last.
std::string of_total(std::int64_t done, std::int64_t total) {
  if (total <= 0) return std::to_string(done);
  const std::string all = std::to_string(total);
  std::string text = std::to_string(done);
  if (text.size() < all.size()) text.insert(0, all.size() - text.size(), ' ');
  return text + "/" + all;
}

double share_of(std::int64_t done, std::int64_t total) {
  return total > 0 ? static_cast<double>(done) / static_cast<double>(total) : 0.0;
}

/// Head, bar and parts. Without the last parts, and then the bar, if they do not fit.
std::string fitted(const std::string& head, double share, bool with_bar,
                   const std::vector<std::string>& parts, std::size_t columns, bool utf8) {
  const std::size_t narrowest = with_bar ? kNarrowestBar + 1 : 0;
  std::size_t width = display_width(head), count = 0;
  while (count < parts.size() && width + 2 + display_width(parts[count]) + narrowest <= columns) {
    width += 2 + display_width(parts[count++]);
  }
  std::string line = head;
  if (with_bar && width + narrowest <= columns) {
    line.append(" ").append(bar(share, std::min(kWidestBar, columns - width - 1), utf8));
  }
  for (std::size_t i = 0; i < count; ++i) line.append("  ").append(parts[i]);
  return cut_to_width(line, columns, utf8);
}

/// Two digits in scientific notation: "9.8e-04" has the same width at any size.
std::string short_scientific(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1e", number);
  return text;
}

}  // namespace

std::string training_line(const ProgressState& state, std::size_t columns, bool utf8) {
  const std::vector<std::string> parts = {"loss " + fixed(state.loss, 3),
                                          human_duration(state.seconds_left) + " left",
                                          human_count(state.tokens_per_second) + " tok/s",
                                          "lr " + short_scientific(state.learning_rate)};
  return fitted("step " + of_total(state.step, state.total_steps),
                share_of(state.step, state.total_steps), state.total_steps > 0, parts, columns,
                utf8);
}

std::string counting_line(const std::string& what, std::int64_t done, std::int64_t total,
                          std::optional<double> seconds_left, std::size_t columns, bool utf8) {
  std::vector<std::string> parts;
  if (seconds_left) parts.push_back(human_duration(*seconds_left) + " left");
  return fitted(what + " " + of_total(done, total), share_of(done, total), total > 0, parts,
                columns, utf8);
}

std::string step_text(const ProgressState& state) {
  std::string text = "step " + of_total(state.step, state.total_steps) + "  loss " +
                     fixed(state.loss, 3) + "  rate " + short_scientific(state.learning_rate);
  if (state.tokens_per_second > 0) {
    text += "  " + human_count(state.tokens_per_second) + " tokens/s";
  }
  if (state.step < state.total_steps) {
    text += "  " + human_duration(state.seconds_left) + " left";
  }
  return text;
}

bool StepPace::is_due(std::int64_t step, std::int64_t total_steps, double seconds) {
  constexpr double kShortest = 10, kLongest = 300;
  const std::int64_t tenths = total_steps > 0 ? 10 * step / total_steps : 0;
  const double pause = std::clamp(seconds / 20, kShortest, kLongest);
  if (tenths == tenths_ && seconds - last_ < pause && step != total_steps) return false;
  tenths_ = tenths;
  last_ = seconds;
  return true;
}

ProgressLine::ProgressLine(bool quiet)
    : mode_(quiet                    ? Mode::kSilent
            : stderr_takes_escapes() ? Mode::kTerminal
                                     : Mode::kLog) {}

ProgressLine::~ProgressLine() {
  clear();
}

void ProgressLine::training(const ProgressState& state) {
  if (mode_ == Mode::kLog) {
    const std::int64_t now = now_ms();
    if (!started_ms_) started_ms_ = now;
    const double seconds = static_cast<double>(now - *started_ms_) / 1000;
    if (pace_.is_due(state.step, state.total_steps, seconds)) spdlog::info(step_text(state));
  }
  if (mode_ != Mode::kTerminal) return;
  draw(training_line(state, terminal_columns() - 1, locale_is_utf8()),
       state.step == state.total_steps);
}

void ProgressLine::counting(const std::string& what, std::int64_t done, std::int64_t total,
                            std::optional<double> seconds_left) {
  if (mode_ == Mode::kLog) {
    constexpr std::int64_t kPauseMs = 30'000;
    const std::int64_t now = now_ms();
    if (std::exchange(counted_, what) != what) last_count_ms_ = now;
    if (now - last_count_ms_ >= kPauseMs && done < total) {
      last_count_ms_ = now;
      const std::string left = seconds_left ? "  " + human_duration(*seconds_left) + " left" : "";
      spdlog::info("{} {}{}", what, of_total(done, total), left);
    }
  }
  if (mode_ != Mode::kTerminal) return;
  draw(counting_line(what, done, total, seconds_left, terminal_columns() - 1, locale_is_utf8()),
       done == total);
}

void ProgressLine::draw(const std::string& line, bool last) {
  const std::int64_t now = now_ms();
  if (!last && now - last_draw_ms_ < kRedrawMs) return;
  last_draw_ms_ = now;
  drawn_ = true;
  // Overwrite the old line in one piece and erase only the rest, which avoids flicker.
  write_to_stderr(std::string("\r").append(printable(line)).append("\033[K"));
}

void ProgressLine::clear() {
  if (!drawn_) return;
  drawn_ = false;
  last_draw_ms_ = -1000;
  write_to_stderr("\r\033[K");
}

}  // namespace expandft
