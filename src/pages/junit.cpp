#include "pages/junit.h"

#include "base/wording.h"
#include "config/drop_budget.h"
#include "pages/html.h"
#include "report/human.h"
#include "tasks/result_tables.h"

#include <algorithm>
#include <utility>
#include <vector>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// A test of a suite: text, not XML.
struct Case {
  std::string name;
  std::string failure;  // in a line; empty if the test passes
  std::string output;
};

std::string case_xml(const Case& test, std::string_view suite) {
  std::string out = fmt::format("    <testcase classname=\"expandft.{}\" name=\"{}\">\n", suite,
                                html_escaped(test.name));
  const std::string output = html_escaped(test.output);
  if (!test.failure.empty()) {
    out += fmt::format("      <failure type=\"over budget\" message=\"{}\">{}</failure>\n",
                       html_escaped(test.failure), output);
  }
  return out + "      <system-out>" + output + "</system-out>\n    </testcase>\n";
}

std::int64_t failures_of(const std::vector<Case>& cases) {
  return std::ranges::count_if(cases, [](const Case& test) { return !test.failure.empty(); });
}

using Properties = std::vector<std::pair<std::string, std::string>>;

/// `id` is part of the tests' class names.
std::string suite_xml(std::string_view name, std::string_view id, const Properties& properties,
                      const std::vector<Case>& cases) {
  if (cases.empty()) return "";
  std::string out = fmt::format(
      "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"0\">\n"
      "    <properties>\n",
      name, cases.size(), failures_of(cases));
  for (const auto& [key, value] : properties) {
    out += fmt::format("      <property name=\"{}\" value=\"{}\"/>\n", key, html_escaped(value));
  }
  out += "    </properties>\n";
  for (const Case& test : cases) out += case_xml(test, id);
  return out + "  </testsuite>\n";
}

/// "acc 0.7910 -> 0.7520: drop 4.93%, budget 1%"
std::string failure_of(const Comparison& c) {
  if (c.verdict != Verdict::kOverBudget || !c.budget) return "";
  const MetricComparison& judged = c.judged();
  const std::string drop = c.budget->relative ? fixed(100 * c.drop.relative, 2) + "%"
                                              : metric_text(judged.kind, c.drop.absolute);
  return judged.name + " " + metric_text(judged.kind, judged.base) + " -> " +
         metric_text(judged.kind, judged.tuned) + ": drop " + drop + ", budget " +
         budget_text(*c.budget, c.unit);
}

std::string counts_text(const Comparison& c) {
  std::string out = counted(c.examples, "example") + ", " + counted(c.tokens, "token") + ", " +
                    std::to_string(c.truncated) + " truncated\n";
  if (c.flips) {
    out += fmt::format("answers: {} changed, {} lost, {} gained\n", c.flips->changed, c.flips->lost,
                       c.flips->gained);
  }
  if (c.judged().p_value) out += "p-value: " + fixed(*c.judged().p_value, 4) + "\n";
  if (c.divergence) out += "KL(base ‖ tuned): " + fixed(*c.divergence, 4) + " nats per token\n";
  return out;
}

Case case_of(const Comparison& c, bool original) {
  ComparisonReport alone;
  (original ? alone.originals : alone.news).push_back(c);
  Case test{c.task, original ? failure_of(c) : "", comparison_table(alone) + counts_text(c)};
  if (original && c.verdict == Verdict::kWorse) {
    test.output +=
        "worse by more than two standard errors; the task has no budget, so this is not a "
        "failure\n";
  }
  return test;
}

/// Of the mean over all original tasks, which has a budget.
Case mean_case(const ComparisonReport& report) {
  Case test{"mean of original tasks", "", forgetting_text(report)};
  ComparisonReport alone{.budgets = report.budgets, .forgetting = report.forgetting};
  if (!alone.within_budget()) {
    test.failure = "drop " + fixed(100 * report.forgetting->mean_drop, 2) + "%, budget " +
                   budget_text(*report.budgets.mean);
  }
  return test;
}

}  // namespace

std::string junit_xml(const ComparisonReport& report, const ComparedModels& compared) {
  std::vector<Case> originals, news;
  for (const Comparison& c : report.originals) originals.push_back(case_of(c, true));
  for (const Comparison& c : report.news) news.push_back(case_of(c, false));
  if (report.budgets.mean && report.forgetting) originals.push_back(mean_case(report));

  Properties models = {{"base", compared.base}, {"tuned", compared.tuned}};
  if (!compared.strength.empty()) models.emplace_back("strength", compared.strength);
  Properties with_budgets = models;
  if (report.budgets.any()) with_budgets.emplace_back("max_drop", report.budgets_text());
  return fmt::format(
             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
             "<testsuites name=\"expandft eval\" tests=\"{}\" failures=\"{}\" errors=\"0\">\n",
             originals.size() + news.size(), failures_of(originals)) +
         suite_xml("original tasks", "original_tasks", with_budgets, originals) +
         suite_xml("new tasks", "new_tasks", models, news) + "</testsuites>\n";
}

}  // namespace expandft
