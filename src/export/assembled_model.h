#pragma once

#include "checkpoint/model_directory.h"
#include "gguf/import.h"
#include "gguf/writing/export.h"
#include "model/weights.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include <ATen/ATen.h>

namespace expandft {

/// A model to read: its files, and where tensors come from that are not in them as they are.
struct ReadableModel {
  const ModelDirectory& files;
  WeightLoader::Replacement tensors = {};
};

/// A model whose tensors are computed when they are read, one in memory at a time.
class AssembledModel {
 public:
  /// What a reader makes of a GGUF file.
  static AssembledModel of(const GgufImport& import);
  /// A model that is to become a GGUF file, as it is, or with its numbers rounded as in the file.
  static AssembledModel of(const GgufExport& gguf, bool rounded);

  ReadableModel readable() const;

 private:
  using Compute = std::function<at::Tensor(const TensorSource&)>;

  AssembledModel(fs::path path, Json config, const std::vector<TensorSource>& tensors,
                 Compute compute);

  ModelDirectory files_;
  std::map<std::string, TensorSource> sources_;
  Compute compute_;
};

}  // namespace expandft
