#include "config/strength.h"

#include "base/error.h"
#include "base/numbers.h"
#include "base/wording.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace expandft {
namespace {

bool in_range(double x) {
  return x >= 0 && x <= 1;
}

/// A number from 0 to 1.
std::optional<double> parse_share(const std::string& text) {
  const std::optional<double> number = parse_number(text);
  return number && in_range(*number) ? number : std::nullopt;
}

}  // namespace

Strength Strength::of_layers(std::vector<double> layers) {
  Strength out(layers.front(), layers.back());
  if (!std::ranges::all_of(layers, [&](double x) { return x == layers.front(); })) {
    out.layers_ = std::move(layers);
  }
  return out;
}

std::optional<double> Strength::everywhere() const {
  return layers_.empty() && first_ == last_ ? std::optional(first_) : std::nullopt;
}

void Strength::check(std::int64_t layers) const {
  if (layers_.empty() || std::ssize(layers_) == layers) return;
  throw input_error("the strength has " + counted(std::ssize(layers_), "number") +
                        ", but the model has " + counted(layers, "layer"),
                    "strength", "give a number for each layer, or one for all");
}

double Strength::at(std::int64_t layer, std::int64_t layers) const {
  check(layers);
  if (!layers_.empty()) return layers_[static_cast<std::size_t>(layer)];
  if (first_ == last_ || layers < 2) return first_;
  return at_depth(static_cast<double>(layer) / static_cast<double>(layers - 1));
}

double Strength::at_depth(double depth) const {
  if (layers_.empty()) return first_ + (last_ - first_) * depth;
  const double place = depth * static_cast<double>(layers_.size() - 1);
  return layers_[static_cast<std::size_t>(std::lround(place))];
}

Strength Strength::times(double factor) const {
  // Finer than any measurement tells apart, and short in files.
  const auto scaled = [&](double x) { return std::round(1000 * x * factor) / 1000; };
  Strength out(scaled(first_), scaled(last_));
  for (const double x : layers_) out.layers_.push_back(scaled(x));
  return out;
}

Strength Strength::at_full() const {
  double largest = std::max(first_, last_);
  for (const double x : layers_) largest = std::max(largest, x);
  Strength out = *this;
  if (largest == 0) return out;
  out.first_ /= largest;
  out.last_ /= largest;
  for (double& x : out.layers_) x /= largest;
  return out;
}

std::string Strength::text() const {
  if (layers_.empty()) {
    return shortest_text(first_) + (first_ == last_ ? "" : ":" + shortest_text(last_));
  }
  std::string out;
  for (const double x : layers_) out += (out.empty() ? "" : ",") + shortest_text(x);
  return out;
}

std::optional<Strength> parse_strength(const std::string& text) {
  if (const std::size_t colon = text.find(':'); colon != text.npos) {
    const auto first = parse_share(text.substr(0, colon));
    const auto last = parse_share(text.substr(colon + 1));
    return first && last ? std::optional(Strength(*first, *last)) : std::nullopt;
  }
  std::vector<double> layers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const auto share = parse_share(text.substr(begin, end - begin));
    if (!share) return {};
    layers.push_back(*share);
    begin = end + 1;
  }
  return Strength::of_layers(std::move(layers));
}

Json strength_json(const Strength& strength) {
  if (!strength.by_layer().empty()) return strength.by_layer();
  if (const auto everywhere = strength.everywhere()) return *everywhere;
  return strength.text();
}

std::optional<Strength> strength_of(const Json& json) {
  if (json.is_string()) return parse_strength(json);
  if (json.is_number() && in_range(json.get<double>())) return Strength(json.get<double>());
  if (!json.is_array() || json.empty()) return {};
  std::vector<double> layers;
  for (const Json& one : json) {
    if (!one.is_number() || !in_range(one.get<double>())) return {};
    layers.push_back(one);
  }
  return Strength::of_layers(std::move(layers));
}

Field strength_field(std::string path, Strength& member, std::string doc) {
  const char* const words =
      R"(a number from 0 to 1, "a:b" of two such numbers, or a list of one for each layer)";
  const Json number = {{"type", "number"}, {"minimum", 0}, {"maximum", 1}};
  const Json line = {{"type", "string"}, {"pattern", R"(^[0-9.]+([:,][0-9.]+)*$)"}};
  const Json list = {{"type", "array"}, {"items", number}, {"minItems", 1}};
  return make_field(
             std::move(path), {{"anyOf", Json::array({number, line, list})}}, std::move(doc),
             [&member, words](const Json& value, const fs::path&) {
               const auto strength = strength_of(value);
               if (!strength) {
                 throw input_error("found " + value.dump() + "; allowed: " + words);
               }
               member = *strength;
             },
             [&member] { return strength_json(member); })
      .allowing(words);
}

}  // namespace expandft
