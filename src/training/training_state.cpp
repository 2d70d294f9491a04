#include "training/training_state.h"

#include "base/error.h"

#include <string>

namespace expandft {
namespace {

/// A count of state.json, which may have been edited or damaged.
std::int64_t count_of(const Json& json, const char* key) {
  const Json& value = json.at(key);
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) {
    throw input_error(std::string("\"") + key + "\" is " + value.dump() + "; expected a count");
  }
  return value.get<std::int64_t>();
}

}  // namespace

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
  TrainingState state{.step = count_of(json, "step"),
                      .position = {static_cast<std::uint64_t>(count_of(json, "epoch")),
                                   static_cast<std::uint64_t>(count_of(json, "pack"))},
                      .tokens = count_of(json, "tokens"),
                      .targets = count_of(json, "targets"),
                      .first_loss = json.at("first_loss"),
                      .last_loss = json.at("last_loss"),
                      .total_steps = count_of(json, "total_steps"),
                      .validations = parse_history(json.at("validations")),
                      .gradient_norms = json.at("gradient_norms")};
  if (const Json& before = json.at("validation_before"); !before.is_null()) {
    state.validation_before = before.get<double>();
  }
  // Snapshots of versions before it have none.
  if (json.contains("loss_scale")) state.loss_scale = LossScale::parse(json["loss_scale"]);
  return state;
}

}  // namespace expandft
