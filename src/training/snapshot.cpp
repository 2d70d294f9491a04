#include "training/snapshot.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/partial_path.h"
#include "checkpoint/atomic_directory.h"
#include "config/foreign_keys.h"
#include "model/tensors.h"

#include <algorithm>
#include <charconv>
#include <system_error>
#include <vector>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr std::int64_t kSnapshotVersion = 3;

/// Snapshots of a run, oldest first. What is half-written has another name, and is not among them.
std::vector<fs::path> snapshots_of(const fs::path& run) {
  std::vector<fs::path> found = snapshot_folders(run);
  std::erase_if(found, [](const fs::path& folder) { return !is_snapshot(folder); });
  std::ranges::reverse(found);
  return found;
}

/// Removes the oldest snapshots past `keep`, but not that of the step `best`. A name goes at once,
/// so that a half-removed one is never taken for a whole one.
void prune(const fs::path& run, std::int64_t keep, std::int64_t best) {
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
    if (step_of(old) == best) continue;
    const PartialPath aside(old);
    fs::rename(old, aside.path(), error);
    if (!error) fs::remove_all(aside.path(), error);
    if (error) spdlog::warn("{}: cannot be removed: {}", old.string(), error.message());
  }
}

fs::path weights_file(const fs::path& snapshot) {
  return snapshot / "parameters.safetensors";
}

fs::path moments_file(const fs::path& snapshot) {
  return snapshot / "optimizer.safetensors";
}

/// The checksum of a file, which is read piece by piece.
std::string checksum_of(const fs::path& file) {
  constexpr std::size_t kPiece = 1u << 20;  // pages that count as memory of ours meanwhile
  const auto mapped = MappedFile::open(file);
  Hash hash;
  for (std::span<const std::byte> rest = mapped->bytes(); !rest.empty();) {
    const auto piece = rest.first(std::min(rest.size(), kPiece));
    hash.add(piece);
    mapped->release(piece);
    rest = rest.subspan(piece.size());
  }
  return hash.digits();
}

Json checksums_of(const std::vector<fs::path>& files) {
  Json checksums = Json::object();
  for (const fs::path& file : files) checksums[file.filename().string()] = checksum_of(file);
  return checksums;
}

/// Input error unless a snapshot's file has the bytes that were written.
void check_bytes(const fs::path& file) {
  const Json state = read_json(file.parent_path() / "state.json");
  const Json written = state.is_object() ? state.value("checksums", Json()) : Json();
  if (!written.is_object() ||
      written.value(file.filename().string(), Json()) != checksum_of(file)) {
    throw input_error("damaged snapshot: its bytes are not those that were written", file.string(),
                      kDeleteSnapshot);
  }
}

/// Input error unless a file of a snapshot has, in fp32 and the parameters' shapes, what they are
/// called with each of the endings, and the bytes that were written.
void check_tensors(const fs::path& file, const NamedTensors& parameters,
                   std::initializer_list<const char*> endings) {
  const SafetensorsFile saved = SafetensorsFile::open(file);
  for (const auto& [name, tensor] : parameters) {
    for (const char* ending : endings) {
      const auto found = saved.tensors().find(name + ending);
      if (found != saved.tensors().end() && found->second.shape == tensor.sizes().vec() &&
          found->second.dtype == Dtype::kF32) {
        continue;
      }
      throw input_error("tensor \"" + name + ending + "\" is missing or has another shape or dtype",
                        file.string(), kDeleteSnapshot);
    }
  }
  check_bytes(file);
}

struct Difference {
  std::string path, text;  // "training.seed", "training.seed: 7 in the snapshot, 8 now"
};

/// Of each differing leaf.
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

}  // namespace

fs::path snapshot_path(const fs::path& run, std::int64_t step) {
  return run / "checkpoints" / fmt::format("step-{:06}", step);
}

std::int64_t step_of(const fs::path& snapshot) {
  const std::string name = snapshot.filename().string();
  std::int64_t step = -1;
  if (!name.starts_with("step-")) return -1;
  const char* end = name.data() + name.size();
  const auto [last, error] = std::from_chars(name.data() + 5, end, step);
  return error == std::errc() && last == end ? step : -1;
}

bool is_snapshot(const fs::path& folder) {
  return is_ours(folder, OutputKind::kSnapshot) && is_file(folder / "state.json");
}

std::vector<fs::path> snapshot_folders(const fs::path& run) {
  std::vector<fs::path> found;
  const fs::path folder = run / "checkpoints";
  if (!fs::is_directory(folder)) return found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (step_of(entry.path()) >= 0) found.push_back(entry.path());
  }
  std::ranges::sort(found, std::ranges::greater(), step_of);
  return found;
}

