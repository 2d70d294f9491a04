#include "training/training_log.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {

void TrainingLog::open(const fs::path& run, std::optional<std::int64_t> resumed) {
  const fs::path file = run / "metrics.jsonl";
  if (group_.is_first()) metrics_.emplace(file, resumed.value_or(-1));
  if (!resumed) return;
  Json logged = Json::array();
  for (Json& event : group_.is_first() ? read_metrics(file) : std::vector<Json>()) {
    if (event.at("step") == *resumed) logged.push_back(std::move(event));
  }
  logged_ = parse_json(group_.text_of_first(logged.dump()), file.string());
}

void TrainingLog::write(std::int64_t step, const std::string& event, const Json& values) {
  if (metrics_) metrics_->write(step, event, values);
}

void TrainingLog::write_once(std::int64_t step, const std::string& event, const Json& values) {
  Json line = {{"step", step}, {"event", event}};
  line.update(values);
  if (std::ranges::find(logged_, line) == logged_.end()) write(step, event, values);
}

bool TrainingLog::has(std::int64_t step, const std::string& event) const {
  return std::ranges::any_of(logged_, [&](const Json& logged) {
    return logged.at("step") == step && logged.at("event") == event;
  });
}

void TrainingLog::step(const TrainingState& state, const StepResult& result, double learning_rate,
                       double seconds) {
  constexpr std::size_t kNewest = 20;  // few, so that the speed follows the machine's
  newest_.emplace_back(static_cast<double>(result.tokens), seconds);
  if (newest_.size() > kNewest) newest_.pop_front();
  smooth_loss_ = smooth_loss_ == 0 ? result.loss : 0.9 * smooth_loss_ + 0.1 * result.loss;
  const bool is_due = log_every_ > 0 && state.step % log_every_ == 0;
  if (is_due || state.step == state.total_steps) {
    Json event = {{"loss", result.loss},
                  {"learning_rate", learning_rate},
                  {"grad_norm", result.gradient_norm},
                  {"tokens", state.tokens},
                  {"tokens_per_second", static_cast<double>(result.tokens) / seconds}};
    if (result.weighted_loss) event["weighted_loss"] = *result.weighted_loss;
    if (result.retention) event["retention"] = *result.retention;
    if (result.retention_loss) event["retention_loss"] = *result.retention_loss;
    if (result.data_retention) event["data_retention"] = *result.data_retention;
    if (state.loss_scale) event["loss_scale"] = state.loss_scale->at(state.step - 1);
    write(state.step, "train", event);
  }
  progress_.training(
      {.step = state.step,
       .total_steps = state.total_steps,
       .loss = smooth_loss_,
       .learning_rate = learning_rate,
       .tokens_per_second = tokens_per_second(),
       .seconds_left = seconds_per_step() * static_cast<double>(state.total_steps - state.step)});
}

double TrainingLog::tokens_per_second() const {
  double tokens = 0, seconds = 0;
  for (const auto& [t, s] : newest_) tokens += t, seconds += s;
  return seconds > 0 ? tokens / seconds : 0;
}

double TrainingLog::seconds_per_step() const {
  double seconds = 0;
  for (const auto& [t, s] : newest_) seconds += s;
  return newest_.empty() ? 0 : seconds / static_cast<double>(newest_.size());
}

void TrainingLog::outlier(std::int64_t step, double norm, double median) {
  write(step, "outlier", {{"grad_norm", norm}, {"median", median}});
  const std::optional<std::int64_t> suppressed = outlier_warnings_.show(step);
  if (!suppressed || !group_.is_first()) return;
  progress_.clear();
  spdlog::warn(
      "step {}: the gradient norm is {:.3g}, {:.0f} times the median of the last steps{}", step,
      norm, norm / median,
      *suppressed > 0 ? fmt::format(" ({} more since the last warning)", *suppressed) : "");
}

void TrainingLog::validation(const Validation& validation, bool is_best) {
  Json event = {{"loss", validation.loss}};
  if (is_best) event["best"] = true;
  write_once(validation.step, "validation", event);
  spdlog::log(std::isfinite(validation.loss) ? spdlog::level::info : spdlog::level::warn,
              "step {:>5}: validation loss {:.4f}{}", validation.step, validation.loss,
              is_best ? ", the lowest so far" : "");
}

void TrainingLog::overflow(std::int64_t step, double loss_scale) {
  write(step, "overflow", {{"loss_scale", loss_scale}});
  spdlog::info("step {}: gradients overflow in float16; it is repeated with a loss scale of {}",
               step + 1, loss_scale);
}

}  // namespace expandft
