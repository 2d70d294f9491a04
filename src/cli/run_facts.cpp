#include "checkpoint/adapter_directory.h"
#include "checkpoint/peft_adapter.h"
#include "cli/facts.h"
#include "config/unknown_keys.h"
#include "report/metrics_log.h"
#include "run/run_state.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

namespace expandft {
namespace {

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

Json run_facts(const fs::path& directory) {
  const bool finished = is_there(directory / "summary.json");
  const Json config = with_present_keys(read_json(directory / "config.resolved.json"));
  const std::vector<Json> events = read_metrics(directory / "metrics.jsonl");
  Json facts = {{"kind", "run"}, {"status", finished ? "finished" : "unfinished"}};
  facts.update(run_state(directory, events));
  for (const char* key : {"model", "expansion", "method", "strength"}) {
    if (config.is_object() && config.contains(key)) facts[key] = config.at(key);
  }
  facts["last"] = last_of_each(events);
  facts["checkpoints"] = folders_in(directory / "checkpoints");
  facts["adapter"] = is_there(directory / "adapter" / "adapter_config.json");
  facts["merged"] = is_there(directory / "merged" / "config.json");
  if (finished) facts["summary"] = read_json(directory / "summary.json");
  const Json summary = finished ? facts["summary"] : Json();
  facts["tasks"] = run_tasks(summary, events);
  facts["files"] = run_files(directory);
  facts["warnings"] =
      summary.is_object() ? summary.value("warnings", Json::array()) : Json::array();
  return facts;
}

Json adapter_facts(const fs::path& directory) {
  const auto add_sizes = [](Json facts, const std::map<std::string, TensorView>& tensors) {
    std::uint64_t parameters = 0, bytes = 0;
    for (const auto& [name, tensor] : tensors) {
      parameters += tensor.bytes.size() / size_of(tensor.dtype);
      bytes += tensor.bytes.size();
    }
    facts["parameters"] = parameters;
    facts["weight_bytes"] = bytes;
    return facts;
  };
  if (is_peft_adapter(directory)) {
    const PeftAdapter adapter = PeftAdapter::open(directory);
    const PeftLoraInfo& info = adapter.info();
    return add_sizes({{"kind", "adapter"},
                      {"format", "PEFT LoRA"},
                      {"base_model", info.base_model},
                      {"rank", info.rank},
                      {"alpha", info.alpha},
                      {"target_modules", info.targets.stated()}},
                     adapter.tensors());
  }
  const AdapterDirectory adapter = AdapterDirectory::open(directory);
  const AdapterInfo& info = adapter.info();
  return add_sizes({{"kind", "adapter"},
                    {"base_model", info.base_model},
                    {"base_fingerprint", info.base_fingerprint},
                    {"layers", info.layers},
                    {"copies", info.copies},
                    {"hidden_size", info.hidden_size},
                    {"intermediate_size", info.intermediate_size},
                    {"method", method_text(info.method)},
                    {"strength", info.strength}},
                   adapter.tensors());
}

}  // namespace expandft
