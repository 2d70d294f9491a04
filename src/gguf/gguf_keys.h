#pragma once

#include "gguf/gguf_file.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace expandft {

/// What to do about a file that lacks what every model has.
inline constexpr const char* kDamagedGguf = "the file is damaged or incomplete: download it again";

/// The shortest decimal number that gives the same float: GGUF stores 1e-6 in fp32.
double as_written(double value);
/// "1e-06", as JSON writes it.
std::string number_text(double value);

/// The metadata of a GGUF file that describe its architecture: keys without their prefix, the
/// architecture's name. Which were asked for is noted.
class GgufKeys {
 public:
  GgufKeys(const GgufFile& file, std::string architecture)
      : file_(file), architecture_(std::move(architecture)) {}

  const GgufFile& file() const { return file_; }
  const std::string& architecture() const { return architecture_; }
  /// The whole key, which counts as read.
  std::string key(const std::string& name);

  // Sizes are integers from 1 to 2³¹ − 1: products of two fit into 64 bits. Others are input
  // errors, and so is a missing key where the result is not optional.
  std::int64_t size(const std::string& name);
  std::optional<std::int64_t> optional_size(const std::string& name);
  /// A number for all layers, or a list with one for each, which must be the same.
  std::int64_t size_of_layers(const std::string& name);
  std::optional<std::int64_t> optional_size_of_layers(const std::string& name);
  std::optional<double> number(const std::string& name);

  /// Throws the input error of a value.
  [[noreturn]] void refuse(const std::string& name, const std::string& what);
  /// Whole keys of the architecture that nothing asked for.
  std::vector<std::string> unread() const;

 private:
  const GgufFile& file_;
  std::string architecture_;
  std::set<std::string> read_;
};

}  // namespace expandft
