#include "checkpoint/neuron_indices.h"

#include "base/error.h"
#include "checkpoint/adapter_directory.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <utility>

namespace expandft {
namespace {

SafetensorsFile opened_with_hint(const fs::path& file, const std::string& hint) {
  try {
    return SafetensorsFile::open(file);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kBadInput) throw;
    throw input_error(error.message(), error.where(), hint);
  }
}

}  // namespace

TensorSource neurons_source(std::string name, const std::vector<std::int64_t>& neurons) {
  return {
      std::move(name), Dtype::kI64, {std::ssize(neurons)}, [neurons](std::span<std::byte> bytes) {
        std::memcpy(bytes.data(), neurons.data(), bytes.size());
      }};
}

std::vector<std::int64_t> read_neurons(const std::string& name, const TensorView& view,
                                       std::optional<std::int64_t> count, std::int64_t width,
                                       const std::string& where, const std::string& hint) {
  const auto refuse = [&](const std::string& found) {
    return input_error("tensor \"" + name + "\" " + found + "; expected " +
                           (count ? std::to_string(*count) + " " : std::string()) +
                           "ascending indices (I64) of neurons below " + std::to_string(width),
                       where, hint);
  };
  if (view.dtype != Dtype::kI64) {
    throw refuse("has the dtype " + std::string(safetensors_name(view.dtype)));
  }
  const bool is_list = view.shape.size() == 1 && view.shape.front() > 0;
  if (!is_list || (count && view.shape.front() != *count)) throw refuse("has another shape");
  std::vector<std::int64_t> neurons(static_cast<std::size_t>(view.shape.front()));
  std::memcpy(neurons.data(), view.bytes.data(), view.bytes.size());
  if (std::ranges::adjacent_find(neurons, std::greater_equal{}) != neurons.end()) {
    throw refuse("does not ascend");
  }
  if (neurons.front() < 0 || neurons.back() >= width) {
    throw refuse("goes from " + std::to_string(neurons.front()) + " to " +
                 std::to_string(neurons.back()));
  }
  return neurons;
}

void write_neurons_file(const fs::path& file, const LayerNeurons& neurons) {
  std::vector<TensorSource> sources;
  for (const auto& [layer, indices] : neurons) {
    sources.push_back(neurons_source(neurons_tensor_name(layer), indices));
  }
  write_safetensors(file, sources, {});
}

LayerNeurons read_neurons_file(const fs::path& file, const std::vector<std::int64_t>& widths,
                               const std::string& hint) {
  const SafetensorsFile opened = opened_with_hint(file, hint);
  LayerNeurons out;
  for (std::int64_t layer = 0; layer < std::ssize(widths); ++layer) {
    const std::string name = neurons_tensor_name(layer);
    const auto found = opened.tensors().find(name);
    if (found == opened.tensors().end()) continue;
    out[layer] = read_neurons(name, found->second, std::nullopt,
                              widths[static_cast<std::size_t>(layer)], file.string(), hint);
  }
  if (out.empty() || out.size() != opened.tensors().size()) {
    throw input_error("the tensors are not lists of neurons, one a layer of the model",
                      file.string(), hint);
  }
  return out;
}

}  // namespace expandft
