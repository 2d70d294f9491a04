#include "report/table.h"

#include "base/error.h"
#include "base/wording.h"
#include "report/terminal.h"

#include <algorithm>
#include <utility>

namespace expandft {
namespace {

std::string padded(const std::string& cell, std::size_t width, Table::Align align) {
  const std::size_t used = display_width(cell);
  const std::string gap(width > used ? width - used : 0, ' ');
  return align == Table::Align::kRight ? gap + cell : cell + gap;
}

/// Line ends and other control characters in a cell would break the table.
std::string one_line(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return printable(text, "");
}

std::string markdown_escaped(const std::string& cell) {
  std::string out;
  for (const char c : cell) {
    if (c == '|' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

void end_line(std::string& text) {
  text.erase(text.find_last_not_of(' ') + 1);
  text += '\n';
}

}  // namespace

Table::Table(std::vector<std::string> header, std::vector<Align> align)
    : header_(std::move(header)), align_(std::move(align)) {
  if (header_.size() != align_.size()) {
    throw failure("a table has " + std::to_string(header_.size()) + " columns and alignments for " +
                  std::to_string(align_.size()));
  }
  std::transform(header_.begin(), header_.end(), header_.begin(), one_line);
}

void Table::row(std::vector<std::string> cells) {
  if (cells.size() != header_.size()) {
    throw failure("a row of " + std::to_string(cells.size()) + " cells in a table of " +
                  std::to_string(header_.size()) + " columns");
  }
  std::transform(cells.begin(), cells.end(), cells.begin(), one_line);
  rows_.push_back(std::move(cells));
}

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const std::string& name : header_) widths.push_back(display_width(name));
  for (const auto& cells : rows_) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      widths[i] = std::max(widths[i], display_width(cells[i]));
    }
  }
  std::string out;
  const auto add = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      if (i > 0) line += "  ";
      line += padded(cells[i], widths[i], align_[i]);
    }
    end_line(line);
    out += line;
  };
  add(header_);
  std::vector<std::string> rule;
  for (const std::size_t width : widths) rule.emplace_back(width, '-');
  add(rule);
  for (const auto& cells : rows_) add(cells);
  return out;
}

std::string Table::markdown() const {
  std::string out;
  const auto add = [&](const std::vector<std::string>& cells) {
    out += '|';
    for (const std::string& cell : cells)
      out.append(" ").append(markdown_escaped(cell)).append(" |");
    out += '\n';
  };
  add(header_);
  out += '|';
  for (const Align align : align_) out += align == Align::kRight ? "---:|" : "---|";
  out += '\n';
  for (const auto& cells : rows_) add(cells);
  return out;
}

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

}  // namespace expandft
