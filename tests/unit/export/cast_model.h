#pragma once

#include "checkpoint/model_directory.h"
#include "golden.h"
#include "model/tensors.h"

#include <string>
#include <vector>

namespace expandft {

/// A copy of a golden model, or of stories260K, in another dtype.
inline ModelDirectory cast_model(const std::string& model, Dtype dtype, const fs::path& to) {
  const ModelDirectory original = model == "stories260K"
                                      ? ModelDirectory::open(fs::path(EXPANDFT_DATA) / model)
                                      : Golden(model).directory();
  std::vector<TensorSource> tensors;
  for (const auto& [name, view] : original.tensors()) {
    tensors.push_back(source_of(name, mapped_tensor(view), dtype));
  }
  fs::create_directories(to);
  write_safetensors(to / "model.safetensors", tensors, {{"format", "pt"}});
  fs::copy_file(original.path() / "config.json", to / "config.json");
  return ModelDirectory::open(to);
}

}  // namespace expandft
