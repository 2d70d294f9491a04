#include "pages/task_table.h"

#include "config/drop_budget.h"
#include "pages/html.h"
#include "report/human.h"
#include "report/json_values.h"

#include <optional>
#include <vector>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

constexpr const char* kNoValue = "-";
constexpr double kSmallestP = 0.0001;  // with four decimals

/// The judged metric of a task and how to show its numbers.
struct Judged {
  std::string name;
  bool relative = false;  // changes in percent
  int decimals = 4;
  std::optional<bool> higher_is_better;
};

/// Old runs, which had no other metric, have perplexities without a name.
Judged judged_of(const Json& task) {
  Judged judged{.name = text_at(task, "metric")};
  if (judged.name.empty()) judged.name = "perplexity";
  std::string kind = judged.name;
  const Json metrics = task.value("metrics", Json());
  for (const Json& metric : metrics.is_array() ? metrics : Json::array()) {
    if (!metric.is_object() || text_at(metric, "metric") != judged.name) continue;
    if (metric.contains("kind")) kind = text_at(metric, "kind");
    const auto higher = metric.find("higher_is_better");
    if (higher != metric.end() && higher->is_boolean())
      judged.higher_is_better = higher->get<bool>();
    break;
  }
  judged.relative = kind == "perplexity";
  if (judged.relative) judged.decimals = 3;
  if (kind == "bleu" || kind == "chrf") judged.decimals = 2;
  return judged;
}

std::string metric_html(const Judged& judged) {
  std::string out = html_escaped(judged.name);
  if (judged.higher_is_better) {
    out += *judged.higher_is_better ? "&nbsp;<span aria-label=\"higher is better\">↑</span>"
                                    : "&nbsp;<span aria-label=\"lower is better\">↓</span>";
  }
  return out;
}

std::string value_text(const Json& task, const char* model, const Judged& judged) {
  const auto values = task.find(model);
  if (values == task.end() || !values->is_object()) return kNoValue;
  const std::optional<double> value = number_at(*values, judged.name.c_str());
  return value ? fixed(*value, judged.decimals) : kNoValue;
}

std::string change_text(const Json& task, const Judged& judged) {
  const std::optional<double> change =
      number_at(task, judged.relative ? "relative_change" : "difference");
  if (!change) return kNoValue;
  if (judged.relative) return signed_fixed(100 * *change, 2) + "%";
  return signed_fixed(*change, judged.decimals);
}

std::string error_text(const Json& task, const Judged& judged) {
  const std::optional<double> error = number_at(task, "standard_error");
  if (!error) return kNoValue;
  if (!judged.relative) return fixed(*error, judged.decimals);
  // Of exp(difference) - 1, by the delta method: the error is that of the logarithm.
  const double change = number_at(task, "relative_change").value_or(0);
  return fixed(100 * *error * (1 + change), 2) + "%";
}

std::string p_text(const Json& task) {
  const std::optional<double> p = number_at(task, "p_value");
  if (!p) return kNoValue;
  return *p < kSmallestP ? "&lt;" + fixed(kSmallestP, 4) : fixed(*p, 4);
}

std::string flips_text(const Json& task, const char* key) {
  const std::optional<double> count = number_at(task.value("flips", Json()), key);
  return count ? fixed(*count, 0) : kNoValue;
}

/// A sign, the word and a colour, then the budget, if any.
std::string verdict_html(const std::string& verdict, const std::string& budget) {
  if (verdict.empty()) return "";
  const bool good = verdict == "within budget" || verdict == "better";
  const bool bad = verdict == "over budget" || verdict == "worse";
  return fmt::format("<span class=\"verdict{}\">{} {}</span>{}",
                     good  ? " good"
                     : bad ? " bad"
                           : "",
                     good  ? "✓"
                     : bad ? "✗"
                           : "=",
                     html_escaped(verdict),
                     budget.empty() ? "" : " (" + html_escaped(budget) + ")");
}

void add_task(HtmlTable& table, const Json& task, TaskColumns columns) {
  const Judged judged = judged_of(task);
  std::vector<std::string> cells = {metric_html(judged), value_text(task, "base", judged),
                                    value_text(task, "tuned", judged), change_text(task, judged),
                                    error_text(task, judged)};
  if (columns == TaskColumns::kAll) {
    cells.push_back(p_text(task));
    cells.push_back(flips_text(task, "lost"));
    cells.push_back(flips_text(task, "gained"));
  }
  cells.push_back(verdict_html(text_at(task, "verdict"), text_at(task, "budget")));
  table.row(html_escaped(text_at(task, "task")), cells);
}

/// Returns whether there are tasks.
bool add_group(HtmlTable& table, const Json& comparison, const char* key, const std::string& title,
               TaskColumns columns) {
  const Json tasks = comparison.value(key, Json());
  if (!tasks.is_array() || tasks.empty()) return false;
  table.group(title);
  for (const Json& task : tasks) {
    if (task.is_object()) add_task(table, task, columns);
  }
  return true;
}

/// In words, or the JSON itself if it is not a known form.
std::string comparison_budget(const Json& comparison) {
  const Json budget = comparison.value("max_drop", Json());
  if (budget.is_null()) return "";
  if (const auto budgets = budgets_of(budget)) return budgets_text(*budgets);
  return budget.is_string() ? budget.get<std::string>() : budget.dump();
}

}  // namespace

std::string task_table_html(const Json& comparison, TaskColumns columns, std::string_view label) {
  if (!comparison.is_object()) return "";
  std::vector<std::string> names = {"Task", "Metric", "Base", "Tuned", "Change", "Std. error"};
  if (columns == TaskColumns::kAll) names.insert(names.end(), {"p-value", "Lost", "Gained"});
  names.emplace_back("Verdict");
  HtmlTable table(names, label);
  const bool originals = add_group(table, comparison, "original_tasks",
                                   "Original tasks: what the model should keep", columns);
  const bool news =
      add_group(table, comparison, "tasks", "New tasks: what the model should learn", columns);
  if (!originals && !news) return "";
  std::string budget = comparison_budget(comparison);
  if (!budget.empty()) {
    budget = " Budget for drops of original tasks: " + html_escaped(budget) + ".";
  }
  return "<p class=\"quiet\">Changes of perplexities are in percent, those of other metrics in the "
         "metric's unit. The standard error is that of the change, over the same examples." +
         budget + "</p>\n" + table.html();
}

}  // namespace expandft
