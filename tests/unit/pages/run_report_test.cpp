#include "pages/run_report.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "pages/markup_check.h"
#include "report/metrics_log.h"

using namespace expandft;
using namespace expandft::testing;

namespace {

Json train_event(int step, const Json& loss) {
  return {{"step", step},          {"event", "train"}, {"loss", loss},
          {"learning_rate", 1e-3}, {"grad_norm", 0.5}, {"tokens_per_second", 20000}};
}

Json task(const std::string& name, double change) {
  return {{"task", name},
          {"base", {{"perplexity", 5.0}}},
          {"tuned", {{"perplexity", 5 * (1 + change)}}},
          {"difference", change},
          {"standard_error", nullptr},
          {"relative_change", change}};
}

RunReport report_of(std::vector<Json> events) {
  return {.name = "runs/<first>",
          .opening = "a & b",
          .outcome = {{"Steps", "<8>"}},
          .comparison = Json::object(),
          .events = std::move(events),
          .plan = {{"Layers", "3, 4"}},
          .data = {{"Training data", "/x/\"y\"<script>.txt"}},
          .config = {{"model", "<img src=x onerror=alert(1)>"}},
          .footer = "expandft"};
}

std::string page_of_samples(const Json& samples) {
  RunReport report = report_of({});
  report.samples = samples;
  return run_report_html(report);
}

}  // namespace

TEST_CASE("a report escapes all names from users", "[report]") {
  RunReport report = report_of({train_event(1, 2.0), train_event(2, 1.5)});
  report.comparison = {
      {"max_drop", "<1%>"}, {"original_tasks", {task("<b>", 0.1)}}, {"tasks", Json::array()}};
  const std::string html = run_report_html(report);
  CHECK(markup_fault(html) == "");
  for (const char* const part : {"<script", "<img", "<b>", "<first>", "<8>", "<1%>", "http:"}) {
    CAPTURE(part);
    CHECK(count_of(html, part) == (std::string(part) == "http:" ? count_of(html, "xmlns=") : 0));
  }
  CHECK(count_of(html, "&lt;img src=x onerror=alert(1)&gt;") == 1);
}

TEST_CASE("a report holds the charts that events have numbers for", "[report]") {
  CHECK(count_of(run_report_html(report_of({train_event(1, 2.0)})), "role=\"img\"") == 4);
  Json retained = train_event(1, 2.0);
  retained["retention"] = 0.01;
  CHECK(count_of(run_report_html(report_of({retained})), "role=\"img\"") == 5);
  for (const std::vector<Json>& events : {std::vector<Json>{},
                                          {Json(3), Json::array(), Json::object()},
                                          {{{"event", "train"}}},
                                          {{{"event", "train"}, {"step", "one"}, {"loss", 1}}},
                                          {{{"event", "train"}, {"step", 1}, {"loss", nullptr}}}}) {
    const std::string html = run_report_html(report_of(events));
    CHECK(markup_fault(html) == "");
    CHECK(count_of(html, "role=\"img\"") == 0);
    CHECK(count_of(html, "no numbers to draw") == 1);
  }
}

TEST_CASE("a report shows tasks over steps, strengths and samples", "[report]") {
  const auto tasks = [](double share) {
    return Json{{{"task", "<old>"}, {"original", true}, {"loss", 1 + share}},
                {{"task", "new"}, {"original", false}, {"loss", 4 - share}}};
  };
  RunReport report = report_of({{{"step", 4}, {"event", "early_stop"}, {"validations", 3}}});
  for (int step = 0; step <= 4; step += 2) {
    report.events.push_back(
        {{"step", step}, {"event", "evaluation"}, {"tasks", tasks(step / 4.0)}});
  }
  report.strengths = {{{"strength", 0}, {"tasks", tasks(0)}},
                      {{"strength", 1}, {"tasks", tasks(1)}}};
  report.strength = 1;
  report.samples = {{{"prompt", "<script>"}, {"base", "x"}, {"tuned", "y"}}};
  report.events.push_back(train_event(4, 2.0));
  const std::string html = run_report_html(report);
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, "role=\"img\"") == 3 + 2 + 4);
  CHECK(count_of(html, "<script") + count_of(html, "<old>") == 0);
  for (const char* const heading : {">Tasks over the steps</h2>", ">Strength</h2>",
                                    ">Training</h2>", ">Samples before and after</h2>",
                                    "stopped early, at step 4, after 3 validations in a row"}) {
    CAPTURE(heading);
    CHECK(count_of(html, heading) == 1);
  }
  // Ids are unique: labels refer to them.
  for (std::size_t at = html.find(" id=\""); at != std::string::npos;
       at = html.find(" id=\"", at + 1)) {
    const std::string id = html.substr(at, html.find('"', at + 5) + 1 - at);
    CAPTURE(id);
    CHECK(count_of(html, id) == 1);
  }
}

