#include "pages/chart_labels.h"

#include "report/display_width.h"

#include <algorithm>
#include <cmath>

namespace expandft {
namespace {

constexpr double kCharacter = 6.8;            // mean width
constexpr double kAscent = 10, kDescent = 3;  // of a line of text, about its baseline
constexpr double kLabelGap = 7;               // between a point's middle and its label
constexpr double kSampling = 3;               // between the points that stand for a line
constexpr std::string_view kStart = "start", kMiddle = "middle", kEnd = "end";

LabelPlacer::Box box_of(const LabelPlacer::Place& place, double width) {
  const double left = place.anchor == kStart ? place.x
                      : place.anchor == kEnd ? place.x - width
                                             : place.x - width / 2;
  return {left, place.y - kAscent, left + width, place.y + kDescent};
}

bool overlap(const LabelPlacer::Box& a, const LabelPlacer::Box& b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

}  // namespace

double label_width(std::string_view text) {
  return kCharacter * static_cast<double>(display_width(text));
}

void LabelPlacer::avoid_line(double x1, double y1, double x2, double y2) {
  const int parts = std::max(1, static_cast<int>(std::hypot(x2 - x1, y2 - y1) / kSampling));
  for (int i = 0; i <= parts; ++i) {
    const double share = static_cast<double>(i) / parts;
    avoid_point(x1 + share * (x2 - x1), y1 + share * (y2 - y1), 1);
  }
}

std::optional<LabelPlacer::Place> LabelPlacer::best(const std::vector<Place>& places,
                                                    double width) {
  std::optional<Place> found;
  double least = 0;
  for (const Place& place : places) {
    const Box box = box_of(place, width);
    if (box.left < frame_.left || box.right > frame_.right || box.top < frame_.top ||
        box.bottom > frame_.bottom) {
      continue;
    }
    if (std::ranges::any_of(taken_, [&](const Box& other) { return overlap(box, other); })) {
      continue;
    }
    double cost = 0;
    for (const Point& point : points_) {
      const bool inside = point.x > box.left - 1 && point.x < box.right + 1 && point.y > box.top &&
                          point.y < box.bottom;
      if (inside) cost += point.weight;
    }
    if (!found || cost < least) {
      found = place;
      least = cost;
    }
  }
  if (found) taken_.push_back(box_of(*found, width));
  return found;
}

std::optional<LabelPlacer::Place> LabelPlacer::beside(double x, double y, double width) {
  const double slant = kLabelGap * 0.8;
  return best({{x + kLabelGap, y + 4, kStart},
               {x + slant, y - 5, kStart},
               {x + slant, y + 13, kStart},
               {x, y - kLabelGap - 2, kMiddle},
               {x, y + kLabelGap + 9, kMiddle},
               {x - slant, y - 5, kEnd},
               {x - slant, y + 13, kEnd},
               {x - kLabelGap, y + 4, kEnd}},
              width);
}

std::optional<LabelPlacer::Place> LabelPlacer::along_horizontal(double y, double width) {
  std::vector<Place> places;
  const double first = frame_.right - 4, last = frame_.left + 4 + width;
  constexpr int kPlaces = 6;
  for (int i = 0; i < kPlaces; ++i) {
    const double right = first + (last - first) * i / (kPlaces - 1);
    places.push_back({right, y - 4, kEnd});
    places.push_back({right, y + kAscent + 2, kEnd});
  }
  return best(places, width);
}

std::optional<LabelPlacer::Place> LabelPlacer::along_vertical(double x, double width) {
  std::vector<Place> places;
  for (double y = frame_.top + kAscent + 2; y + kDescent <= frame_.bottom; y += 24) {
    places.push_back({x + 4, y, kStart});
    places.push_back({x - 4, y, kEnd});
  }
  return best(places, width);
}

}  // namespace expandft
