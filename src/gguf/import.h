#pragma once

#include "base/json.h"
#include "base/notice.h"
#include "checkpoint/safetensors.h"
#include "gguf/gguf_file.h"
#include "gguf/gguf_tokenizer.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace expandft {

/// Whether a path is meant as a GGUF file: a file whose name ends in ".gguf", or that begins so.
bool is_gguf_file(const fs::path& path);

/// A GGUF file as the Hugging Face directory that it becomes.
struct GgufImport {
  GgufFile file;
  Json config;                        // config.json
  std::vector<TensorSource> tensors;  // dequantised when they are written
  std::vector<TextFile> tokenizer;
  Notices notices;

  /// Reads and checks everything but the numbers. `dtype`: kBF16 or kF32. Input errors of
  /// GgufFile::open, gguf_model_config, gguf_tensor_sources and gguf_tokenizer_files, and for a
  /// vocabulary with more tokens than the embedding has rows.
  static GgufImport open(const fs::path& file, Dtype dtype);

  std::int64_t parameters() const;
  std::uint64_t weight_bytes() const;
  /// Of all files.
  std::uint64_t bytes() const;
  /// Writes the files into an existing directory, one tensor in memory at a time.
  void write(const fs::path& directory) const;
};

/// Writes the files that a tokenizer is made from into an existing directory. Only the vocabulary
/// of the GGUF file is needed.
void write_gguf_tokenizer(const GgufFile& file, const fs::path& directory);

}  // namespace expandft
