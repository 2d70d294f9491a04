#include "training/resume.h"

#include "base/error.h"
#include "base/wording.h"
#include "training/health.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct Difference {
  std::string path, text;  // "training.seed", "training.seed: 7 in the snapshot, 8 now"
};

/// Lists the values that differ, in nested objects too.
void differences(const std::string& path, const Json& saved, const Json& now,
                 std::vector<Difference>& out) {
  if (saved.is_object() && now.is_object()) {
    Json keys = saved;
    keys.update(now);
    for (const auto& [key, unused] : keys.items()) {
      differences(path.empty() ? key : path + "." + key, saved.value(key, Json()),
                  now.value(key, Json()), out);
    }
  } else if (saved != now) {
    out.push_back({path, path + ": " + saved.dump() + " in the snapshot, " + now.dump() + " now"});
  }
}

struct Damaged {
  fs::path snapshot;
  std::string reason;
};

std::string reason_of(const Error& error) {
  const std::string file = fs::path(error.where()).filename().string();
  return error.message() + (file.empty() ? "" : " (" + file + ")");
}

/// Errors name the file that holds the position.
void seek(BatchStream& stream, StreamPosition position) try {
  stream.seek(position);
} catch (const Error& error) {
  throw input_error(error.message(), "state.json");
}

/// Input error when the run has done more steps than its config now has.
void check_steps(const TrainingState& state, const BatchStream& stream,
                 const TrainingConfig& training, const fs::path& snapshot) {
  const std::int64_t asked = stream.total_steps();
  const StreamPosition end{static_cast<std::uint64_t>(training.epochs.value_or(0)), 0};
  const bool beyond = training.max_steps
                          ? state.step > asked
                          : state.position.epoch >= end.epoch && state.position != end;
  // A position that a run of the same length cannot reach means damage, which seek reports.
  if (!beyond || (training.epochs && state.total_steps == asked)) return;
  throw input_error(
      fmt::format("{} {} done, and the config asks for {}", counted(state.step, "step"),
                  state.step == 1 ? "is" : "are", asked),
      snapshot.string(),
      "ask for as many at least (training.max_steps, training.epochs), or start again with "
      "--restart");
}

/// Rank 0's half of resume_run.
TrainingState load_newest(const fs::path& run, const NamedTensors& parameters, AdamW& optimizer,
                          BatchStream& stream, const TrainingConfig& training,
                          const Json& identity) {
  std::vector<std::string> free;
  if (is_there(diverged_file(run))) {
    free.assign(std::begin(kMayChangeAfterDiverging), std::end(kMayChangeAfterDiverging));
  }
  std::vector<Damaged> damaged;
  for (const fs::path& snapshot : snapshot_folders(run)) {
    if (!is_snapshot(snapshot)) {
      damaged.push_back(
          {snapshot, "damaged snapshot: its marker or state.json is missing or damaged"});
      continue;
    }
    std::optional<SavedState> saved;
    try {
      saved = read_state(snapshot);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kBadInput) throw;
      damaged.push_back({snapshot, reason_of(error)});
      continue;
    }
    TrainingState& state = saved->state;
    const std::vector<std::string> changes =
        check_identity(saved->identity, identity, snapshot, free);
    check_steps(state, stream, training, snapshot);
    try {
      seek(stream, state.position);
      check_weights(snapshot, parameters);
      check_moments(snapshot, parameters, optimizer.has_average());
    } catch (const Error& error) {
      if (error.code() != ExitCode::kBadInput) throw;
      const std::string reason = reason_of(error);
      damaged.push_back({snapshot, reason.starts_with("damaged snapshot")
                                       ? reason
                                       : "damaged snapshot: " + reason});
      continue;
    }
    for (const Damaged& one : damaged) {
      spdlog::warn("{}: {}; set aside", one.snapshot.string(), one.reason);
      set_aside_snapshot(run, step_of(one.snapshot), "damaged");
    }
    for (const std::string& change : changes) {
      spdlog::warn("resuming the diverged run under another config: {}", change);
    }
    load_tensors(snapshot, state.step, optimizer);
    const std::int64_t left = stream.steps_left();
    const std::int64_t total_steps = left < 0 ? *training.max_steps : state.step + left;
    if (total_steps != state.total_steps) {
      spdlog::warn(
          "the run now ends after step {}, not {}: from here on the learning rate follows the "
          "schedule of {} steps",
          total_steps, state.total_steps, total_steps);
    }
    state.total_steps = total_steps;
    return std::move(state);
  }
  std::string list;
  for (const Damaged& one : damaged) list += "\n    " + one.snapshot.string() + ": " + one.reason;
  throw input_error("no snapshot of the run is whole:" + list, run.string(),
                    "start again with --restart");
}

}  // namespace

