#include "training/snapshot.h"

#include "base/error.h"
#include "checkpoint/atomic_directory.h"
#include "model/tensors.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <vector>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr std::int64_t kVersion = 2;

std::int64_t step_of(const fs::path& snapshot) {
  const std::string name = snapshot.filename().string();
  std::int64_t step = -1;
  if (!name.starts_with("step-")) return -1;
  const char* end = name.data() + name.size();
  const auto [last, error] = std::from_chars(name.data() + 5, end, step);
  return error == std::errc() && last == end ? step : -1;
}

/// Snapshots of a run, oldest first. What is half-written has another name, and is not among them.
std::vector<fs::path> snapshots_of(const fs::path& run) {
  std::vector<fs::path> found;
  const fs::path folder = run / "checkpoints";
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (step_of(path) >= 0 && is_ours(path, OutputKind::kSnapshot) &&
        is_file(path / "state.json")) {
      found.push_back(path);
    }
  }
  std::ranges::sort(found, {}, step_of);
  return found;
}

/// Removes the oldest snapshots past `keep`. A name goes at once, so that a half-removed one is
/// never taken for a whole one.
void prune(const fs::path& run, std::int64_t keep) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", error)) {
    // What an ended process could not finish removing.
    const std::string name = entry.path().filename().string();
    const std::size_t end = name.find(".partial-");
    if (!name.starts_with(".step-") || end == name.npos) continue;
    remove_dead_partials(entry.path().parent_path() / name.substr(1, end - 1));
  }
  std::vector<fs::path> all = snapshots_of(run);
  for (std::int64_t i = 0; i + keep < std::ssize(all); ++i) {
    const fs::path& old = all[static_cast<std::size_t>(i)];
    const fs::path aside = partial_path(old);
    fs::rename(old, aside, error);
    if (!error) fs::remove_all(aside, error);
    if (error) spdlog::warn("{}: cannot be removed: {}", old.string(), error.message());
  }
}

std::vector<TensorSource> sources(const NamedTensors& tensors) {
  std::vector<TensorSource> out;
  for (const auto& [name, tensor] : tensors) {
    out.push_back(source_of(name, tensor, dtype_of(tensor.scalar_type())));
  }
  return out;
}

void restore(const fs::path& file, const NamedTensors& tensors) {
  const c10::NoGradGuard no_grad;
  const SafetensorsFile saved = SafetensorsFile::open(file);
  for (const auto& [name, tensor] : tensors) {
    const auto found = saved.tensors().find(name);
    if (found == saved.tensors().end() || found->second.shape != tensor.sizes().vec() ||
        scalar_type(found->second.dtype) != tensor.scalar_type()) {
      throw input_error("tensor \"" + name + "\" is missing or has another shape or dtype",
                        file.string(), kDeleteSnapshot);
    }
    at::Tensor live = tensor;
    live.copy_(mapped_tensor(found->second));
  }
}

/// A count of state.json, which may have been edited or damaged.
std::int64_t count_of(const Json& json, const char* key) {
  const Json& value = json.at(key);
  if (!value.is_number_integer() || value.get<std::int64_t>() < 0) {
    throw input_error(std::string("\"") + key + "\" is " + value.dump() + "; expected a count");
  }
  return value.get<std::int64_t>();
}

TrainingState state_of(const Json& json) {
  TrainingState state{.step = count_of(json, "step"),
                      .position = {static_cast<std::uint64_t>(count_of(json, "epoch")),
                                   static_cast<std::uint64_t>(count_of(json, "pack"))},
                      .tokens = count_of(json, "tokens"),
                      .targets = count_of(json, "targets"),
                      .first_loss = json.at("first_loss"),
                      .last_loss = json.at("last_loss")};
  if (const Json& before = json.at("validation_before"); !before.is_null()) {
    state.validation_before = before.get<double>();
  }
  return state;
}

/// "training.seed: 7 in the snapshot, 8 now" for each differing leaf.
void differences(const std::string& path, const Json& saved, const Json& now,
                 std::vector<std::string>& out) {
  if (saved.is_object() && now.is_object()) {
    Json keys = saved;
    keys.update(now);
    for (const auto& [key, unused] : keys.items()) {
      differences(path.empty() ? key : path + "." + key, saved.value(key, Json()),
                  now.value(key, Json()), out);
    }
  } else if (saved != now) {
    out.push_back(path + ": " + saved.dump() + " in the snapshot, " + now.dump() + " now");
  }
}

}  // namespace

