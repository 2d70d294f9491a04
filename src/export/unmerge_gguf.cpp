#include "export/unmerge_gguf.h"

#include "base/error.h"
#include "base/numbers.h"
#include "checkpoint/model_directory.h"
#include "checkpoint/model_info.h"
#include "checkpoint/neuron_indices.h"
#include "export/gguf_file.h"
#include "export/unmerge.h"
#include "gguf/quantization.h"

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace expandft {
namespace {

constexpr const char* kEmbedding = "token_embd.weight";

Dtype dtype_of(const GgufFile& file) {
  for (const auto& [name, tensor] : file.tensors()) {
    if (tensor.type != GgufType::kF32 && tensor.type != GgufType::kBF16) {
      throw input_error("tensor \"" + name + "\" is rounded to " + gguf_type_name(tensor.type) +
                            "; expected F32 or BF16, from which the base can be restored",
                        file.path().string(),
                        "use the base, or merge it again with --gguf-type BF16 or F32");
    }
  }
  const auto embedding = file.tensors().find(kEmbedding);
  const bool is_narrow =
      embedding != file.tensors().end() && embedding->second.type == GgufType::kBF16;
  return is_narrow ? Dtype::kBF16 : Dtype::kF32;
}

/// The neurons that the file lists, as write_unmerged reads them.
void write_neurons(const fs::path& folder, const Json& json) {
  const auto refuse = [] {
    return input_error(std::string("\"") + kGgufNeuronsKey + "\" is not lists of neurons by layer",
                       kGgufNeuronsKey, kMergeAgain);
  };
  LayerNeurons neurons;
  if (!json.is_object()) throw refuse();
  for (const auto& [layer, indices] : json.items()) {
    const std::optional<double> index = parse_number(layer);
    bool good = index && *index >= 0 && *index < 1e6 && indices.is_array() && !indices.empty();
    for (const Json& one : indices) good = good && one.is_number_integer();
    if (!good) throw refuse();
    neurons[static_cast<std::int64_t>(*index)] = indices.get<std::vector<std::int64_t>>();
  }
  write_neurons_file(folder / kMergedNeuronsFile, neurons);
}

}  // namespace

GgufImport open_merged_gguf(const fs::path& path) {
  const GgufFile file = GgufFile::open(path);
  if (!file.has(kGgufInfoKey)) {
    throw input_error(
        "no \"" + std::string(kGgufInfoKey) + "\": this model was not merged by expandft",
        path.string(), "use a file that expandft train, expand or merge wrote");
  }
  return GgufImport::open(path, dtype_of(file));
}

void write_unmerged_gguf(const fs::path& directory, const GgufImport& merged) {
  // Beside the base while that is made, so that whatever ends this removes both.
  const fs::path folder = directory / "imported";
  const std::string place = merged.file.path().string();
  fs::create_directory(folder);
  try {
    merged.write(folder);
    write_file_atomically(folder / kModelInfoFile,
                          merged.file.text(kGgufInfoKey).value_or(std::string()));
    if (const auto neurons = merged.file.text(kGgufNeuronsKey)) {
      write_neurons(folder, parse_json(*neurons, kGgufNeuronsKey));
    }
    write_unmerged(directory, ModelDirectory::open(folder));
  } catch (const Error& error) {
    if (error.code() == ExitCode::kBadInput) {
      throw input_error(error.message(), place, error.hint());
    }
    throw failure(error.message(), place,
                  "a GGUF file has only the tensors that llama.cpp reads, and Gemma's norms with 1 "
                  "added: use the base, or a merged directory");
  }
  fs::remove_all(folder);
}

}  // namespace expandft
