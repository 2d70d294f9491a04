#pragma once

#include "base/json.h"
#include "config/fields.h"

#include <cstdint>
#include <optional>
#include <string>

namespace expandft {

/// How much of what was learned counts, from 0 (the base) to 1 (as trained): the same in all
/// layers, or a line over depth (as LiNeS, arXiv 2410.17146, scales updates).
struct Strength {
  double first = 1.0, last = 1.0;  // in the first and in the last layer

  Strength() = default;
  Strength(double everywhere) : first(everywhere), last(everywhere) {}  // NOLINT: a number is one
  Strength(double in_first, double in_last) : first(in_first), last(in_last) {}

  double at(std::int64_t layer, std::int64_t layers) const {
    if (first == last || layers < 2) return first;
    return first + (last - first) * static_cast<double>(layer) / static_cast<double>(layers - 1);
  }
  bool operator==(const Strength&) const = default;
};

/// "0.8", or "0.4:1" for a line; nothing for other text and numbers outside of 0 to 1.
std::optional<Strength> parse_strength(const std::string& text);
std::string strength_text(const Strength& strength);
/// A number, or a text for a line; and back.
Json strength_json(const Strength& strength);
std::optional<Strength> strength_of(const Json& json);

/// Key "strength".
Field strength_field(std::string path, Strength& member, std::string doc);

}  // namespace expandft
