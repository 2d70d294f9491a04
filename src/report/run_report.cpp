#include "report/run_report.h"

#include "report/html.h"
#include "report/human.h"
#include "report/run_charts.h"
#include "report/run_samples.h"
#include "report/strength_charts.h"
#include "report/summary.h"
#include "report/svg_chart.h"
#include "report/task_charts.h"

#include <string_view>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

std::string facts_html(const RunReport::Facts& facts, std::string_view style) {
  std::string out = fmt::format("<dl class=\"{}\">\n", style);
  for (const auto& [label, value] : facts) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", html_escaped(label),
                       html_escaped(value));
  }
  return out + "</dl>\n";
}

/// The number at a key (or at a key in an object), or "-" where there is none.
template <typename Format>
std::string number_at(const Json& json, std::string_view key, const Format& format) {
  const auto found = json.find(key);
  return found != json.end() && found->is_number() ? format(found->template get<double>()) : "-";
}

std::string perplexity_of(const Json& task, std::string_view model) {
  const auto found = task.find(model);
  if (found == task.end() || !found->is_object()) return "-";
  return number_at(*found, "perplexity", [](double value) { return fixed(value, 3); });
}

std::string text_at(const Json& json, std::string_view key) {
  const auto found = json.find(key);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

/// A sign, the word, and a colour.
std::string verdict_html(const std::string& verdict) {
  if (verdict.empty()) return "";
  const bool good = verdict == "within budget" || verdict == "better";
  const bool bad = verdict == "over budget" || verdict == "worse";
  return fmt::format("<span class=\"verdict{}\">{} {}</span>",
                     good  ? " good"
                     : bad ? " bad"
                           : "",
                     good  ? "✓"
                     : bad ? "✗"
                           : "=",
                     html_escaped(verdict));
}

std::string task_row(const Json& task) {
  std::string out = fmt::format("<tr role=\"row\"><th role=\"rowheader\" scope=\"row\">{}</th>",
                                html_escaped(text_at(task, "task")));
  const auto cell = [&](std::string_view label, const std::string& html) {
    out += fmt::format("<td role=\"cell\" data-label=\"{}\">{}</td>", label, html);
  };
  cell("Base", perplexity_of(task, "base"));
  cell("Tuned", perplexity_of(task, "tuned"));
  cell("Change", number_at(task, "relative_change",
                           [](double value) { return signed_fixed(100 * value, 2) + "%"; }));
  cell("Nats a token",
       number_at(task, "difference", [](double value) { return signed_fixed(value, 4); }));
  cell("Std. error",
       number_at(task, "standard_error", [](double value) { return fixed(value, 4); }));
  cell("Verdict", verdict_html(text_at(task, "verdict")));
  return out + "</tr>\n";
}

std::string task_rows(const Json& comparison, std::string_view key, std::string_view title) {
  const Json tasks = comparison.value(key, Json());
  if (!tasks.is_array() || tasks.empty()) return "";
  std::string out = fmt::format(
      "<tr role=\"row\"><th role=\"rowheader\" class=\"group\" scope=\"rowgroup\" colspan=\"7\">{}"
      "</th></tr>\n",
      title);
  for (const Json& task : tasks) {
    if (task.is_object()) out += task_row(task);
  }
  return out;
}

std::string tasks_html(const Json& comparison) {
  std::string rows;
  if (comparison.is_object()) {
    rows = task_rows(comparison, "original_tasks", "Original tasks: what must stay") +
           task_rows(comparison, "tasks", "New tasks: what was to be learned");
  }
  if (rows.empty()) return "";
  std::string budget;
  if (const std::string most = text_at(comparison, "max_drop"); !most.empty()) {
    budget =
        fmt::format(" Budget: on original tasks it may rise by {} at most.", html_escaped(most));
  }
  return fmt::format(
      "<section aria-labelledby=\"tasks\">\n<h2 id=\"tasks\">What it kept and what it learned</h2>"
      "\n<p class=\"quiet\">Perplexity, lower is better.{} The difference of the losses is in nats "
      "a token, with its standard error over the same blocks of text.</p>\n"
      "<table role=\"table\" aria-labelledby=\"tasks\">\n<thead role=\"rowgroup\">"
      "<tr role=\"row\"><th role=\"columnheader\" scope=\"col\">Task</th>"
      "<th role=\"columnheader\" scope=\"col\">Base</th>"
      "<th role=\"columnheader\" scope=\"col\">Tuned</th>"
      "<th role=\"columnheader\" scope=\"col\">Change</th>"
      "<th role=\"columnheader\" scope=\"col\">Nats a token</th>"
      "<th role=\"columnheader\" scope=\"col\">Std. error</th>"
      "<th role=\"columnheader\" scope=\"col\">Verdict</th></tr></thead>\n"
      "<tbody role=\"rowgroup\">\n{}</tbody>\n</table>\n</section>\n",
      budget, rows);
}

std::string figures_html(const std::vector<Chart>& charts) {
  std::string out = "<div class=\"figures\">\n";
  for (const Chart& chart : charts) {
    out += fmt::format("<figure><h3>{}</h3>\n{}</figure>\n", html_escaped(chart.title),
                       svg_chart(chart));
  }
  return out + "</div>\n";
}

/// A heading, a sentence (HTML, may be empty) and charts; nothing without charts.
std::string charts_section(std::string_view id, std::string_view title, std::string_view intro,
                           const std::vector<Chart>& charts) {
  if (charts.empty()) return "";
  return fmt::format(
      "<section class=\"charts\" aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n{2}{3}"
      "</section>\n",
      id, title, intro, figures_html(charts));
}

/// "Training ended early …", where metrics.jsonl says so.
std::string early_stop_html(const std::vector<Json>& events) {
  std::string out;
  for (const Json& event : events) {
    if (!event.is_object() || text_at(event, "event") != "early_stop") continue;
    const auto whole = [](double value) { return fixed(value, 0); };
    out = fmt::format(
        "<p class=\"quiet\">Training ended early, at step {}: {} validations in a row brought no "
        "lower loss.</p>\n",
        number_at(event, "step", whole), number_at(event, "validations", whole));
  }
  return out;
}

std::string training_html(const std::vector<Json>& events) {
  const std::vector<Chart> charts = run_charts(events);
  return charts_section("training", "Training", early_stop_html(events), charts);
}

std::string facts_section(std::string_view id, std::string_view title,
                          const RunReport::Facts& facts) {
  if (facts.empty()) return "";
  return fmt::format("<section aria-labelledby=\"{0}\">\n<h2 id=\"{0}\">{1}</h2>\n{2}</section>\n",
                     id, title, facts_html(facts, "facts"));
}

}  // namespace

