#include "evaluation/report.h"

#include "report/human.h"
#include "report/table.h"

#include <algorithm>

namespace expandft {
namespace {

Json comparison_json(const Comparison& c, bool is_original) {
  Json json = {{"task", c.task},
               {"type", c.type},
               {"tokens", c.tokens},
               {"blocks", c.blocks},
               {"base",
                {{"loss", c.base_loss},
                 {"perplexity", c.base_perplexity},
                 {"bits_per_byte", c.base_bits_per_byte}}},
               {"tuned",
                {{"loss", c.tuned_loss},
                 {"perplexity", c.tuned_perplexity},
                 {"bits_per_byte", c.tuned_bits_per_byte}}},
               {"difference", c.difference},
               {"standard_error", c.standard_error ? Json(*c.standard_error) : Json()},
               {"relative_change", c.relative_change}};
  if (is_original) json["verdict"] = verdict_text(c.verdict);
  return json;
}

void add_rows(Table& table, const std::vector<Comparison>& comparisons, bool are_originals) {
  for (const Comparison& c : comparisons) {
    table.row({c.task, are_originals ? "original" : "new", fixed(c.base_perplexity, 3),
               fixed(c.tuned_perplexity, 3), signed_fixed(100 * c.relative_change, 2) + "%",
               signed_fixed(c.difference, 4), c.standard_error ? fixed(*c.standard_error, 4) : "-",
               are_originals ? verdict_text(c.verdict) : ""});
  }
}

Table make_table(const ComparisonReport& report) {
  using enum Table::Align;
  Table table(
      {"task", "kind", "base ppl", "tuned ppl", "change", "nats/token", "std. error", "verdict"},
      {kLeft, kLeft, kRight, kRight, kRight, kRight, kRight, kLeft});
  add_rows(table, report.originals, true);
  add_rows(table, report.news, false);
  return table;
}

}  // namespace

ComparisonReport compare_tasks(const std::vector<TaskResult>& base,
                               const std::vector<TaskResult>& tuned, std::size_t originals,
                               const std::optional<DropBudget>& budget) {
  ComparisonReport report{.budget = budget};
  for (std::size_t i = 0; i < base.size(); ++i) {
    const bool original = i < originals;
    (original ? report.originals : report.news)
        .push_back(compare(base[i], tuned[i], original ? budget : std::nullopt));
  }
  return report;
}

std::string comparison_table(const ComparisonReport& report) {
  return make_table(report).text();
}

std::string comparison_markdown(const ComparisonReport& report) {
  return make_table(report).markdown();
}

Json comparison_json(const ComparisonReport& report) {
  Json originals = Json::array(), news = Json::array();
  for (const Comparison& c : report.originals) originals.push_back(comparison_json(c, true));
  for (const Comparison& c : report.news) news.push_back(comparison_json(c, false));
  const bool within = std::ranges::none_of(
      report.originals, [](const Comparison& c) { return c.verdict == Verdict::kOverBudget; });
  return {{"max_drop", report.budget ? Json(budget_text(*report.budget)) : Json()},
          {"within_budget", report.budget ? Json(within) : Json()},
          {"original_tasks", originals},
          {"tasks", news}};
}

Json result_json(const TaskResult& result) {
  return {{"task", result.task.name},
          {"type", result.task.type},
          {"loss", result.loss()},
          {"perplexity", result.perplexity()},
          {"bits_per_byte", result.bits_per_byte()},
          {"tokens", result.tokens},
          {"blocks", result.blocks.size()},
          {"bos", result.bos}};
}

std::string result_table(const std::vector<TaskResult>& results) {
  using enum Table::Align;
  Table table({"task", "perplexity", "nats/token", "bits/byte", "tokens"},
              {kLeft, kRight, kRight, kRight, kRight});
  for (const TaskResult& result : results) {
    table.row({result.task.name, fixed(result.perplexity(), 3), fixed(result.loss(), 4),
               fixed(result.bits_per_byte(), 4), human_count(static_cast<double>(result.tokens))});
  }
  return table.text();
}

}  // namespace expandft
