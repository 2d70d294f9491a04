#pragma once

#include "base/json.h"
#include "catch.h"
#include "pages/chart.h"
#include "pages/markup_check.h"

#include <string>
#include <vector>

namespace expandft::testing {

/// Tasks at a step in metrics.jsonl, and at a strength in summary.json.
inline Json evaluation(int step, const Json& tasks) {
  return {{"step", step}, {"event", "evaluation"}, {"tasks", tasks}};
}

inline Json strength(double value, const Json& tasks) {
  return {{"strength", value}, {"tasks", tasks}};
}

using ChartIds = std::vector<std::string>;

/// Draws the charts, and checks what is drawn.
inline ChartIds ids_of(const std::vector<Chart>& charts) {
  ChartIds ids;
  for (const Chart& chart : charts) {
    ids.push_back(chart.id);
    CHECK(markup_fault(chart_html(chart)) == "");
  }
  return ids;
}

}  // namespace expandft::testing
