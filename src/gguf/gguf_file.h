#pragma once

#include "base/error.h"
#include "base/files.h"
#include "gguf/gguf_header.h"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace expandft {

/// A tensor of a GGUF file. The shape is row-major, as in safetensors: GGUF's dimensions reversed.
struct GgufTensor {
  GgufType type = GgufType::kF32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
  std::shared_ptr<const MappedFile> file;

  std::int64_t elements() const;
};

/// A GGUF file with its further parts ("-00001-of-00003.gguf"), mapped. Every field of the header
/// is checked before it is trusted.
class GgufFile {
 public:
  /// Input errors name the file and the byte, key or tensor: those of parse_gguf_header, a missing
  /// part, a part other than the first.
  static GgufFile open(const fs::path& file);

  const fs::path& path() const { return path_; }
  /// This file and the further parts, mapped.
  const std::vector<std::shared_ptr<const MappedFile>>& parts() const { return files_; }
  /// By name, in alphabetical order.
  const std::map<std::string, GgufTensor>& tensors() const { return tensors_; }
  const std::map<std::string, GgufValue>& metadata() const { return metadata_; }
  bool has(const std::string& key) const { return metadata_.contains(key); }
  /// Numbers by the type that they are stored in: {"F32": 1000, "Q4_K": 200000}.
  std::map<std::string, std::int64_t> numbers_by_type() const;

  // The value of a key; nothing where it is missing. An input error that names the key where it has
  // another type.
  std::optional<std::string> text(const std::string& key) const;
  std::optional<std::int64_t> integer(const std::string& key) const;
  std::optional<double> number(const std::string& key) const;
  std::optional<bool> boolean(const std::string& key) const;
  /// An array of texts, or of numbers (booleans count as 0 and 1); null where it is missing.
  const GgufTexts* texts(const std::string& key) const;
  const GgufNumbers* numbers(const std::string& key) const;

  /// The error of a value that cannot be: "key: what".
  Error error(const std::string& key, const std::string& what) const;

 private:
  void add_part(const fs::path& file, bool is_first);

  fs::path path_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::map<std::string, GgufValue> metadata_;
  std::map<std::string, GgufTensor> tensors_;
};

}  // namespace expandft
