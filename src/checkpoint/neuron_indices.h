#pragma once

#include "checkpoint/safetensors.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace expandft {

// Which neurons of an MLP were copied, as a tensor in a file: int64, ascending.

/// The tensor as a source, which keeps its own copy of the numbers.
TensorSource neurons_source(std::string name, const std::vector<std::int64_t>& neurons);

/// The numbers of such a tensor. Input error, at `where` and with `hint`, unless it is a list of
/// `count` (none: any number but 0) ascending int64 numbers from 0 to below `width`.
std::vector<std::int64_t> read_neurons(const std::string& name, const TensorView& view,
                                       std::optional<std::int64_t> count, std::int64_t width,
                                       const std::string& where, const std::string& hint);

/// The neurons of some layers in a file of their own, by layer, under neurons_tensor_name.
using LayerNeurons = std::map<std::int64_t, std::vector<std::int64_t>>;
void write_neurons_file(const fs::path& file, const LayerNeurons& neurons);
/// Input errors of SafetensorsFile::open and read_neurons, and for other tensors. `widths`: of each
/// layer of the model.
LayerNeurons read_neurons_file(const fs::path& file, const std::vector<std::int64_t>& widths,
                               const std::string& hint);

}  // namespace expandft
