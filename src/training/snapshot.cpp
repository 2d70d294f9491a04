#include "training/snapshot.h"

#include "base/error.h"
#include "checkpoint/atomic_directory.h"
#include "model/tensors.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

constexpr std::int64_t kVersion = 1;

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
    if (entry.is_directory() && step_of(entry.path()) >= 0) found.push_back(entry.path());
  }
  std::ranges::sort(found, {}, step_of);
  return found;
}

std::vector<TensorSource> sources(const CopyTensors& tensors) {
  std::vector<TensorSource> out;
  for (const auto& [name, tensor] : tensors) {
    out.push_back(source_of(name, tensor, dtype_of(tensor.scalar_type())));
  }
  return out;
}

void restore(const fs::path& file, const CopyTensors& tensors) {
  const c10::NoGradGuard no_grad;
  const SafetensorsFile saved = SafetensorsFile::open(file);
  for (const auto& [name, tensor] : tensors) {
    const auto found = saved.tensors().find(name);
    if (found == saved.tensors().end() || found->second.shape != tensor.sizes().vec() ||
        scalar_type(found->second.dtype) != tensor.scalar_type()) {
      throw input_error("tensor \"" + name + "\" is missing or has another shape or dtype",
                        file.string(), "delete this snapshot; the one before it will be used");
    }
    at::Tensor live = tensor;
    live.copy_(mapped_tensor(found->second));
  }
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

void save_snapshot(const fs::path& run, const TrainingState& state, const CopyTensors& copies,
                   const AdamW& optimizer, const Json& identity, std::int64_t keep) {
  const fs::path target = run / "checkpoints" / fmt::format("step-{:06}", state.step);
  AtomicDirectory directory(target, snapshot_bytes(copies),
                            AtomicDirectory::Existing::kReplaceOurs);
  write_safetensors(directory.path() / "copies.safetensors", sources(copies), {});
  write_safetensors(directory.path() / "optimizer.safetensors", sources(optimizer.moments()), {});
  const Json json = {
      {"format", "expandft-snapshot"}, {"format_version", kVersion},  {"step", state.step},
      {"epoch", state.position.epoch}, {"pack", state.position.pack}, {"tokens", state.tokens},
      {"targets", state.targets},      {"identity", identity}};
  write_file_atomically(directory.path() / "state.json", json.dump(2) + "\n");
  directory.commit();

  std::vector<fs::path> all = snapshots_of(run);
  for (std::int64_t i = 0; i + keep < static_cast<std::int64_t>(all.size()); ++i) {
    fs::remove_all(all[static_cast<std::size_t>(i)]);
  }
}

std::optional<fs::path> newest_snapshot(const fs::path& run) {
  const std::vector<fs::path> all = snapshots_of(run);
  return all.empty() ? std::nullopt : std::optional(all.back());
}

TrainingState load_snapshot(const fs::path& snapshot, const CopyTensors& copies, AdamW& optimizer,
                            const Json& identity) {
  const fs::path file = snapshot / "state.json";
  const Json json = read_json(file);
  TrainingState state;
  Json saved;
  try {
    if (json.at("format") != "expandft-snapshot" || json.at("format_version") != kVersion) {
      throw input_error("not a snapshot that this version reads", file.string());
    }
    state = {.step = json.at("step"),
             .position = {json.at("epoch"), json.at("pack")},
             .tokens = json.at("tokens"),
             .targets = json.at("targets")};
    saved = json.at("identity");
  } catch (const Json::exception& error) {
    throw input_error(std::string("damaged snapshot: ") + error.what(), file.string(),
                      "delete this snapshot; the one before it will be used");
  }
  std::vector<std::string> changed;
  differences("", saved, identity, changed);
  if (!changed.empty()) {
    std::string list;
    for (const std::string& line : changed) list += "\n    " + line;
    throw input_error("the run cannot be resumed under another config:" + list, snapshot.string(),
                      "undo the change, or start again with --restart");
  }
  restore(snapshot / "copies.safetensors", copies);
  restore(snapshot / "optimizer.safetensors", optimizer.moments());
  optimizer.set_steps(state.step);
  return state;
}

std::uint64_t snapshot_bytes(const CopyTensors& copies) {
  std::uint64_t bytes = 1 << 20;
  for (const auto& [name, tensor] : copies) bytes += 3 * tensor.nbytes();
  return bytes;
}

Json snapshot_identity(const Json& resolved_config, const std::string& base_fingerprint) {
  Json identity = {{"base_fingerprint", base_fingerprint}};
  for (const char* key : {"expansion", "train", "data", "training"}) {
    identity[key] = resolved_config.at(key);
  }
  for (const char* key : {"checkpoint_every", "keep_checkpoints", "validate_every", "log_every"}) {
    identity["training"].erase(key);
  }
  identity["data"].erase("validation");
  return identity;
}

}  // namespace expandft
