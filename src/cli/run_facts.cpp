#include "checkpoint/adapter_directory.h"
#include "cli/facts.h"

#include <algorithm>
#include <string>
#include <vector>

namespace expandft {
namespace {

/// The last event of each kind in metrics.jsonl. A torn last line is what a killed run leaves.
Json last_events(const fs::path& file) {
  Json events = Json::object();
  if (!fs::exists(file)) return events;
  const std::string text = read_file(file);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    const Json event = parse_json(std::string_view(text).substr(begin, end - begin), file.string());
    if (event.is_object()) events[event.value("event", "event")] = event;
    begin = end + 1;
  }
  for (auto& [kind, event] : events.items()) event.erase("event");
  return events;
}

std::vector<std::string> folders_in(const fs::path& directory) {
  std::vector<std::string> names;
  if (!fs::is_directory(directory)) return names;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && !name.starts_with('.')) names.push_back(name);
  }
  std::ranges::sort(names);
  return names;
}

}  // namespace

Json run_facts(const fs::path& directory) {
  const bool finished = fs::exists(directory / "summary.json");
  const Json config = read_json(directory / "config.resolved.json");
  Json facts = {{"kind", "run"}, {"status", finished ? "finished" : "unfinished"}};
  for (const char* key : {"model", "expansion", "train", "strength"}) {
    if (config.is_object() && config.contains(key)) facts[key] = config.at(key);
  }
  facts["last"] = last_events(directory / "metrics.jsonl");
  facts["checkpoints"] = folders_in(directory / "checkpoints");
  facts["adapter"] = fs::exists(directory / "adapter" / "adapter_config.json");
  facts["merged"] = fs::exists(directory / "merged" / "config.json");
  if (finished) facts["summary"] = read_json(directory / "summary.json");
  return facts;
}

Json adapter_facts(const fs::path& directory) {
  const AdapterDirectory adapter = AdapterDirectory::open(directory);
  const AdapterInfo& info = adapter.info();
  std::int64_t parameters = 0;
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : adapter.tensors()) {
    parameters += static_cast<std::int64_t>(tensor.bytes.size() / size_of(tensor.dtype));
    bytes += tensor.bytes.size();
  }
  return {{"kind", "adapter"},
          {"base_model", info.base_model},
          {"base_fingerprint", info.base_fingerprint},
          {"layers", info.layers},
          {"copies", info.copies},
          {"hidden_size", info.hidden_size},
          {"intermediate_size", info.intermediate_size},
          {"train", info.train},
          {"strength", info.strength},
          {"parameters", parameters},
          {"weight_bytes", bytes}};
}

}  // namespace expandft
