#include "report/data_report.h"

#include "base/wording.h"
#include "report/human.h"
#include "report/table.h"

#include <utility>
#include <vector>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

std::vector<std::string> table_row(std::string name, const DatasetReport& rows,
                                   const LengthStatistics& lengths) {
  std::vector<std::string> cells = {std::move(name)};
  for (const std::int64_t number :
       {rows.rows, rows.examples, rows.tokens, rows.targets, lengths.least, lengths.median,
        lengths.percent_90, lengths.percent_99, lengths.most, rows.truncated_rows,
        rows.truncated_tokens}) {
    cells.push_back(std::to_string(number));
  }
  return cells;
}

Json report_json(const DatasetReport& rows, const LengthStatistics& lengths) {
  return {{"rows", rows.rows},
          {"sequences", rows.examples},
          {"tokens", rows.tokens},
          {"targets", rows.targets},
          {"lengths",
           {{"min", lengths.least},
            {"median", lengths.median},
            {"p90", lengths.percent_90},
            {"p99", lengths.percent_99},
            {"max", lengths.most}}},
          {"truncated_rows", rows.truncated_rows},
          {"truncated_tokens", rows.truncated_tokens},
          {"split_rows", rows.split_rows}};
}

/// Calls `visit` with each source and the lengths of its examples.
template <typename Visit>
void for_each_source(const Dataset& dataset, Visit visit) {
  std::size_t begin = 0;
  for (const SourceReport& source : dataset.sources) {
    const auto count = static_cast<std::size_t>(source.rows.examples);
    visit(source, length_statistics(dataset.examples, begin, count));
    begin += count;
  }
}

LengthStatistics all_lengths(const Dataset& dataset) {
  return length_statistics(dataset.examples, 0, dataset.examples.size());
}

}  // namespace

std::string data_table(const Dataset& dataset) {
  std::vector<std::string> header = {"data", "rows", "sequences", "tokens", "learned", "min",
                                     "50%",  "90%",  "99%",       "max",    "cut",     "removed"};
  std::vector<Table::Align> align(header.size(), Table::Align::kRight);
  align.front() = Table::Align::kLeft;
  Table table(std::move(header), std::move(align));
  for_each_source(dataset, [&](const SourceReport& source, const LengthStatistics& lengths) {
    table.row(table_row(source.path.filename().string(), source.rows, lengths));
  });
  if (dataset.sources.size() != 1) {
    table.row(table_row("all", dataset.report, all_lengths(dataset)));
  }
  return table.text();
}

std::string describe(const EpochStatistics& epoch) {
  return fmt::format(
      "{} ({} learned) in {}, {} {} full", counted(epoch.tokens, "token"), epoch.targets,
      counted(epoch.examples, "sequence"), counted(epoch.packs, "pack"),
      (epoch.packs == 1 ? "that is " : "that are ") + percent(epoch.packing_efficiency()));
}

Json data_json(const Dataset& dataset) {
  Json json = report_json(dataset.report, all_lengths(dataset));
  Json& sources = json["sources"] = Json::array();
  for_each_source(dataset, [&](const SourceReport& source, const LengthStatistics& lengths) {
    Json& one = sources.emplace_back(Json{{"path", source.path.string()},
                                          {"files", source.file_paths.size()},
                                          {"weight", source.weight},
                                          {"sequences_per_epoch", source.drawn}});
    one.update(report_json(source.rows, lengths));
    Json& unread = one["unread_fields"] = Json::object();
    for (const auto& [field, count] : source.rows.unread.fields()) unread[field] = count;
  });
  return json;
}

Json epoch_json(const EpochStatistics& epoch) {
  return {{"sequences", epoch.examples},
          {"tokens", epoch.tokens},
          {"targets", epoch.targets},
          {"packs", epoch.packs},
          {"packing_efficiency", epoch.packing_efficiency()}};
}

}  // namespace expandft
