#include "pages/chart_legend.h"

#include "pages/chart_labels.h"
#include "report/display_width.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace expandft {
namespace {

constexpr double kEntryGap = 10;
constexpr std::size_t kMostColumns = 54;

bool is_listed(const ChartSeries& series) {
  return has_points(series) && !series.name.empty() &&
         std::ranges::any_of(series.points,
                             [](const ChartPoint& point) { return point.label.empty(); });
}

double width_of(const LegendEntry& entry) {
  return (entry.series != nullptr ? kLegendSwatch : 0) + label_width(entry.text) + kEntryGap;
}

}  // namespace

std::string cut_in_middle(const std::string& text, std::size_t columns) {
  if (display_width(text) <= columns || columns < 3) return cut_to_width(text, columns);
  const std::size_t tail_columns = (columns - 1) / 2;
  std::size_t tail = text.size();
  for (std::size_t at = text.size(); at-- > 0;) {
    if ((static_cast<unsigned char>(text[at]) & 0xC0) == 0x80) continue;  // within a character
    if (display_width(std::string_view(text).substr(at)) > tail_columns) break;
    tail = at;
  }
  return cut_to_width(text, columns - tail_columns) + text.substr(tail);
}

std::vector<LegendEntry> legend_of(const Chart& chart, double left, double right) {
  std::vector<LegendEntry> entries;
  double at = left;
  std::size_t row = 0;
  const auto append = [&](LegendEntry entry) {
    const double width = width_of(entry);
    if (at > left && at + width - kEntryGap > right) {
      at = left;
      ++row;
    }
    entry.left = std::exchange(at, at + width);
    entry.row = row;
    entries.push_back(std::move(entry));
  };
  std::string group;
  std::size_t listed = 0;
  bool plain = true;
  for (const ChartSeries& series : chart.series) {
    if (!is_listed(series)) continue;
    if (series.group != group) {
      group = series.group;
      if (at > left) {
        at = left;
        ++row;
      }
      if (!group.empty()) append({nullptr, cut_in_middle(group, kMostColumns) + ":"});
    }
    plain = plain && series.style == ChartSeries::Style::kMain;
    ++listed;
    append({&series, cut_in_middle(series.name, kMostColumns)});
  }
  if (listed < 2 && plain) return {};
  if (row == 0 && group.empty()) {
    for (LegendEntry& entry : entries) entry.left += right - (at - kEntryGap);
  }
  return entries;
}

}  // namespace expandft
