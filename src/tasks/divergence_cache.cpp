#include "tasks/divergence_cache.h"

#include "base/hash.h"
#include "report/summary.h"

#include <utility>

namespace expandft {

DivergenceCache::DivergenceCache(const fs::path& folder, Json key) : key_(std::move(key)) {
  Hash hash;
  hash.add(key_.dump());
  file_ = folder / ("divergence-" + hash.digits().substr(0, 16) + ".json");
}

std::optional<std::vector<double>> DivergenceCache::find(std::size_t tasks) const {
  if (!is_file(file_)) return std::nullopt;
  const Json json = Json::parse(read_file(file_), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("key", Json()) != key_) return std::nullopt;
  std::vector<double> found;
  for (const Json& one : json.value("divergences", Json::array())) {
    if (!one.is_number()) return std::nullopt;
    found.push_back(one.get<double>());
  }
  return found.size() == tasks ? std::optional(found) : std::nullopt;
}

void DivergenceCache::put(const std::vector<double>& divergences) const {
  write_json(file_, {{"key", key_}, {"divergences", divergences}});
}

}  // namespace expandft
