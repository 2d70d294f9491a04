#include "pages/task_charts.h"

#include "report/json_values.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

constexpr std::ptrdiff_t kFewestForDetail = 3;  // points of a task
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

using Values = std::map<double, double>;  // by step or strength; of repeated ones the last

/// What was measured of a task.
struct TaskLine {
  std::string name;
  bool original = false;
  std::string metric = {};  // of the scores
  Values losses = {};       // nats per token
  Values scores = {};       // of a metric that is better when higher
};

std::ptrdiff_t count_drawable(const Values& values) {
  return std::ranges::count_if(values, [](const auto& value) { return is_drawable(value.second); });
}

/// Adds the tasks of an object, all measured at x.
void add_tasks(const Json& holder, double x, std::vector<TaskLine>& lines) {
  const auto tasks = holder.find("tasks");
  if (tasks == holder.end() || !tasks->is_array()) return;
  for (const Json& task : *tasks) {
    if (!task.is_object()) continue;
    const std::string name = text_at(task, "task");
    if (name.empty()) continue;
    const bool original = task.value("original", Json()) == Json(true);
    auto line = std::ranges::find_if(lines, [&](const TaskLine& known) {
      return known.name == name && known.original == original;
    });
    if (line == lines.end()) line = lines.insert(line, {name, original});
    line->losses[x] = number_at(task, "loss").value_or(kNaN);
    if (task.value("higher_is_better", Json()) != Json(true)) continue;
    line->metric = text_at(task, "metric");
    line->scores[x] = number_at(task, "value").value_or(kNaN);
  }
}

/// Original tasks first; tasks without a number are dropped.
void put_in_order(std::vector<TaskLine>& lines) {
  std::erase_if(lines, [](const TaskLine& line) {
    return count_drawable(line.losses) == 0 && count_drawable(line.scores) == 0;
  });
  std::ranges::stable_partition(lines, &TaskLine::original);
}

/// The losses less the one at x = 0; empty if there is none.
Values changes_of(const TaskLine& line) {
  const auto base = line.losses.find(0);
  if (base == line.losses.end() || !is_drawable(base->second)) return {};
  Values changes = line.losses;
  for (auto& [x, loss] : changes) loss -= base->second;
  changes[0] = 0;
  return changes;
}

/// A series for each task of which `values_of(line)` has at least `fewest` numbers.
template <typename ValuesOf>
std::vector<ChartSeries> series_of(const std::vector<TaskLine>& lines, std::ptrdiff_t fewest,
                                   ValuesOf values_of) {
  using enum ChartSeries::Style;
  std::vector<ChartSeries> out;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const TaskLine& line = lines[i];
    const Values values = values_of(line);
    if (count_drawable(values) < fewest) continue;
    ChartSeries& series =
        out.emplace_back(ChartSeries{.name = line.name,
                                     .style = line.original ? kSolid : kDashed,
                                     .points = {},
                                     .tone = i,
                                     .group = line.original ? "Original tasks" : "New tasks"});
    for (const auto& [x, y] : values) series.points.push_back({x, y});
  }
  return out;
}

std::vector<ChartSeries> changes(const std::vector<TaskLine>& lines) {
  return series_of(lines, 2, changes_of);
}

std::vector<ChartSeries> losses(const std::vector<TaskLine>& lines) {
  return series_of(lines, 1, [](const TaskLine& line) { return line.losses; });
}

std::vector<Chart> score_charts(const std::vector<TaskLine>& lines, const std::string& id) {
  const auto scores = [&](bool of_hundred) {
    std::vector<TaskLine> named = lines;
    for (TaskLine& line : named) {
      if (!line.metric.empty()) line.name += " (" + line.metric + ")";
    }
    return series_of(named, 2, [of_hundred](const TaskLine& line) {
      const bool is_of_hundred =
          std::ranges::any_of(line.scores, [](const auto& score) { return score.second > 1; });
      return is_of_hundred == of_hundred ? line.scores : Values{};
    });
  };
  return {{.id = id, .title = "Scores", .unit = "of 1, higher is better", .series = scores(false)},
          {.id = id + "-of-100",
           .title = "Scores of 100",
           .unit = "of 100, higher is better",
           .series = scores(true)}};
}

/// One kind of task on a scale of its own, if a task has enough points to be worth it. Forgetting
/// is small beside what was learned.
Chart detail_chart(Chart chart, bool original) {
  std::erase_if(chart.series, [original](const ChartSeries& series) {
    return (series.style == ChartSeries::Style::kSolid) != original;
  });
  std::ptrdiff_t most = 0;
  for (ChartSeries& series : chart.series) {
    series.group.clear();  // the title says it
    most = std::max(most, std::ranges::count_if(series.points, [](const ChartPoint& point) {
                      return is_drawable(point.y);
                    }));
  }
  if (most < kFewestForDetail) chart.series.clear();
  return chart;
}

