#include "base/error.h"
#include "checkpoint/adapter_directory.h"
#include "cli/facts.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace expandft {
namespace {

/// An event of metrics.jsonl, or nothing when the line is damaged.
std::optional<Json> parse_event(std::string_view line) {
  try {
    Json event = parse_json(line, "");
    const bool whole =
        event.is_object() && event.contains("event") && event.at("event").is_string();
    return whole ? std::optional(std::move(event)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// The last event of each kind in metrics.jsonl. A killed run leaves a torn last line, and damaged
/// ones are left out, as on --resume.
Json last_events(const fs::path& file) {
  Json events = Json::object();
  if (!is_there(file)) return events;
  const std::string text = read_file(file);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) break;
    if (const auto event = parse_event(std::string_view(text).substr(begin, end - begin))) {
      events[event->at("event").get<std::string>()] = *event;
    }
    begin = end + 1;
  }
  for (auto& [kind, event] : events.items()) event.erase("event");
  return events;
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
  const Json config = read_json(directory / "config.resolved.json");
  Json facts = {{"kind", "run"}, {"status", finished ? "finished" : "unfinished"}};
  for (const char* key : {"model", "expansion", "train", "strength"}) {
    if (config.is_object() && config.contains(key)) facts[key] = config.at(key);
  }
  facts["last"] = last_events(directory / "metrics.jsonl");
  facts["checkpoints"] = folders_in(directory / "checkpoints");
  facts["adapter"] = is_there(directory / "adapter" / "adapter_config.json");
  facts["merged"] = is_there(directory / "merged" / "config.json");
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