void save_snapshot(const fs::path& run, const TrainingState& state, const NamedTensors& parameters,
                   const AdamW& optimizer, const Json& identity, std::int64_t keep) {
  const fs::path target = run / "checkpoints" / fmt::format("step-{:06}", state.step);
  AtomicDirectory directory(target, snapshot_bytes(parameters),
                            AtomicDirectory::Existing::kReplaceOurs, OutputKind::kSnapshot);
  write_safetensors(directory.path() / "parameters.safetensors", sources(parameters), {});
  write_safetensors(directory.path() / "optimizer.safetensors", sources(optimizer.moments()), {});
  const auto& before = state.validation_before;
  const Json json = {{"format", "expandft-snapshot"},
                     {"format_version", kVersion},
                     {"step", state.step},
                     {"epoch", state.position.epoch},
                     {"pack", state.position.pack},
                     {"tokens", state.tokens},
                     {"targets", state.targets},
                     {"first_loss", state.first_loss},
                     {"last_loss", state.last_loss},
                     {"validation_before", before ? Json(*before) : Json()},
                     {"identity", identity}};
  write_file_atomically(directory.path() / "state.json", json.dump(2) + "\n");
  directory.commit();
  prune(run, keep);
}

std::optional<fs::path> newest_snapshot(const fs::path& run) {
  const std::vector<fs::path> all = snapshots_of(run);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

TrainingState load_snapshot(const fs::path& snapshot, const NamedTensors& parameters,
                            AdamW& optimizer, const Json& identity) {
  const fs::path file = snapshot / "state.json";
  const Json json = read_json(file);
  TrainingState state;
  Json saved;
  try {
    if (json.at("format") != "expandft-snapshot" || json.at("format_version") != kVersion) {
      throw input_error("its format is not one that this version reads");
    }
    state = state_of(json);
    saved = json.at("identity");
  } catch (const Json::exception& error) {
    throw input_error(std::string("damaged snapshot: ") + error.what(), file.string(),
                      kDeleteSnapshot);
  } catch (const Error& error) {
    throw input_error("damaged snapshot: " + error.message(), file.string(), kDeleteSnapshot);
  }
  std::vector<std::string> changed;
  differences("", saved, identity, changed);
  if (!changed.empty()) {
    std::string list;
    for (const std::string& line : changed) list += "\n    " + line;
    throw input_error("the run cannot be resumed under another config:" + list, snapshot.string(),
                      "undo the change, or start again with --restart");
  }
  restore(snapshot / "parameters.safetensors", parameters);
  restore(snapshot / "optimizer.safetensors", optimizer.moments());
  optimizer.set_steps(state.step);
  return state;
}

std::uint64_t snapshot_bytes(const NamedTensors& parameters) {
  std::uint64_t bytes = 1 << 20;
  for (const auto& [name, tensor] : parameters) bytes += 3 * tensor.nbytes();
  return bytes;
}

Json snapshot_identity(const Json& resolved_config, const std::string& base_fingerprint,
                       const std::string& data_fingerprint,
                       const std::string& retention_fingerprint) {
  Json identity = {{"base_fingerprint", base_fingerprint},
                   {"data_fingerprint", data_fingerprint},
                   {"retention_fingerprint", retention_fingerprint}};
  for (const char* key : {"train", "expansion", "lora", "data", "training", "retention"}) {
    identity[key] = resolved_config.at(key);
  }
  for (const char* key : {"checkpoint_every", "keep_checkpoints", "validate_every", "log_every"}) {
    identity["training"].erase(key);
  }
  // The data's content counts, not where it lies.
  identity["data"].erase("validation");
  Json& train = identity["data"]["train"];
  if (train.is_array()) {
    for (Json& source : train) source.erase("path");
  } else {
    identity["data"].erase("train");
  }
  identity["retention"].erase("text");
  return identity;
}

}  // namespace expandft
