#include "config/strength.h"

#include "base/error.h"
#include "base/numbers.h"

namespace expandft {
namespace {

bool in_range(double x) {
  return x >= 0 && x <= 1;
}

}  // namespace

std::optional<Strength> parse_strength(const std::string& text) {
  const std::size_t colon = text.find(':');
  const auto first = parse_number(text.substr(0, colon));
  const auto last = colon == text.npos ? first : parse_number(text.substr(colon + 1));
  if (!first || !last || !in_range(*first) || !in_range(*last)) return {};
  return Strength(*first, *last);
}

std::string strength_text(const Strength& strength) {
  std::string text = shortest_text(strength.first);
  if (strength.first != strength.last) text += ":" + shortest_text(strength.last);
  return text;
}

Json strength_json(const Strength& strength) {
  if (strength.first == strength.last) return strength.first;
  return strength_text(strength);
}

std::optional<Strength> strength_of(const Json& json) {
  if (json.is_string()) return parse_strength(json);
  if (json.is_number() && in_range(json.get<double>())) return Strength(json.get<double>());
  return {};
}

Field strength_field(std::string path, Strength& member, std::string doc) {
  const char* const words = R"(a number from 0 to 1, or "a:b" of two such numbers)";
  const Json number = {{"type", "number"}, {"minimum", 0}, {"maximum", 1}};
  const Json line = {{"type", "string"}, {"pattern", R"(^[0-9.]+:[0-9.]+$)"}};
  return make_field(
             std::move(path), {{"anyOf", Json::array({number, line})}}, std::move(doc),
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