namespace {

/// Keys that data_fingerprint covers: they decide about token ids and their marks.
void erase_in_fingerprint(Json& identity) {
  if (!identity.is_object() || !identity.contains("data") || !identity["data"].is_object()) return;
  for (const char* const key : {"chat_template", "train_on_empty_reasoning"}) {
    identity["data"].erase(key);
  }
}

/// Keys that earlier versions did not have, with what these did.
void add_later_keys(Json& identity) {
  const Json later = {{"training",
                       {{"token_weights", "none"},
                        {"stm_threshold", 2.5},
                        {"ema", nullptr},
                        {"learning_rate_scales", {{"gate", 1.0}, {"up", 1.0}, {"down", 1.0}}}}},
                      {"retention", {{"loss", "kl"}, {"on", "text"}}}};
  if (!identity.is_object()) return;
  for (const auto& [group, keys] : later.items()) {
    if (!identity.contains(group) || !identity[group].is_object()) continue;
    for (const auto& [key, value] : keys.items()) {
      if (!identity[group].contains(key)) identity[group][key] = value;
    }
  }
}

}  // namespace

Json snapshot_identity(const Json& resolved_config, const std::string& base_fingerprint,
                       const std::string& data_fingerprint,
                       const std::string& retention_fingerprint) {
  Json identity = {{"base_fingerprint", base_fingerprint},
                   {"data_fingerprint", data_fingerprint},
                   {"retention_fingerprint", retention_fingerprint}};
  for (const char* key : {"method", "expansion", "lora", "data", "training", "retention"}) {
    identity[key] = resolved_config.at(key);
  }
  // Both keys set one number. Several ranks divide it further, which changes only rounding.
  Json& training = identity["training"];
  if (const Json steps = training.value("gradient_accumulation_steps", Json()); !steps.is_null()) {
    training["micro_batch_size"] =
        training.at("batch_size").get<std::int64_t>() / steps.get<std::int64_t>();
  }
  for (const char* key :
       {"gradient_accumulation_steps", "checkpoint_every", "keep_checkpoints", "output_checkpoint",
        "validate_every", "log_every", "epochs", "max_steps", "early_stopping_patience",
        "cache_prefix", "cache_prefix_limit", "gradient_checkpointing", "shard_base"}) {
    training.erase(key);
  }
  // The content of the data matters (data_fingerprint), not its paths.
  erase_in_fingerprint(identity);
  identity["data"].erase("validation");
  Json& train = identity["data"]["train"];
  if (train.is_array()) {
    for (Json& source : train) source.erase("path");
  } else {
    identity["data"].erase("train");
  }
  for (const char* const key : {"text", "prompts"}) identity["retention"].erase(key);
  return identity;
}

std::vector<std::string> check_identity(const Json& saved, const Json& now,
                                        const fs::path& snapshot,
                                        const std::vector<std::string>& free) {
  Json before = saved;
  erase_in_fingerprint(before);
  Json present = now;
  add_later_keys(before);
  add_later_keys(present);
  std::vector<Difference> changed;
  differences("", before, present, changed);
  std::string refused;
  std::vector<std::string> allowed;
  for (const Difference& difference : changed) {
    if (std::ranges::find(free, difference.path) != free.end()) {
      allowed.push_back(difference.text);
    } else {
      refused += "\n    " + difference.text;
    }
  }
  if (!refused.empty()) {
    throw input_error("the run cannot be resumed under another config:" + refused,
                      snapshot.string(), "undo the change, or start again with --restart");
  }
  return allowed;
}

TrainingState resume_run(const fs::path& run, const NamedTensors& parameters, AdamW& optimizer,
                         BatchStream& stream, const TrainingConfig& training,
                         const Json& identity) {
  const RankGroup& group = optimizer.group();
  if (group.is_alone()) {
    return load_newest(run, parameters, optimizer, stream, training, identity);
  }
  TrainingState state;
  if (group.is_first()) {
    state = load_newest(run, parameters, optimizer, stream, training, identity);
  } else {
    optimizer.restore(0, {});
  }
  state = parse_state(parse_json(group.text_of_first(state_json(state).dump()), "state of rank 0"));
  optimizer.set_steps(state.step);
  stream.seek(state.position);
  return state;
}

bool load_best_weights(const fs::path& run, std::int64_t step, const NamedTensors& parameters,
                       AdamW& optimizer) {
  const RankGroup& group = optimizer.group();
  const fs::path snapshot = snapshot_path(run, step);
  bool is_whole = true;
  if (group.is_first()) {
    try {
      check_weights(snapshot, parameters);
      if (optimizer.has_average()) check_moments(snapshot, parameters, /*has_average=*/true);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kBadInput) throw;
      spdlog::warn("{}: {}; the outputs hold the last weights, not the best", error.where(),
                   error.message());
      is_whole = false;
    }
  }
  if (!group.answer_of_first(is_whole)) return false;
  if (group.is_first()) {
    load_weights(snapshot, optimizer);
  } else {
    optimizer.restore_weights({});
  }
  return true;
}

}  // namespace expandft
