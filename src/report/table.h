#pragma once

#include <string>
#include <vector>

namespace expandft {

/// A plain table for stdout: columns aligned by what they hold, header underlined. UTF-8 aware.
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

}  // namespace expandft
