#include "pages/run_report.h"

#include "base/wording.h"
#include "pages/html_page.h"
#include "pages/run_charts.h"
#include "pages/task_charts.h"
#include "pages/task_table.h"
#include "report/human.h"
#include "report/json_values.h"

#include <cmath>
#include <optional>
#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

std::string tasks_html(const Json& comparison) {
  const std::string table = task_table_html(comparison, TaskColumns::kShort, "tasks");
  if (table.empty()) return "";
  return "<section aria-labelledby=\"tasks\">\n<h2 id=\"tasks\">What it kept and what it "
         "learned</h2>\n" +
         table + "</section>\n";
}

/// A heading, a sentence (HTML, may be empty) and charts; empty without charts.
std::string charts_section(std::string_view id, std::string_view title, std::string_view intro,
                           const std::vector<Chart>& charts) {
  if (charts.empty()) return "";
  std::string figures;
  for (const Chart& chart : charts) figures += chart_html(chart);
  return fmt::format(
      "<section class=\"charts\" aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n{2}"
      "<div class=\"figures\">\n{3}</div>\n</section>\n",
      id, title, intro, figures);
}

/// "Training stopped early …", if metrics.jsonl says that it did.
std::string early_stop_html(const std::vector<Json>& events) {
  std::string out;
  for (const Json& event : events) {
    if (!event.is_object() || text_at(event, "event") != "early_stop") continue;
    const std::optional<double> step = number_at(event, "step"),
                                validations = number_at(event, "validations");
    out = fmt::format(
        "<p class=\"quiet\">Training stopped early, at step {}, after {} in a row without a lower "
        "loss.</p>\n",
        step ? fixed(*step, 0) : "-",
        validations ? counted(std::llround(*validations), "validation") : "several validations");
  }
  return out;
}

bool is_sample(const Json& sample) {
  if (!sample.is_object()) return false;
  for (const char* const key : {"prompt", "base", "tuned"}) {
    const auto found = sample.find(key);
    if (found == sample.end() || !found->is_string()) return false;
  }
  return true;
}

/// What base and tuned model write after the same prompts, side by side.
std::string samples_html(const Json& samples) {
  std::string out;
  bool has_empty = false;
  for (const Json& sample : samples.is_array() ? samples : Json::array()) {
    if (!is_sample(sample)) continue;
    const std::string base = text_at(sample, "base"), tuned = text_at(sample, "tuned");
    out += "<article class=\"sample\">\n" +
           text_box_html("prompt", "Prompt", text_at(sample, "prompt")) + "<div class=\"pair\">\n" +
           text_box_html("base", "Base", base) + text_box_html("tuned", "Tuned", tuned) +
           "</div>\n</article>\n";
    has_empty = has_empty || base.empty() || tuned.empty();
  }
  if (out.empty()) return "";
  const std::string note =
      has_empty ? " (nothing): the most likely first token ends the text, so the model stops at "
                  "once. Chat models often do this after a prompt without their chat template."
                : "";
  return "<section aria-labelledby=\"samples\">\n<h2 id=\"samples\">Samples before and after</h2>\n"
         "<p class=\"quiet\">How the base and the tuned model continue the same prompts, with "
         "greedy decoding." +
         note + "</p>\n" + out + "</section>\n";
}

std::string facts_section(std::string_view id, std::string_view title, const Facts& facts) {
  if (facts.empty()) return "";
  return fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n{2}</section>\n",
                     id, title, facts_html(facts, "facts"));
}

std::string warnings_section(const std::vector<std::string>& warnings) {
  if (warnings.empty()) return "";
  std::string items;
  for (const std::string& warning : warnings) items += "<li>" + html_escaped(warning) + "</li>\n";
  return "<section aria-labelledby=\"warnings\">\n<h2 id=\"warnings\">Warnings</h2>\n<ul>\n" +
         items + "</ul>\n</section>\n";
}

}  // namespace

std::string run_report_html(const RunReport& report) {
  std::string body = fmt::format(
      "<header>\n<h1>{}</h1>\n<p class=\"quiet\">{}</p>\n</header>\n"
      "<section aria-label=\"Outcome\">\n{}</section>\n",
      html_escaped(report.name), html_escaped(report.opening),
      facts_html(report.outcome, "numbers"));
  body += warnings_section(report.warnings);
  body += tasks_html(report.comparison);
  const std::string charts =
      charts_section("tasks-over-steps", "Tasks over the steps",
                     "<p class=\"quiet\">Below the line of the base a task got better, above it "
                     "worse. Original tasks have solid lines, new tasks dashed ones.</p>\n",
                     task_charts(report.events)) +
      charts_section("strength", "Strength",
                     "<p class=\"quiet\">The same training merged at other strengths: 0 is the "
                     "base, 1 is everything that was learned.</p>\n",
                     strength_charts(report.strengths, report.strength)) +
      charts_section("training", "Training", early_stop_html(report.events),
                     run_charts(report.events));
  body += !charts.empty() ? charts
                          : "<section>\n<h2>Training</h2>\n<p class=\"quiet\">metrics.jsonl has no "
                            "numbers to draw.</p>\n</section>\n";
  body += samples_html(report.samples);
  body += "<div class=\"pair\">\n" + facts_section("plan", "Expansion", report.plan) +
          facts_section("data", "Data", report.data) + "</div>\n";
  body += "<section>\n<details><summary>Resolved config</summary>\n<pre tabindex=\"0\">" +
          html_escaped(pretty_json(report.config)) + "</pre>\n</details>\n</section>\n";
  body += "<footer>" + html_escaped(report.footer) + "</footer>\n";
  return html_page(report.name + ": expandft training report", body);
}

}  // namespace expandft
