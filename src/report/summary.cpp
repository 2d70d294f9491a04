#include "report/summary.h"

#include "report/display_width.h"

#include <algorithm>

namespace expandft {

void Summary::line(std::string label, std::string value) {
  lines_.emplace_back(std::move(label), std::move(value));
}

std::string Summary::text() const {
  std::size_t width = 0;
  for (const auto& [label, value] : lines_) width = std::max(width, display_width(label));
  std::string out;
  for (const auto& [label, value] : lines_) {
    out += label + std::string(width - display_width(label) + 2, ' ') + value + "\n";
  }
  return out;
}

std::string pretty_json(const Json& value) {
  return value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

void write_json(const fs::path& file, const Json& value) {
  write_file_atomically(file, pretty_json(value));
}

}  // namespace expandft
