#include "training/resume.h"

#include "base/error.h"
#include "base/wording.h"

#include <iterator>
#include <optional>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct Damaged {
  fs::path snapshot;
  std::string reason;
};

std::string reason_of(const Error& error) {
  const std::string file = fs::path(error.where()).filename().string();
  return error.message() + (file.empty() ? "" : " (" + file + ")");
}

void seek(BatchStream& stream, StreamPosition position) try {
  stream.seek(position);
} catch (const Error& error) {
  throw input_error(error.message(), "state.json");
}

/// Input error when the config's steps are behind the snapshot already.
void check_steps(const TrainingState& state, const BatchStream& stream,
                 const TrainingConfig& training, const fs::path& snapshot) {
  const std::int64_t asked = stream.total_steps();
  const StreamPosition end{static_cast<std::uint64_t>(training.epochs.value_or(0)), 0};
  const bool beyond = training.max_steps
                          ? state.step > asked
                          : state.position.epoch >= end.epoch && state.position != end;
  // A place that a run of as many epochs never comes to is damage; seek says so.
  if (!beyond || (training.epochs && state.total_steps == asked)) return;
  throw input_error(
      fmt::format("{} {} done, and the config asks for {}", counted(state.step, "step"),
                  state.step == 1 ? "is" : "are", asked),
      snapshot.string(),
      "ask for as many at least (training.max_steps, training.epochs), or start again with "
      "--restart");
}

}  // namespace

ResumedRun resume_run(const fs::path& run, const NamedTensors& parameters, AdamW& optimizer,
                      BatchStream& stream, const TrainingConfig& training, const Json& identity) {
  std::vector<std::string> free;
  if (is_there(divergence_file(run))) {
    free.assign(std::begin(kMayChangeAfterDivergence), std::end(kMayChangeAfterDivergence));
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
      check_moments(snapshot, parameters);
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
      spdlog::warn("going on after the divergence under another config: {}", change);
    }
    load_tensors(snapshot, state.step, optimizer);
    const std::int64_t left = stream.steps_left();
    ResumedRun resumed{std::move(state), left < 0 ? *training.max_steps : state.step + left};
    if (resumed.total_steps != resumed.state.total_steps) {
      spdlog::warn(
          "the run now ends after step {}, not {}: the learning rate follows the schedule of {} "
          "steps from here on",
          resumed.total_steps, resumed.state.total_steps, resumed.total_steps);
    }
    resumed.state.total_steps = resumed.total_steps;
    return resumed;
  }
  std::string list;
  for (const Damaged& one : damaged) list += "\n    " + one.snapshot.string() + ": " + one.reason;
  throw input_error("no snapshot of the run is whole:" + list, run.string(),
                    "start again with --restart");
}

}  // namespace expandft
