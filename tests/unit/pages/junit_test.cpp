#include "pages/junit.h"

#include "catch.h"
#include "pages/markup_check.h"

#include <cmath>

using namespace expandft;
using namespace expandft::testing;

namespace {

Comparison compared(const std::string& task, double base, double tuned,
                    const std::optional<DropBudget>& budget, Verdict verdict) {
  Comparison c{
      .task = task, .type = TaskType::kChoice, .examples = 500, .tokens = 1500, .unit = "accuracy"};
  c.metrics = {{.name = "acc",
                .higher_is_better = true,
                .base = base,
                .tuned = tuned,
                .difference = tuned - base,
                .standard_error = 0.01,
                .relative_change = tuned / base - 1,
                .p_value = 0.0312}};
  c.drop = {.absolute = base - tuned, .relative = 1 - tuned / base};
  c.budget = budget;
  c.verdict = verdict;
  c.flips = Flips{.answers = 500, .changed = 30, .lost = 20, .gained = 5};
  return c;
}

const DropBudget kPercent{1, true}, kAbsolute{0.02, false};

ComparisonReport example_report() {
  ComparisonReport report;
  report.originals = {compared("kept", 0.8, 0.796, kPercent, Verdict::kWithinBudget),
                      compared("dropped", 0.8, 0.7, kPercent, Verdict::kOverBudget),
                      compared("absolute", 0.8, 0.75, kAbsolute, Verdict::kOverBudget),
                      compared("unjudged", 0.8, 0.5, {}, Verdict::kWorse)};
  report.news = {compared("learned", 0.2, 0.1, {}, Verdict::kWorse)};
  report.budgets.each = kPercent;
  report.forgetting = Forgetting{.mean_drop = 0.17, .worst_task = "unjudged", .worst_drop = 0.375};
  return report;
}

}  // namespace

TEST_CASE("tasks over their budgets are failures of a JUnit suite", "[tasks]") {
  const std::string xml = junit_xml(example_report(), {"org/base", "runs/tuned", "0.5"});
  CAPTURE(xml);
  CHECK(markup_fault(xml) == "");
  CHECK(xml.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites "));
  CHECK(count_of(xml, "<testsuites name=\"expandft eval\" tests=\"5\" failures=\"2\"") == 1);
  CHECK(count_of(xml, "<testsuite name=\"original tasks\" tests=\"4\" failures=\"2\"") == 1);
  CHECK(count_of(xml, "<testsuite name=\"new tasks\" tests=\"1\" failures=\"0\"") == 1);
  CHECK(count_of(xml, "<failure ") == 2);
  CHECK(count_of(xml, "message=\"acc 0.8000 -&gt; 0.7000: drop 12.50%, budget 1%\"") == 1);
  CHECK(count_of(xml, "message=\"acc 0.8000 -&gt; 0.7500: drop 0.0500, budget 0.02 accuracy\"") ==
        1);
  CHECK(count_of(xml, "<property name=\"base\" value=\"org/base\"/>") == 2);
  CHECK(count_of(xml, "<property name=\"tuned\" value=\"runs/tuned\"/>") == 2);
  CHECK(count_of(xml, "<property name=\"max_drop\" value=\"1%\"/>") == 1);
  CHECK(count_of(xml, "<property name=\"strength\" value=\"0.5\"/>") == 2);
  CHECK(count_of(xml, "over budget (0.02 accuracy)") == 2);  // in failure and output
  CHECK(count_of(xml, "20 lost, 5 gained") == 5 + 2);        // the failures have the numbers too
  CHECK(count_of(xml, "no budget, so this is not a failure") == 1);
}

TEST_CASE("a budget of the mean is a test of its own", "[tasks]") {
  ComparisonReport report = example_report();
  report.budgets.mean = DropBudget{20, true};
  std::string xml = junit_xml(report, {"a", "b"});
  CHECK(markup_fault(xml) == "");
  CHECK(count_of(xml, "name=\"original tasks\" tests=\"5\" failures=\"2\"") == 1);
  CHECK(count_of(xml,
                 "<testcase classname=\"expandft.original_tasks\" name=\"mean of original "
                 "tasks\">") == 1);
  CHECK(count_of(xml, "mean drop +17.00%, worst +37.50% (unjudged)") == 1);
  report.budgets.mean = DropBudget{0.5, true};
  xml = junit_xml(report, {"a", "b"});
  CHECK(count_of(xml, "name=\"original tasks\" tests=\"5\" failures=\"3\"") == 1);
  CHECK(count_of(xml, "message=\"drop 17.00%, budget 0.5%\"") == 1);
  report.forgetting->mean_drop = NAN;
  CHECK(count_of(junit_xml(report, {"a", "b"}), "<failure ") == 3);
}

TEST_CASE("names cannot break the XML", "[tasks]") {
  ComparisonReport report = example_report();
  report.originals[1].task = "<a href=\"&\">]]>\x02\xFF\uFFFE";
  const std::string xml = junit_xml(report, {"<base>", "\"tuned\""});
  CHECK(markup_fault(xml) == "");
  CHECK(count_of(xml, "name=\"&lt;a href=&quot;&amp;&quot;&gt;]]&gt;\uFFFD\uFFFD\uFFFD\"") == 1);
  CHECK(count_of(xml, "value=\"&lt;base&gt;\"") == 2);
}

TEST_CASE("without tasks there are no suites", "[tasks]") {
  const std::string xml = junit_xml({}, {"a", "b"});
  CHECK(markup_fault(xml) == "");
  CHECK(count_of(xml, "<testsuite ") == 0);
  ComparisonReport news;
  news.news = example_report().news;
  CHECK(count_of(junit_xml(news, {"a", "b"}), "<testsuite ") == 1);
}
