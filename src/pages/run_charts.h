#pragma once

#include "base/json.h"
#include "pages/chart.h"

#include <vector>

namespace expandft {

/// The charts of a training run, from the events of its metrics.jsonl: training and validation loss
/// with the best validation and an early stop marked, learning rate, gradient norm with its
/// outliers, tokens per second, and with retention the divergence from the base. A value that is
/// not a number is a gap; events without a step and charts without a point are left out.
std::vector<Chart> run_charts(const std::vector<Json>& events);

/// The exponential moving average of the points' y with Adam's bias correction
/// (https://arxiv.org/abs/1412.6980, section 3). `span` is roughly the number of points averaged.
/// Gaps stay gaps and are not averaged.
std::vector<ChartPoint> smoothed(const std::vector<ChartPoint>& points, double span);

}  // namespace expandft
