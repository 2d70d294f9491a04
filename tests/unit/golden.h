#pragma once

#include "checkpoint/model_directory.h"
#include "checkpoint/safetensors.h"
#include "model/tensors.h"
#include "model/token_tensors.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// Every folder of tests/golden/models; with `file`, those that hold it.
inline std::vector<std::string> golden_models(const std::string& file = "golden.safetensors") {
  std::vector<std::string> names;
  for (const auto& entry :
       fs::directory_iterator(fs::path(EXPANDFT_TEST_DATA) / "golden" / "models")) {
    if (fs::exists(entry.path() / file)) names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  if (names.empty()) throw std::runtime_error("no goldens that hold " + file);
  return names;
}

/// A folder of tests/golden/models: a checkpoint, and what the reference computes on it.
class Golden {
 public:
  explicit Golden(const std::string& model, const std::string& file = "golden.safetensors")
      : folder_(fs::path(EXPANDFT_TEST_DATA) / "golden" / "models" / model),
        file_(SafetensorsFile::open(folder_ / file)) {}

  ModelDirectory directory() const { return ModelDirectory::open(folder_); }
  bool has(const std::string& name) const { return file_.tensors().contains(name); }
  at::Tensor tensor(const std::string& name) const {
    return mapped_tensor(file_.tensors().at(name)).clone();
  }
  Json settings() const { return Json::parse(file_.metadata().at("settings")); }

  /// The sequences stored as prefix + "ids", "offsets" and, if there, "targets".
  TokenBatch batch(const std::string& prefix = "") const {
    const auto numbers = [&](const std::string& name) {
      const at::Tensor t = tensor(prefix + name).to(at::kLong).contiguous();
      return std::vector<std::int64_t>(t.const_data_ptr<std::int64_t>(),
                                       t.const_data_ptr<std::int64_t>() + t.numel());
    };
    TokenBatch batch;
    for (const auto id : numbers("ids")) batch.ids.push_back(static_cast<TokenId>(id));
    batch.offsets = numbers("offsets");
    for (std::size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
      for (auto t = batch.offsets[i]; t < batch.offsets[i + 1]; ++t) {
        batch.positions.push_back(t - batch.offsets[i]);
      }
    }
    batch.targets.assign(batch.ids.size(), kNoTarget);
    if (has(prefix + "targets")) {
      const auto targets = numbers("targets");
      batch.targets.assign(targets.begin(), targets.end());
    }
    return batch;
  }

 private:
  fs::path folder_;
  SafetensorsFile file_;
};

inline double worst_difference(const at::Tensor& a, const at::Tensor& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

}  // namespace expandft
