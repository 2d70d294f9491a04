#pragma once

#include <string>
#include <utility>
#include <vector>

namespace expandft {

/// A plain table with aligned columns (display_width) and an underlined header.
class Table {
 public:
  enum class Align { kLeft, kRight };
  Table(std::vector<std::string> header, std::vector<Align> align);
  void row(std::vector<std::string> cells);
  std::string text() const;      // for terminals and pipes
  std::string markdown() const;  // for model cards

 private:
  std::vector<std::string> header_;
  std::vector<Align> align_;
  std::vector<std::vector<std::string>> rows_;
};

/// The result of a command: aligned "label  value" lines.
class Summary {
 public:
  void line(std::string label, std::string value);
  std::string text() const;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

}  // namespace expandft