std::string run_report_html(const RunReport& report) {
  std::string body = fmt::format(
      "<header>\n<h1>{}</h1>\n<p class=\"quiet\">{}</p>\n</header>\n"
      "<section aria-label=\"Outcome\">\n{}</section>\n",
      html_escaped(report.name), html_escaped(report.opening),
      facts_html(report.outcome, "numbers"));
  body += tasks_html(report.comparison);
  const std::string charts =
      charts_section("tasks-over-steps", "Tasks over the steps",
                     "<p class=\"quiet\">Below the line of the base a task got better, above it "
                     "worse. Original tasks have solid lines, new tasks dashed ones.</p>\n",
                     task_charts(report.events)) +
      charts_section("strength", "Strength",
                     "<p class=\"quiet\">The same training, merged at other strengths: 0 is the "
                     "base, 1 all that was learned.</p>\n",
                     strength_charts(report.strengths, report.strength)) +
      training_html(report.events);
  body += !charts.empty() ? charts
                          : "<section>\n<h2>Training</h2>\n<p class=\"quiet\">metrics.jsonl has no "
                            "numbers to draw.</p>\n</section>\n";
  body += samples_html(report.samples);
  body += "<div class=\"pair\">\n" + facts_section("plan", "Expansion", report.plan) +
          facts_section("data", "Data", report.data) + "</div>\n";
  body += "<section>\n<details><summary>Config, as resolved</summary>\n<pre tabindex=\"0\">" +
          html_escaped(pretty_json(report.config)) + "</pre>\n</details>\n</section>\n";
  body += "<footer>" + html_escaped(report.footer) + "</footer>\n";
  return html_page(report.name + ": expandft training report", body);
}

}  // namespace expandft
