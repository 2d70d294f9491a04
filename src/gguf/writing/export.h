#pragma once

#include "base/files.h"
#include "base/json.h"
#include "base/notice.h"
#include "checkpoint/safetensors.h"
#include "families/decoder_spec.h"
#include "gguf/writing/gguf_target.h"
#include "gguf/writing/gguf_writer.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// A model that is to become a GGUF file.
struct ModelToExport {
  std::string name;                   // general.name
  Json config;                        // its config.json
  std::vector<TensorSource> tensors;  // transformers' names; computed when they are written
  TensorNames names;
  bool tied = false;
  fs::path tokenizer;  // the folder of the tokenizer's files
  std::string where;   // for messages
  /// Further keys and their texts: "expandft.info".
  std::vector<std::pair<std::string, std::string>> info;
};

/// A model as the GGUF file that it becomes. Everything but the numbers is made and checked at
/// once.
class GgufExport {
 public:
  /// Input errors of read_spec, gguf_target, gguf_tensors_of, gguf_vocabulary and Tokenizer::load,
  /// and for a vocabulary with more tokens than the embedding has rows.
  GgufExport(ModelToExport model, GgufType type);

  const ModelToExport& model() const { return model_; }
  const DecoderSpec& spec() const { return spec_; }
  const GgufTarget& target() const { return target_; }
  GgufType type() const { return type_; }
  /// Whether the file has every number of the model as it is: no tensor is rounded.
  bool is_exact() const;
  const Notices& notices() const { return notices_; }
  std::uint64_t bytes() const;
  /// Writes the file, one tensor in memory at a time.
  void write(const fs::path& file) const;

 private:
  ModelToExport model_;
  GgufType type_;
  Notices notices_;
  DecoderSpec spec_;
  GgufTarget target_;
  GgufMetadata metadata_;
  std::vector<GgufTensorSource> tensors_;
};

/// The type that keeps a model's numbers: of the dtype of its embedding.
GgufType gguf_type_of(Dtype dtype);

/// Checks what a reader makes of a file that GgufExport wrote. Failure if its config computes
/// something else than the model's, which it names. A notice if its tokenizer has other ids than
/// the model's for a text: texts of many kinds are tried. `scratch` is an empty folder to use.
Notices check_gguf_parts(const fs::path& written, const GgufExport& from, const fs::path& scratch);

}  // namespace expandft
