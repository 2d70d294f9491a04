#pragma once

#include "base/files.h"
#include "checkpoint/safetensors.h"
#include "config/training_method.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace expandft {

/// adapter_config.json: what an adapter is and which base it belongs to (docs/formats.md).
struct AdapterInfo {
  std::string base_model;        // as the user named it; for people
  std::string base_fingerprint;  // ModelDirectory::fingerprint() of the base; for the program
  std::vector<std::int64_t> layers;
  /// Narrow growth: of each layer of `layers`, how many neurons its copy has; key "widths". Empty:
  /// all of them.
  std::vector<std::int64_t> widths = {};
  /// Which ones, ascending: the tensors of neurons_tensor_name.
  std::vector<std::vector<std::int64_t>> neurons = {};
  std::int64_t copies = 2;  // k, the original included
  std::int64_t num_hidden_layers = 0, hidden_size = 0, intermediate_size = 0;
  Method method = Method::kNew;  // one that widens MLPs; key "method"
  double strength = 1.0;         // the strength it was trained at
};

/// An adapter directory: adapter_config.json and adapter_model.safetensors. The tensors are
/// model.layers.{i}.mlp.{gate,up,down}_proj.copy{j}.weight (and .bias), j from 1 to copies - 1;
/// with the method "mlp" also the trained originals, by the same names without ".copy{j}"; where
/// copies are of chosen neurons, also model.layers.{i}.mlp.copy1.neurons (int64).
class AdapterDirectory {
 public:
  /// Input errors for a directory that is not an expandft adapter (PEFT adapters are recognised), a
  /// newer format, damaged fields, and tensors that are missing, unknown or of the wrong shape.
  static AdapterDirectory open(const fs::path& directory);

  const fs::path& path() const { return path_; }
  const AdapterInfo& info() const { return info_; }
  const std::map<std::string, TensorView>& tensors() const { return tensors_; }
  /// Whether a tensor is a weight; the others are indices of neurons.
  static bool is_weight(const std::string& name) { return !name.ends_with(".neurons"); }

 private:
  fs::path path_;
  AdapterInfo info_;
  std::map<std::string, TensorView> tensors_;
};

/// "model.layers.3.mlp.gate_proj.copy1.weight" from (3, "gate_proj", 1, "weight").
std::string copy_tensor_name(std::int64_t layer, const std::string& projection, std::int64_t copy,
                             const std::string& part);

/// "model.layers.3.mlp.gate_proj.weight" from (3, "gate_proj", "weight").
std::string original_tensor_name(std::int64_t layer, const std::string& projection,
                                 const std::string& part);

/// "model.layers.3.mlp.copy1.neurons" from 3: the indices of the neurons that a copy is of.
std::string neurons_tensor_name(std::int64_t layer);

/// Writes both files into an existing directory. `tensors`: the weights.
void write_adapter(const fs::path& directory, const AdapterInfo& info,
                   const std::vector<TensorSource>& tensors);

}  // namespace expandft
