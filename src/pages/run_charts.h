#pragma once

#include "base/json.h"
#include "pages/chart.h"

#include <vector>

namespace expandft {

/// The charts of a run, from the events of its metrics.jsonl: training and validation loss,
/// learning rate, gradient norm, tokens per second, and with retention its divergence. The best
/// validation, norms that stood out and an early end are marked. Null, and what is no number, is a
/// gap; events without a step are left out, and so are charts without a point.
std::vector<Chart> run_charts(const std::vector<Json>& events);

/// The exponential moving average of the points' y, its weights corrected for the beginning (as
/// Adam's: https://arxiv.org/abs/1412.6980, section 3). `span` is about the number of points
/// averaged. Gaps stay gaps, and do not enter the mean.
std::vector<ChartPoint> smoothed(const std::vector<ChartPoint>& points, double span);

}  // namespace expandft
