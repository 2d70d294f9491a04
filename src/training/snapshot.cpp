#include "training/snapshot.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/partial_path.h"
#include "checkpoint/atomic_directory.h"
#include "config/unknown_keys.h"
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

/// Complete snapshots of a run, oldest first: an unfinished one has another name.
std::vector<fs::path> snapshots_of(const fs::path& run) {
  std::vector<fs::path> found = snapshot_folders(run);
  std::erase_if(found, [](const fs::path& folder) { return !is_snapshot(folder); });
  std::ranges::reverse(found);
  return found;
}

/// Removes the oldest snapshots beyond `keep`, except that of the step `best`. Each is renamed
/// first, so that a partly removed one is never taken for a complete one.
void prune(const fs::path& run, std::int64_t keep, std::int64_t best) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(run / "checkpoints", error)) {
    // Left by a process that ended while it was removing a snapshot.
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

std::string checksum_of(const fs::path& file) {
  constexpr std::size_t kPiece = 1u << 20;  // released at once, to keep resident memory small
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

/// Input error unless a file has the checksum that its snapshot's state.json has for it.
void check_bytes(const fs::path& file) {
  const Json state = read_json(file.parent_path() / "state.json");
  const Json written = state.is_object() ? state.value("checksums", Json()) : Json();
  if (!written.is_object() ||
      written.value(file.filename().string(), Json()) != checksum_of(file)) {
    throw input_error("damaged snapshot: its bytes are not those that were written", file.string(),
                      kDeleteSnapshot);
  }
}

/// Input error unless the file holds, for each parameter and each ending of its name, a float32
/// tensor of the parameter's shape, and its checksum is right.
void check_tensors(const fs::path& file, const NamedTensors& parameters,
                   const std::vector<const char*>& endings) {
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
                            snapshot_bytes(optimizer.parameter_count(), optimizer.has_average()),
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

std::uint64_t snapshot_bytes(std::int64_t parameters, bool has_average) {
  return (1 << 20) + (has_average ? 16 : 12) * static_cast<std::uint64_t>(parameters);
}

SavedState read_state(const fs::path& snapshot) {
  const fs::path file = snapshot / "state.json";
  try {
    const Json json = read_json(file);
    if (json.at("format") != "expandft-snapshot" || json.at("format_version") != kSnapshotVersion) {
      throw input_error("this version of expandft cannot read its format");
    }
    SavedState saved{parse_state(json), with_present_keys(json.at("identity"))};
    if (saved.state.step != step_of(snapshot)) {
      throw input_error(fmt::format("\"step\" is {}, which is not the step in its folder's name",
                                    saved.state.step));
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

void check_weights(const fs::path& snapshot, const NamedTensors& parameters) {
  check_tensors(weights_file(snapshot), parameters, {""});
}

void check_moments(const fs::path& snapshot, const NamedTensors& parameters, bool has_average) {
  check_tensors(moments_file(snapshot), parameters,
                has_average ? std::vector<const char*>{".exp_avg", ".exp_avg_sq", ".average"}
                            : std::vector<const char*>{".exp_avg", ".exp_avg_sq"});
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
  const bool average = optimizer.has_average();
  const SafetensorsFile file =
      SafetensorsFile::open(average ? moments_file(snapshot) : weights_file(snapshot));
  optimizer.restore_weights([&](const std::string& name) {
    return mapped_tensor(file.tensors().at(average ? name + ".average" : name));
  });
}

}  // namespace expandft