TEST_CASE("the table of tasks has verdicts in words", "[report]") {
  RunReport report = report_of({});
  report.comparison = {
      {"max_drop", "1%"}, {"original_tasks", {task("old", 0.02)}}, {"tasks", {task("new", -0.3)}}};
  report.comparison["original_tasks"][0]["verdict"] = "over budget";
  report.comparison["original_tasks"].push_back("damaged");
  const std::string html = run_report_html(report);
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, "✗ over budget") == 1);
  CHECK(count_of(html, ">+2.00%<") == 1);
  CHECK(count_of(html, ">-30.00%<") == 1);
  CHECK(count_of(html, ">5.100<") == 1);
  CHECK(count_of(html, "Budget for drops of original tasks: 1%.") == 1);
  for (const Json& none : {Json(), Json::object(), Json{{"tasks", Json::array()}}, Json(3)}) {
    report.comparison = none;
    CHECK(count_of(run_report_html(report), "<table") == 0);
  }
}

TEST_CASE("samples keep their white space and are escaped", "[report]") {
  const std::string html = page_of_samples(
      {{{"prompt", "<b>ask</b>"}, {"base", "\n  two\n\n spaces "}, {"tuned", "a & \"b\" \x01"}}});
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, ">\n&lt;b&gt;ask&lt;/b&gt;</pre>") == 1);
  // The first line end is the page's: HTML drops it.
  CHECK(count_of(html, ">\n\n  two\n\n spaces </pre>") == 1);
  CHECK(count_of(html, "a &amp; &quot;b&quot; \uFFFD</pre>") == 1);
  CHECK(html.find(">Base<") < html.find(">Tuned<"));
}

TEST_CASE("an empty continuation is reported", "[report]") {
  const std::string html = page_of_samples({{{"prompt", "2+2="}, {"base", ""}, {"tuned", "4"}}});
  CHECK(markup_fault(html) == "");
  CHECK(count_of(html, ">(nothing)<") == 1);
  CHECK(count_of(html, "stops at once") == 1);
  CHECK(count_of(html, "<pre") == 3);  // the prompt, the tuned text, the resolved config
}

TEST_CASE("without samples there is no section", "[report]") {
  for (const Json& none :
       {Json(), Json(1), Json::object(), Json::array(), Json::array({1, nullptr}),
        Json::array({{{"prompt", "a"}, {"base", "b"}}}),
        Json::array({{{"prompt", "a"}, {"base", "b"}, {"tuned", 3}}})}) {
    CAPTURE(none.dump());
    CHECK(count_of(page_of_samples(none), "id=\"samples\"") == 0);
  }
}

TEST_CASE("metrics are read back without torn and damaged lines", "[report]") {
  const TempDirectory folder;
  const fs::path file = folder / "metrics.jsonl";
  CHECK(read_metrics(file).empty());
  write_file_atomically(file,
                        "{\"step\":1,\"event\":\"train\",\"loss\":2}\n\n{\"step\":2,\n[1]\n"
                        "{\"step\":3,\"event\":4}\n{\"step\":4,\"event\":\"end\"}\n"
                        "{\"step\":5,\"event\":\"train\"}");
  const std::vector<Json> events = read_metrics(file);
  REQUIRE(events.size() == 2);
  CHECK(events[0].at("loss") == 2);
  CHECK(events[1].at("step") == 4);
}
