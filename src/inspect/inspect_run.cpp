#include "inspect/inspect_run.h"

#include "base/wording.h"
#include "checkpoint/output_lock.h"
#include "config/unknown_keys.h"
#include "report/json_values.h"
#include "report/metrics_log.h"
#include "run/run_directory.h"
#include "training/health.h"
#include "training/snapshot.h"

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace expandft {
namespace {

std::string kind_of(const Json& event) {
  return text_at(event, "event");
}

Json number_or_null(const std::optional<double>& number) {
  return number ? Json(static_cast<std::int64_t>(*number)) : Json();
}

std::string state_of(const fs::path& directory, bool is_held, const std::vector<Json>& events) {
  if (is_held) return "running";
  if (is_there(directory / "summary.json")) return "finished";
  if (is_there(diverged_file(directory))) return "diverged";
  const std::string last = events.empty() ? "" : kind_of(events.back());
  return last == "interrupted" ? "interrupted" : last == "end" ? "trained" : "ended";
}

/// Of a new task, judged as `compare` judges original ones without a budget.
std::string new_verdict(const Json& task) {
  const auto difference = number_at(task, "difference"), error = number_at(task, "standard_error");
  if (!difference || !error) return "";
  const Json metrics = task.value("metrics", Json());
  const bool is_higher_better = metrics.is_array() && !metrics.empty() &&
                                metrics.front().is_object() &&
                                metrics.front().value("higher_is_better", Json()) == Json(true);
  const double gain = is_higher_better ? *difference : -*difference;
  return gain > 2 * *error ? "learned" : gain < -2 * *error ? "worse" : "same";
}

void add_measured(const Json& tasks, bool are_originals, Json& out) {
  if (!tasks.is_array()) return;
  for (const Json& task : tasks) {
    if (!task.is_object()) continue;
    const std::string metric = text_at(task, "metric");
    const auto value = [&](const char* model) -> Json {
      const Json values = task.value(model, Json());
      return values.is_object() ? values.value(metric, Json()) : Json();
    };
    out.push_back({{"task", text_at(task, "task")},
                   {"original", are_originals},
                   {"metric", metric},
                   {"base", value("base")},
                   {"tuned", value("tuned")},
                   {"verdict", are_originals ? text_at(task, "verdict") : new_verdict(task)}});
  }
}

/// A file's size, or that of all files in a folder; links are not followed.
std::uint64_t size_of_all(const fs::path& path) {
  std::error_code error;
  if (!is_folder(path)) {
    const std::uint64_t size = fs::file_size(path, error);
    return error ? 0 : size;
  }
  std::uint64_t sum = 0;
  for (fs::recursive_directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code unknown;
    if (!entry->is_regular_file(unknown) || entry->is_symlink(unknown)) continue;
    const std::uint64_t size = entry->file_size(unknown);
    if (!unknown) sum += size;
  }
  return sum;
}

std::string snapshots_in_words(const fs::path& directory) {
  const std::vector<fs::path> snapshots = snapshot_folders(directory);
  if (snapshots.empty()) return "no snapshot yet";
  return counted(std::ssize(snapshots), "snapshot") + ", the newest " +
         snapshots.front().filename().string() + ": --resume continues from it";
}

/// How far the run came.
Json state_json(const fs::path& directory, const std::vector<Json>& events) {
  const std::optional<std::string> holder = lock_holder(directory);
  const std::string state = state_of(directory, holder.has_value(), events);
  std::optional<double> step, total;
  for (const Json& event : events) {
    const std::optional<double> at = number_at(event, "step");
    if (at && (!step || *at > *step)) step = at;
    if (const auto steps = number_at(event, "total_steps")) total = steps;
  }
  Json out = {{"state", state},
              {"step", number_or_null(step)},
              {"total_steps", number_or_null(total)},
              {"process", holder ? Json(*holder) : Json()}};
  if (is_file(diverged_file(directory))) out["diverged"] = read_json(diverged_file(directory));
  const bool is_to_go_on = state != "running" && state != "finished";
  out["continue"] =
      is_to_go_on ? Json(resume_command((directory / "config.resolved.json").string())) : Json();
  return out;
}

/// Base against tuned.
Json tasks_json(const Json& summary, const std::vector<Json>& events) {
  Json tasks = Json::array();
  const Json evaluation = summary.is_object() ? summary.value("evaluation", Json()) : Json();
  if (evaluation.is_object() && !evaluation.empty()) {
    add_measured(evaluation.value("original_tasks", Json()), true, tasks);
    add_measured(evaluation.value("tasks", Json()), false, tasks);
    return tasks;
  }
  const auto is_evaluation = [](const Json& event) { return kind_of(event) == "evaluation"; };
  const auto first = std::ranges::find_if(events, is_evaluation);
  if (first == events.end()) return tasks;
  const auto last = std::find_if(events.rbegin(), events.rend(), is_evaluation);
  const Json before = first->value("tasks", Json()), after = last->value("tasks", Json());
  for (std::size_t i = 0; before.is_array() && i < before.size(); ++i) {
    if (!before[i].is_object()) continue;
    const bool is_measured =
        &*first != &*last && after.is_array() && i < after.size() && after[i].is_object();
    tasks.push_back({{"task", text_at(before[i], "task")},
                     {"original", before[i].value("original", Json(false))},
                     {"metric", text_at(before[i], "metric")},
                     {"base", before[i].value("value", Json())},
                     {"tuned", is_measured ? after[i].value("value", Json()) : Json()},
                     {"verdict", ""}});
  }
  return tasks;
}

/// What the directory holds, and what each is for.
Json files_json(const fs::path& directory) {
  const std::vector<std::pair<std::string, std::string>> known = {
      {"merged", "the whole model, as transformers, vLLM and expandft load it"},
      {"merged.gguf", "the whole model, as llama.cpp loads it"},
      {"adapter", "what was trained, apart from the base: expandft merge folds it in"},
      {"report.html", "the report for people: charts, tasks, samples"},
      {"summary.json", "the results for programs"},
      {"metrics.jsonl", "what was measured at each step"},
      {"config.resolved.json", "the config with every default"},
      {"checkpoints", ""},
      {"layer_ranking.json", "how the layers were chosen"},
      {"neurons.safetensors", "which neurons were copied"},
      {"retention.safetensors", "texts that the base wrote, for retention"},
      {"diverged.json", "where training diverged"}};
  Json files = Json::array();
  const auto add = [&](const std::string& name, const std::string& what) {
    const fs::path path = directory / name;
    files.push_back({{"name", name + (is_folder(path) ? "/" : "")},
                     {"bytes", size_of_all(path)},
                     {"what", what}});
  };
  for (const auto& [name, what] : known) {
    if (!is_there(directory / name)) continue;
    add(name, name == "checkpoints" ? snapshots_in_words(directory) : what);
  }
  std::vector<std::string> others;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool is_known =
        std::ranges::any_of(known, [&](const auto& one) { return one.first == name; });
    if (!is_known && !name.starts_with('.')) others.push_back(name);
  }
  std::ranges::sort(others);
  for (const std::string& name : others) add(name, "");
  return files;
}

/// The last event of each kind.
Json last_of_each(const std::vector<Json>& events) {
  Json last = Json::object();
  for (const Json& event : events) last[event.at("event").get<std::string>()] = event;
  for (auto& [kind, event] : last.items()) event.erase("event");
  return last;
}

std::vector<std::string> folders_in(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (is_folder(entry->path()) && !name.starts_with('.')) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

Json inspect_run(const fs::path& directory) {
  const bool finished = is_there(directory / "summary.json");
  const Json config = with_present_keys(read_json(directory / "config.resolved.json"));
  const std::vector<Json> events = read_metrics(directory / "metrics.jsonl");
  Json out = {{"kind", "run"}, {"status", finished ? "finished" : "unfinished"}};
  out.update(state_json(directory, events));
  for (const char* key : {"model", "expansion", "method", "strength"}) {
    if (config.is_object() && config.contains(key)) out[key] = config.at(key);
  }
  out["last"] = last_of_each(events);
  out["checkpoints"] = folders_in(directory / "checkpoints");
  out["adapter"] = is_there(directory / "adapter" / "adapter_config.json");
  out["merged"] =
      is_there(directory / "merged" / "config.json") || is_there(directory / "merged.gguf");
  if (finished) out["summary"] = read_json(directory / "summary.json");
  const Json summary = finished ? out["summary"] : Json();
  out["tasks"] = tasks_json(summary, events);
  out["files"] = files_json(directory);
  out["warnings"] = summary.is_object() ? summary.value("warnings", Json::array()) : Json::array();
  return out;
}

}  // namespace expandft
