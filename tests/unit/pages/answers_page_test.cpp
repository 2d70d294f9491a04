#include "pages/answers_page.h"

#include "catch.h"
#include "pages/markup_check.h"
#include "tasks/answer_results.h"

#include <cmath>

using namespace expandft;
using namespace expandft::testing;

namespace {

std::string page_of(const TaskResult& base, const TaskResult& tuned) {
  const ComparisonReport report = compare_tasks({base}, {tuned}, 1, {});
  const std::string page = answers_page(report, {base}, {tuned}, {"org/base", "runs/tuned"});
  CHECK(markup_fault(page) == "");
  return page;
}

}  // namespace

TEST_CASE("the page shows lost, then gained answers with both models' likelihoods", "[tasks]") {
  const TaskResult base = choice_result({{-2, -1}, {-1.5, -2.25}, {-5, -6}});
  const std::string page = page_of(base, choice_result({{-1, -2}, {-3.5, -2}, {-5, -6}}));
  CHECK(count_of(page, "<article") == 2);
  CHECK(page.find("Lost: right before, wrong now (1)") <
        page.find("Gained: wrong before, right now (1)"));
  CHECK(page.find(">Line 2 of the data: prompt<") < page.find(">Line 1 of the data: prompt<"));
  CHECK(count_of(page, "Of 3 answers: 1 lost, 1 gained.") == 1);
  CHECK(count_of(page, ">1 lost, 1 gained<") == 1);  // beside the link
  CHECK(count_of(page, "data-label=\"Lost\">1</td>") == 1);
  CHECK(count_of(page, "✓ right") == 2);
  const std::size_t lost = page.find(">Line 2 of the data");
  for (const char* const cell : {">-1.500</td>", ">-3.500</td>", ">-2.250</td>", ">+0.250</td>"}) {
    CAPTURE(cell);
    CHECK(page.find(cell) > lost);
    CHECK(count_of(page, cell) == 1);
  }
  CHECK(count_of(page, "org/base") == 1);
  CHECK(count_of(page, "runs/tuned") == 1);
  for (const char* const part : {"<script", "src=", "url(", "@import", "http"}) {
    CHECK(count_of(page, part) == 0);
  }
}

TEST_CASE("texts of the data cannot break the page", "[tasks]") {
  const std::string hostile = "</pre><script>x</script>\x01\xFF&\"\u202E\uFFFF";
  TaskResult base = choice_result({{-1, -2}}, hostile);
  base.task.name = hostile;
  TaskResult tuned = choice_result({{-2, -1}}, hostile);
  tuned.task.name = hostile;
  CHECK(count_of(page_of(base, tuned), "<script") == 0);
  const std::string page =
      page_of(written_result({hostile}, {hostile}), written_result({"x" + hostile}, {hostile}));
  CHECK(count_of(page, "<script") == 0);
  CHECK(count_of(page, "\uFFFD\uFFFD&amp;&quot;\u202E\uFFFD</pre>") == 2);
  CHECK(count_of(page, "<bdi class=\"text\">&lt;/pre&gt;") == 1);  // directions stay within
}

TEST_CASE("long texts are cut between characters", "[tasks]") {
  std::string prompt = "begin";
  for (int i = 0; i < 1000; ++i) prompt += "é";
  const std::string page = page_of(choice_result({{-1, -2}}, prompt + "xend"),
                                   choice_result({{-2, -1}}, prompt + "xend"));
  CHECK(count_of(page, "begin") == 0);
  CHECK(count_of(page, "xend</pre>") == 1);
  CHECK(count_of(page, ">\n…é") == 1);
  CHECK(count_of(page, "prompt, its end") == 2);  // label and heading
  CHECK(count_of(page, "\uFFFD") == 0);
}

TEST_CASE("at most 200 examples of a task are shown, and all are counted", "[tasks]") {
  const std::vector<std::pair<double, double>> right(150, {-1, -2}), wrong(150, {-2, -1});
  std::vector<std::pair<double, double>> before = right, after = wrong;
  before.insert(before.end(), wrong.begin(), wrong.end());
  after.insert(after.end(), right.begin(), right.end());
  const std::string page = page_of(choice_result(before), choice_result(after));
  CHECK(count_of(page, "<article") == 200);
  CHECK(count_of(page, "Of 300 answers: 150 lost, 150 gained. The first 200 are shown.") == 1);
  CHECK(count_of(page, "wrong now (150)<") == 1);
  CHECK(count_of(page, "right now (50 of 150)<") == 1);
}