/// The mean loss at x of the tasks of one kind that have losses; none if one of them has none
/// there.
std::optional<double> mean_loss(const std::vector<TaskLine>& lines, bool original, double x) {
  double sum = 0;
  int count = 0;
  for (const TaskLine& line : lines) {
    if (line.original != original || count_drawable(line.losses) == 0) continue;
    const auto loss = line.losses.find(x);
    if (loss == line.losses.end() || !is_drawable(loss->second)) return std::nullopt;
    sum += loss->second;
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / count;
}

Chart trade_off(const std::vector<TaskLine>& lines, const std::set<double>& strengths,
                std::optional<double> own) {
  ChartSeries all{.name = "strength", .points = {}},
      ring{.name = "this run", .style = ChartSeries::Style::kRing, .points = {}};
  for (const double strength : strengths) {
    const std::optional<double> kept = mean_loss(lines, true, strength),
                                learned = mean_loss(lines, false, strength);
    if (!kept || !learned) continue;
    if (own == strength) ring.points.push_back({*kept, *learned});
    all.points.push_back({*kept, *learned, fmt::format("{:.3g}", strength)});
  }
  Chart chart{.id = "trade-off",
              .title = "Skill against forgetting",
              .unit = "mean loss of new tasks (lower: learned)",
              .x_name = "mean loss of original tasks (further right: forgotten)",
              .whole_x = false};
  if (all.points.size() >= 2) chart.series = {std::move(all), std::move(ring)};
  return chart;
}

std::vector<Chart> with_series(std::vector<Chart> charts) {
  std::erase_if(charts, [](const Chart& chart) { return chart.series.empty(); });
  return charts;
}

}  // namespace

std::vector<Chart> task_charts(const std::vector<Json>& events) {
  std::vector<TaskLine> lines;
  for (const Json& event : events) {
    if (!event.is_object() || text_at(event, "event") != "evaluation") continue;
    const auto step = event.find("step");
    if (step == event.end() || !step->is_number_integer()) continue;
    add_tasks(event, static_cast<double>(step->get<std::int64_t>()), lines);
  }
  put_in_order(lines);
  const Chart change{.id = "skill-and-forgetting",
                     .title = "Skill and forgetting",
                     .unit = "change of loss since step 0, nats per token",
                     .series = changes(lines),
                     .lines = {{0, "as the base", false}}};
  Chart forgetting = change;
  forgetting.id = "forgetting";
  forgetting.title = "Forgetting: original tasks alone";
  forgetting = detail_chart(forgetting, true);
  const Chart loss{.unit = "nats per token", .series = losses(lines)};
  if (forgetting.series.empty()) {
    forgetting = detail_chart(loss, true);
    forgetting.id = "original-tasks";
    forgetting.title = "Loss of original tasks";
  }
  Chart learning = detail_chart(loss, false);
  learning.id = "new-tasks";
  learning.title = "Loss of new tasks";
  std::vector<Chart> charts = {change, std::move(forgetting), std::move(learning)};
  std::ranges::move(score_charts(lines, "scores"), std::back_inserter(charts));
  return with_series(std::move(charts));
}

std::vector<Chart> strength_charts(const Json& strengths, std::optional<double> own) {
  std::vector<TaskLine> lines;
  std::set<double> measured;
  if (!strengths.is_array()) return {};
  for (const Json& entry : strengths) {
    if (!entry.is_object()) continue;
    const std::optional<double> strength = number_at(entry, "strength");
    if (!strength || !is_drawable(*strength)) continue;
    measured.insert(*strength);
    add_tasks(entry, *strength, lines);
  }
  put_in_order(lines);
  if (measured.size() < 2) return {};
  Chart curve{.id = "strength-curve",
              .title = "Strength curve",
              .unit = "change of loss from the base, nats per token",
              .series = changes(lines),
              .lines = {{0, "as the base", false}}};
  if (curve.series.empty()) {
    curve.unit = "loss, nats per token";
    curve.series = losses(lines);
    curve.lines.clear();
  }
  std::vector<Chart> charts = {std::move(curve)};
  std::ranges::move(score_charts(lines, "strength-scores"), std::back_inserter(charts));
  for (Chart& chart : charts) {
    chart.x_name = "strength";
    chart.whole_x = false;
    chart.x_covers = {0, 1};
    if (own && is_drawable(*own)) {
      chart.lines.push_back({*own, fmt::format("this run: {:.3g}", *own), true});
    }
  }
  charts.insert(charts.begin() + 1, trade_off(lines, measured, own));
  return with_series(std::move(charts));
}

}  // namespace expandft
