#pragma once

#include "base/json.h"
#include "catch.h"
#include "pages/markup_check.h"
#include "pages/svg_chart.h"

#include <string>
#include <vector>

namespace expandft::testing {

/// What metrics.jsonl says of tasks at a step, and summary.json of them at a strength.
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
    CHECK(markup_fault(svg_chart(chart)) == "");
  }
  return ids;
}

}  // namespace expandft::testing
