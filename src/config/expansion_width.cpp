#include "config/expansion_width.h"

#include "base/error.h"
#include "base/numbers.h"
#include "config/json_check.h"

#include <cmath>
#include <string_view>
#include <utility>

namespace expandft {
namespace {

constexpr std::int64_t kMostNeurons = 1'000'000'000;
constexpr double kMostParameters = 1e12;
constexpr std::pair<char, double> kCountUnits[] = {{'K', 1e3}, {'M', 1e6}, {'B', 1e9}};
constexpr const char* kBudgetKey = "parameters";

/// 12.5 of "12.5%".
std::optional<double> percent_of(std::string_view text) {
  if (!text.ends_with('%')) return {};
  text.remove_suffix(1);
  if (text.find_first_not_of("0123456789.") != text.npos) return {};
  const auto number = parse_number(text);
  if (!number || !(*number > 0 && *number <= 100)) return {};
  return number;
}

std::optional<std::int64_t> whole_parameters(double number) {
  if (!(number >= 1 && number <= kMostParameters) || number != std::floor(number)) return {};
  return static_cast<std::int64_t>(number);
}

/// 5,000,000 of "5M"; a number without a unit only where `bare` allows it.
std::optional<std::int64_t> parameters_of(std::string_view text, bool bare) {
  double unit = 1;
  for (const auto& [letter, factor] : kCountUnits) {
    if (text.ends_with(letter)) unit = factor;
  }
  if (unit == 1 && !bare) return {};
  if (unit != 1) text.remove_suffix(1);
  if (text.empty() || text.find_first_not_of("0123456789.") != text.npos) return {};
  const auto number = parse_number(text);
  return number ? whole_parameters(std::round(*number * unit)) : std::nullopt;
}

std::optional<ExpansionWidth> width_of_share(const std::string& text) {
  const auto percent = percent_of(text);
  if (!percent) return {};
  return ExpansionWidth{.kind = ExpansionWidth::Kind::kShare, .percent = *percent};
}

std::optional<ExpansionWidth> width_of_budget(const std::optional<std::int64_t>& parameters) {
  if (!parameters) return {};
  return ExpansionWidth{.kind = ExpansionWidth::Kind::kParameters, .number = *parameters};
}

std::optional<ExpansionWidth> width_of_neurons(std::int64_t number) {
  if (number < 1 || number > kMostNeurons) return {};
  return ExpansionWidth{.kind = ExpansionWidth::Kind::kNeurons, .number = number};
}

}  // namespace

ExpansionWidth ExpansionWidth::parse(const std::string& text, const std::string& where) {
  const bool is_number = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
  const auto width = is_number && text.size() < 12 ? width_of_neurons(std::stoll(text))
                     : !text.empty() && text.back() == '%'
                         ? width_of_share(text)
                         : width_of_budget(parameters_of(text, false));
  if (width) return *width;
  throw input_error("found \"" + text +
                        "\"; expected a share of each MLP's neurons (\"12.5%\"), a number of "
                        "neurons (\"64\"), or a number of new parameters (\"5M\")",
                    where);
}

std::optional<ExpansionWidth> ExpansionWidth::of(const Json& value) {
  if (value.is_null()) return ExpansionWidth();
  if (value.is_string()) return width_of_share(value.get<std::string>());
  if (value.is_number_integer()) return width_of_neurons(to_integer(value));
  if (!value.is_object() || value.size() != 1 || !value.contains(kBudgetKey)) return {};
  const Json& parameters = value.at(kBudgetKey);
  if (parameters.is_string())
    return width_of_budget(parameters_of(parameters.get<std::string>(), true));
  return parameters.is_number() ? width_of_budget(whole_parameters(parameters.get<double>()))
                                : std::nullopt;
}

Json ExpansionWidth::json() const {
  switch (kind) {
    case Kind::kShare:
      return shortest_text(percent) + "%";
    case Kind::kNeurons:
      return number;
    case Kind::kParameters:
      return {{kBudgetKey, number}};
    case Kind::kWhole:
      break;
  }
  return nullptr;
}

Field width_field(std::string path, ExpansionWidth& member, std::string doc) {
  const Json share = {{"type", "string"}, {"pattern", R"(^[0-9]+(\.[0-9]+)?%$)"}};
  const Json neurons = {{"type", "integer"}, {"minimum", 1}, {"maximum", kMostNeurons}};
  const Json budget = {
      {"type", "object"},
      {"properties",
       {{kBudgetKey,
         {{"anyOf",
           Json::array({{{"type", "number"}, {"minimum", 1}, {"maximum", kMostParameters}},
                        {{"type", "string"}, {"pattern", R"(^[0-9]+(\.[0-9]+)?[KMB]?$)"}}})}}}}},
      {"required", Json::array({kBudgetKey})},
      {"additionalProperties", false}};
  const std::string words =
      R"(a share above 0 % such as "12.5%", a number of neurons from 1, or )"
      R"({"parameters": N} with a whole number from 1, also as "500K", "5M" or "1.5B")";
  Field field =
      make_nullable(make_field(
                        path, {{"anyOf", Json::array({share, neurons, budget})}}, std::move(doc),
                        [&member](const Json& value, const fs::path&) {
                          member = ExpansionWidth::of(value).value_or(ExpansionWidth());
                        },
                        [&member] { return member.json(); }))
          .allowing(words);
  field.check = [path, words](const Json& value, const fs::path&) {
    std::vector<FieldProblem> problems;
    if (!ExpansionWidth::of(value)) {
      problems.push_back({path, "found " + shown(value) + "; allowed: " + words});
    }
    return problems;
  };
  return field;
}

}  // namespace expandft
