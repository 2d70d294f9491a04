#pragma once

#include "base/files.h"
#include "base/json.h"

#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// What a command says at its end: "label  value" lines, aligned, without a header.
class Summary {
 public:
  void line(std::string label, std::string value);
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

/// Indented JSON with a line end: the form of summary.json and of --json. Numbers that JSON cannot
/// hold become null.
std::string pretty_json(const Json& value);
/// Writes it whole or not at all.
void write_json(const fs::path& file, const Json& value);

}  // namespace expandft
