#pragma once

#include "base/json.h"
#include "config/fields.h"

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

/// How much of what was learned counts, from 0 (the base) to 1 (as trained): the same in all
/// layers, a line over depth (as LiNeS, arXiv 2410.17146, scales updates), or a number for each
/// layer.
class Strength {
 public:
  Strength() = default;
  Strength(double everywhere) : first_(everywhere), last_(everywhere) {}  // NOLINT: a number is one
  Strength(double in_first, double in_last) : first_(in_first), last_(in_last) {}
  /// Of each layer of a model; the same number in all of them is the strength everywhere.
  static Strength of_layers(std::vector<double> layers);

  /// The number of all layers, where there is one.
  std::optional<double> everywhere() const;
  /// The number of each layer; empty where it is one for all, or a line.
  const std::vector<double>& by_layer() const { return layers_; }
  /// Input error for the strengths of another number of layers.
  void check(std::int64_t layers) const;
  /// Of a layer out of `layers`; errors as check.
  double at(std::int64_t layer, std::int64_t layers) const;
  /// At a depth from 0 (the first layer) to 1 (the last), for a model that was checked.
  double at_depth(double depth) const;
  /// All numbers times a factor from 0 to 1, to thousandths.
  Strength times(double factor) const;
  /// All numbers divided by the largest; 0 stays 0.
  Strength at_full() const;
  /// "0.8", "0.4:1" for a line, "0.4,0.9,1" for layers.
  std::string text() const;

  std::partial_ordering operator<=>(const Strength&) const = default;

 private:
  double first_ = 1.0, last_ = 1.0;  // in the first and in the last layer
  std::vector<double> layers_;       // in place of these, unless it is empty
};

/// What Strength::text writes; nothing for other text and numbers outside of 0 to 1.
std::optional<Strength> parse_strength(const std::string& text);
/// A number, a text for a line, or an array for layers; and back.
Json strength_json(const Strength& strength);
std::optional<Strength> strength_of(const Json& json);

/// Key "strength".
Field strength_field(std::string path, Strength& member, std::string doc);

}  // namespace expandft
