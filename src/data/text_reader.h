#pragma once

#include "base/files.h"

#include <memory>
#include <span>

namespace expandft {

/// The bytes of a text file, front to back; those of one that ends in ".gz" are unpacked, whatever
/// the number of its members. Input errors for a file that cannot be read or is damaged.
class TextReader {
 public:
  explicit TextReader(const fs::path& file);
  ~TextReader();

  /// Fills the buffer, and says with how many bytes: fewer than it holds only at the end.
  std::size_t read(std::span<char> buffer);

 private:
  class Inflater;

  InputFile file_;
  std::unique_ptr<Inflater> inflater_;  // null for a file that is not packed
};

}  // namespace expandft