TEST_CASE("each choice with its own context shows it", "[tasks]") {
  const auto with_contexts = [](TaskResult result) {
    std::vector<TaskExample> examples = *result.examples;
    examples[0].texts = {{"Ann", " ran."}, {"Bob", " ran."}};
    result.examples = std::make_shared<const std::vector<TaskExample>>(examples);
    return result;
  };
  const std::string page =
      page_of(with_contexts(choice_result({{-1, -2}})), with_contexts(choice_result({{-2, -1}})));
  CHECK(count_of(page, "<bdi class=\"text\">Ann ran.</bdi>") == 1);
  CHECK(count_of(page, "<bdi class=\"text\">Bob ran.</bdi>") == 1);
  CHECK(count_of(page, "<pre") == 0);
}

TEST_CASE("generated texts are next to the references", "[tasks]") {
  const std::string page = page_of(written_result({"le chien", ""}, {"le chat", "un chat"}),
                                   written_result({"le chat", ""}, {"le chat", "un chat"}));
  CHECK(count_of(page, "<article") == 1);
  CHECK(count_of(page, "Of 2 answers: 1 changed.") == 1);
  CHECK(count_of(page, ">References<") == 1);
  CHECK(count_of(page, ">un chat</bdi>") == 1);
  CHECK(page.find(">\nle chien</pre>") < page.find(">\nle chat</pre>"));
}

TEST_CASE("written choices are named, and so is none", "[tasks]") {
  TaskResult base = choice_result({{-1, -2}}), tuned = choice_result({{-2, -1}});
  for (TaskResult* const result : {&base, &tuned}) {
    result->task.written = true;
    result->outputs[0].likelihoods.clear();
  }
  base.outputs[0].text = "four";
  tuned.outputs[0].text = "many";
  tuned.predictions[0] = -1;
  const std::string page = page_of(base, tuned);
  CHECK(count_of(page, ">Base: right<") == 1);
  CHECK(count_of(page, ">Tuned: wrong, none of the choices<") == 1);
  CHECK(count_of(page, ">\nmany</pre>") == 1);
  CHECK(count_of(page, "Base, nats") == 0);
}

TEST_CASE("a continuation shows its likelihoods and who would write it", "[tasks]") {
  const auto continuation = [](double log_prob, bool greedy) {
    return invented_result({.name = "last-word", .type = TaskType::kContinuation},
                           {{.line = 7, .texts = {{"Once upon a", " time"}}}},
                           {{.likelihoods = {{log_prob, 1, greedy}}}}, {greedy ? 1 : 0});
  };
  const std::string page = page_of(continuation(-0.5, true), continuation(-2.5, false));
  CHECK(count_of(page, ">Line 7 of the data: prompt<") == 1);
  CHECK(count_of(page, "<bdi class=\"text\">time</bdi>") == 1);
  CHECK(count_of(page, ">-2.000</td>") == 1);
  CHECK(count_of(page, "\"Written greedily by\"><span class=\"verdict\">base</span></td>") == 1);
}

TEST_CASE("the 20 texts whose loss rose most are shown", "[tasks]") {
  std::vector<double> before(30, 1.0), after(30, 1.5);
  after[7] = 4;
  after[8] = 0.5;
  const std::string page = page_of(block_result(before), block_result(after));
  CHECK(count_of(page, "The loss rose in 29 of 30 blocks. The 20 in which it rose most:") == 1);
  CHECK(count_of(page, "\">Block ") == 20);
  CHECK(page.find(">Block 8<") < page.find(">Block 1<"));
  CHECK(count_of(page, ">Block 9<") == 0);
  CHECK(count_of(page, ">+3.0000</td>") == 1);
  CHECK(count_of(page_of(block_result(before), block_result(before)), "rose in 0 of 30") == 2);
  CHECK(count_of(page_of(block_result({1, 2}), block_result({NAN, 2})), ">nan</td>") > 0);
}