void save_snapshot(const fs::path& run, const TrainingState& state, const AdamW& optimizer,
                   const Json& identity, std::int64_t keep) {
  if (!optimizer.group().is_first()) return optimizer.send_state();
  AtomicDirectory directory(snapshot_path(run, state.step),
                            snapshot_bytes(optimizer.parameter_count()),
                            AtomicDirectory::Existing::kReplaceOurs, OutputKind::kSnapshot);
  write_safetensors(weights_file(directory.path()), optimizer.weights(), {});
  write_safetensors(moments_file(directory.path()), optimizer.moments(), {});
  Json json = {{"format", "expandft-snapshot"}, {"format_version", kSnapshotVersion}};
  json.update(state_json(state));
  json["identity"] = identity;
  json["checksums"] =
      checksums_of({weights_file(directory.path()), moments_file(directory.path())});
  write_file_atomically(directory.path() / "state.json", json.dump(2) + "\n");
  directory.commit();
  const std::optional<Validation>& best = state.validations.best;
  prune(run, keep, best ? best->step : -1);
}

std::optional<fs::path> newest_snapshot(const fs::path& run) {
  const std::vector<fs::path> all = snapshots_of(run);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

void set_aside_snapshot(const fs::path& run, std::int64_t step, const std::string& why) {
  for (const fs::path& folder : snapshot_folders(run)) {
    if (step_of(folder) != step) continue;
    fs::path aside = folder;
    aside += "." + why;
    std::error_code error;
    fs::remove_all(aside, error);
    fs::rename(folder, aside, error);
    if (error) {
      throw failure("the snapshot cannot be set aside: " + error.message(), folder.string());
    }
  }
}

SavedState read_state(const fs::path& snapshot) {
  const fs::path file = snapshot / "state.json";
  try {
    const Json json = read_json(file);
    if (json.at("format") != "expandft-snapshot" || json.at("format_version") != kSnapshotVersion) {
      throw input_error("its format is not one that this version reads");
    }
    SavedState saved{parse_state(json), with_present_keys(json.at("identity"))};
    if (saved.state.step != step_of(snapshot)) {
      throw input_error(fmt::format("\"step\" is {}; its folder says otherwise", saved.state.step));
    }
    return saved;
  } catch (const Json::exception& error) {
    throw input_error(std::string("damaged snapshot: ") + error.what(), file.string(),
                      kDeleteSnapshot);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kBadInput) throw;
    throw input_error("damaged snapshot: " + error.message(), file.string(), kDeleteSnapshot);
  }
}

std::vector<std::string> check_identity(const Json& saved, const Json& now,
                                        const fs::path& snapshot,
                                        const std::vector<std::string>& free) {
  std::vector<Difference> changed;
  differences("", saved, now, changed);
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

void check_weights(const fs::path& snapshot, const NamedTensors& parameters) {
  check_tensors(weights_file(snapshot), parameters, {""});
}

void check_moments(const fs::path& snapshot, const NamedTensors& parameters) {
  check_tensors(moments_file(snapshot), parameters, {".exp_avg", ".exp_avg_sq"});
}

void load_tensors(const fs::path& snapshot, std::int64_t step, AdamW& optimizer) {
  const SafetensorsFile weights = SafetensorsFile::open(weights_file(snapshot));
  const SafetensorsFile moments = SafetensorsFile::open(moments_file(snapshot));
  optimizer.restore(step, [&](const std::string& name) {
    const bool is_weight = weights.tensors().contains(name);
    return mapped_tensor((is_weight ? weights : moments).tensors().at(name));
  });
}

void load_weights(const fs::path& snapshot, AdamW& optimizer) {
  const SafetensorsFile weights = SafetensorsFile::open(weights_file(snapshot));
  optimizer.restore_weights(
      [&](const std::string& name) { return mapped_tensor(weights.tensors().at(name)); });
}

TrainingState load_snapshot(const fs::path& snapshot, const NamedTensors& parameters,
                            AdamW& optimizer, const Json& identity) {
  SavedState saved = read_state(snapshot);
  check_identity(saved.identity, identity, snapshot);
  check_weights(snapshot, parameters);
  check_moments(snapshot, parameters);
  load_tensors(snapshot, saved.state.step, optimizer);
  return std::move(saved.state);
}

std::uint64_t snapshot_bytes(std::int64_t parameters) {
  return (1 << 20) + 12 * static_cast<std::uint64_t>(parameters);
}

Json snapshot_identity(const Json& resolved_config, const std::string& base_fingerprint,
                       const std::string& data_fingerprint,
                       const std::string& retention_fingerprint) {
  Json identity = {{"base_fingerprint", base_fingerprint},
                   {"data_fingerprint", data_fingerprint},
                   {"retention_fingerprint", retention_fingerprint}};
  for (const char* key : {"method", "expansion", "lora", "data", "training", "retention"}) {
    identity[key] = resolved_config.at(key);
  }
  for (const char* key :
       {"checkpoint_every", "keep_checkpoints", "output_checkpoint", "validate_every", "log_every",
        "epochs", "max_steps", "early_stopping_patience", "cache_prefix", "cache_prefix_limit",
        "gradient_checkpointing", "shard_base"}) {
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
