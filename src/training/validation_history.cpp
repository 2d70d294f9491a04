#include "training/validation_history.h"

#include "base/error.h"

#include <cmath>
#include <limits>

namespace expandft {
namespace {

Json validation_json(const std::optional<Validation>& validation) {
  if (!validation) return nullptr;
  const double loss = validation->loss;
  return {{"step", validation->step}, {"loss", std::isfinite(loss) ? Json(loss) : Json()}};
}

std::int64_t count_at(const Json& json, const char* key) {
  const Json& value = json.at(key);
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) {
    throw input_error(std::string("\"") + key + "\" is " + value.dump() + "; expected a count");
  }
  return value.get<std::int64_t>();
}

std::optional<Validation> parse_validation(const Json& json) {
  if (json.is_null()) return {};
  const Json& loss = json.at("loss");
  return Validation{
      .step = count_at(json, "step"),
      .loss = loss.is_null() ? std::numeric_limits<double>::quiet_NaN() : loss.get<double>()};
}

}  // namespace

bool ValidationHistory::add(const Validation& validation) {
  last = validation;
  if (validation.step == 0) return false;
  const bool is_best = std::isfinite(validation.loss) && (!best || validation.loss < best->loss);
  if (is_best) best = validation;
  since_best = is_best ? 0 : since_best + 1;
  return is_best;
}

bool ValidationHistory::is_exhausted(std::int64_t patience) const {
  return patience > 0 && since_best >= patience;
}

Json history_json(const ValidationHistory& history) {
  return {{"data", history.data},
          {"last", validation_json(history.last)},
          {"best", validation_json(history.best)},
          {"since_best", history.since_best}};
}

ValidationHistory parse_history(const Json& json) {
  return {.data = json.at("data"),
          .last = parse_validation(json.at("last")),
          .best = parse_validation(json.at("best")),
          .since_best = count_at(json, "since_best")};
}

}  // namespace expandft
