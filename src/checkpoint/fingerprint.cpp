#include "base/hash.h"
#include "checkpoint/model_directory.h"

#include <nlohmann/json.hpp>

namespace expandft {

std::string ModelDirectory::fingerprint() const {
  if (!fingerprint_.empty()) return fingerprint_;
  Hash hash;
  hash.add(nlohmann::json(config_).dump());  // nlohmann::json sorts its keys
  for (const auto& [name, view] : tensors_) {
    hash.add(name);
    hash.add(safetensors_name(view.dtype));
    hash.add(std::uint64_t{view.shape.size()});
    for (const std::int64_t size : view.shape) hash.add(static_cast<std::uint64_t>(size));
    hash.add(view.bytes);
    view.release();
  }
  return fingerprint_ = hash.digits();
}

}  // namespace expandft
