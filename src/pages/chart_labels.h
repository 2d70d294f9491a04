#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace expandft {

/// Width of a text in a chart's units, at the largest size the page gives it: an estimate.
double label_width(std::string_view text);

/// Where labels lie that hide neither each other nor, where there is room, what is drawn.
class LabelPlacer {
 public:
  struct Box {
    double left = 0, top = 0, right = 0, bottom = 0;
  };
  /// Of a text's start, middle or end (SVG's text-anchor), at its baseline.
  struct Place {
    double x = 0, y = 0;
    std::string_view anchor;
  };

  explicit LabelPlacer(Box frame) : frame_(frame) {}

  /// Something is drawn here: labels elsewhere are better, the more so the greater the weight.
  void avoid_point(double x, double y, double weight) { points_.push_back({x, y, weight}); }
  /// The same all along a line.
  void avoid_line(double x1, double y1, double x2, double y2);

  /// Takes the best of the places around a point; none where all would cover another label.
  std::optional<Place> beside(double x, double y, double width);
  /// The same over or under a horizontal line, and at either side of a vertical one.
  std::optional<Place> along_horizontal(double y, double width);
  std::optional<Place> along_vertical(double x, double width);

 private:
  struct Point {
    double x = 0, y = 0, weight = 0;
  };
  std::optional<Place> best(const std::vector<Place>& places, double width);

  Box frame_;
  std::vector<Point> points_;
  std::vector<Box> taken_;
};

}  // namespace expandft
