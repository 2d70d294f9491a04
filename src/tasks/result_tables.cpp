#include "tasks/result_tables.h"

#include "config/drop_budget.h"
#include "report/human.h"
#include "report/table.h"

#include <cmath>

namespace expandft {
namespace {

int decimals(MetricKind kind) {
  switch (kind) {
    case MetricKind::kPerplexity:
      return 3;
    case MetricKind::kBleu:
    case MetricKind::kChrf:
      return 2;
    case MetricKind::kMean:
    case MetricKind::kBits:
      break;
  }
  return 4;
}

/// In percent for perplexities, else in the metric's unit.
std::string change_text(const MetricComparison& metric) {
  if (metric.kind != MetricKind::kPerplexity) {
    return signed_fixed(metric.difference, decimals(metric.kind));
  }
  return signed_fixed(100 * metric.relative_change.value_or(0), 2) + "%";
}

std::string error_text(const MetricComparison& metric) {
  if (!metric.standard_error) return "-";
  if (metric.kind != MetricKind::kPerplexity) {
    return fixed(*metric.standard_error, decimals(metric.kind));
  }
  // Of exp(difference) - 1, by the delta method.
  return fixed(100 * *metric.standard_error * (1 + metric.relative_change.value_or(0)), 2) + "%";
}

/// "over budget (0.02 accuracy)", or only the verdict.
std::string verdict_cell(const Comparison& c) {
  if (!c.budget) return verdict_text(c.verdict);
  return verdict_text(c.verdict) + " (" + budget_text(*c.budget, c.unit) + ")";
}

enum class Rows { kAll, kJudged };

void add_rows(Table& table, const std::vector<Comparison>& comparisons, bool are_originals,
              Rows rows) {
  for (const Comparison& c : comparisons) {
    for (const MetricComparison& metric : c.metrics) {
      const bool judged = &metric == &c.judged();
      if (!judged && rows == Rows::kJudged) break;
      table.row({judged ? c.task : "", judged ? (are_originals ? "original" : "new") : "",
                 metric.name, metric_text(metric.kind, metric.base),
                 metric_text(metric.kind, metric.tuned), change_text(metric), error_text(metric),
                 judged && are_originals ? verdict_cell(c) : ""});
    }
  }
}

Table make_table(const ComparisonReport& report, Rows rows) {
  using enum Table::Align;
  Table table({"task", "kind", "metric", "base", "tuned", "change", "std. error", "verdict"},
              {kLeft, kLeft, kLeft, kRight, kRight, kRight, kRight, kLeft});
  add_rows(table, report.originals, true, rows);
  add_rows(table, report.news, false, rows);
  return table;
}

}  // namespace

std::string metric_text(MetricKind kind, double value) {
  return fixed(value, decimals(kind));
}

std::string comparison_table(const ComparisonReport& report) {
  return make_table(report, Rows::kAll).text();
}

std::string comparison_markdown(const ComparisonReport& report) {
  return make_table(report, Rows::kJudged).markdown();
}

std::string drop_text(double share) {
  const std::string percent = fixed(100 * std::abs(share), 2) + "%";
  if (percent == "0.00%") return "drop 0.00%";
  return share < 0 ? "improved by " + percent : "drop +" + percent;
}

std::string forgetting_text(const ComparisonReport& report) {
  if (!report.forgetting) return {};
  const Forgetting& f = *report.forgetting;
  const auto part = [](double share) { return signed_fixed(100 * share, 2) + "%"; };
  const bool are_several = report.originals.size() > 1;
  std::string text = are_several ? "forgetting: mean " : "forgetting: ";
  text += drop_text(f.mean_drop);
  if (are_several && f.worst_drop < 0) {
    text += ", least by " + part(-f.worst_drop).substr(1) + " (" + f.worst_task + ")";
  } else if (are_several) {
    text += ", worst " + part(f.worst_drop) + " (" + f.worst_task + ")";
  }
  if (f.flipped) text += ", answers flipped " + fixed(100 * *f.flipped, 2) + "%";
  if (f.divergence) text += ", KL(base ‖ tuned) " + fixed(*f.divergence, 4) + " nats per token";
  return text + "\n";
}

std::string result_table(const std::vector<TaskResult>& results) {
  using enum Table::Align;
  Table table({"task", "metric", "value", "std. error", "examples"},
              {kLeft, kLeft, kRight, kRight, kRight});
  for (const TaskResult& result : results) {
    for (const MetricResult& metric : result.metrics) {
      const bool judged = &metric == &result.judged();
      const auto error = metric.standard_error();
      table.row({judged ? result.task.name : "", metric.name,
                 metric_text(metric.kind, metric.value()),
                 error ? metric_text(metric.kind, *error) : "-",
                 judged ? std::to_string(result.outputs.size()) : ""});
    }
  }
  return table.text();
}

std::string result_text(const TaskResult& result) {
  const MetricResult& judged = result.judged();
  return judged.name + " " + metric_text(judged.kind, judged.value());
}

}  // namespace expandft
