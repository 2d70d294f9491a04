#include "training/training_state.h"

#include "base/error.h"

#include <cmath>
#include <limits>

namespace expandft {
namespace {

/// A count in state.json, which may have been edited or damaged.
std::int64_t count_at(const Json& json, const char* key) {
  const Json& value = json.at(key);
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) {
    throw input_error(std::string("\"") + key + "\" is " + value.dump() + "; expected a count");
  }
  return value.get<std::int64_t>();
}

Json validation_json(const std::optional<Validation>& validation) {
  if (!validation) return nullptr;
  const double loss = validation->loss;
  return {{"step", validation->step}, {"loss", std::isfinite(loss) ? Json(loss) : Json()}};
}

std::optional<Validation> parse_validation(const Json& json) {
  if (json.is_null()) return {};
  const Json& loss = json.at("loss");
  return Validation{
      .step = count_at(json, "step"),
      .loss = loss.is_null() ? std::numeric_limits<double>::quiet_NaN() : loss.get<double>()};
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

Json state_json(const TrainingState& state) {
  const auto& before = state.validation_before;
  Json json = {{"step", state.step},
               {"epoch", state.position.epoch},
               {"pack", state.position.pack},
               {"tokens", state.tokens},
               {"targets", state.targets},
               {"first_loss", state.first_loss},
               {"last_loss", state.last_loss},
               {"validation_before", before ? Json(*before) : Json()},
               {"total_steps", state.total_steps},
               {"validations", history_json(state.validations)},
               {"gradient_norms", state.gradient_norms}};
  if (state.loss_scale) json["loss_scale"] = state.loss_scale->json();
  return json;
}

TrainingState parse_state(const Json& json) {
  TrainingState state{.step = count_at(json, "step"),
                      .position = {static_cast<std::uint64_t>(count_at(json, "epoch")),
                                   static_cast<std::uint64_t>(count_at(json, "pack"))},
                      .tokens = count_at(json, "tokens"),
                      .targets = count_at(json, "targets"),
                      .first_loss = json.at("first_loss"),
                      .last_loss = json.at("last_loss"),
                      .total_steps = count_at(json, "total_steps"),
                      .validations = parse_history(json.at("validations")),
                      .gradient_norms = json.at("gradient_norms")};
  if (const Json& before = json.at("validation_before"); !before.is_null()) {
    state.validation_before = before.get<double>();
  }
  // Snapshots of versions without a loss scale can be resumed too.
  if (json.contains("loss_scale")) state.loss_scale = LossScale::parse(json["loss_scale"]);
  return state;
}

}  // namespace expandft
