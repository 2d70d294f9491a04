#include "base/error.h"

#include "base/utf8.h"
#include "base/wording.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace expandft {
namespace {

constexpr std::size_t kLongestLine = 600, kKeptOfBegin = 400, kKeptOfEnd = 150;
constexpr std::size_t kMostLines = 200;

/// A long line with its middle left out.
std::string shortened(std::string_view line) {
  if (line.size() <= kLongestLine) return std::string(line);
  const std::size_t end = character_at_or_after(line, line.size() - kKeptOfEnd);
  return std::string(cut_to_bytes(line, kKeptOfBegin)) + " … " + std::string(line.substr(end));
}

/// The text without control characters, with long lines shortened and at most kMostLines lines.
std::string readable(std::string_view text) {
  std::string out;
  for (std::size_t lines = 0; lines < kMostLines; ++lines) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += printable(shortened(text.substr(0, end)));
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
  return out + "… and " + counted(std::ranges::count(text, '\n') + 1, "more line");
}

}  // namespace

Error::Error(ExitCode code, std::string what, std::string where, std::string hint)
    : code_(code),
      message_(readable(what)),
      where_(printable(shortened(where), "\t")),
      hint_(readable(hint)) {
  text_ = message_;
  if (!where_.empty()) text_ += "\n  where: " + where_;
  if (!hint_.empty()) text_ += "\n  hint:  " + hint_;
}

Error input_error(std::string what, std::string where, std::string hint) {
  return {ExitCode::kBadInput, std::move(what), std::move(where), std::move(hint)};
}

Error failure(std::string what, std::string where, std::string hint) {
  return {ExitCode::kFailed, std::move(what), std::move(where), std::move(hint)};
}

void Problems::add(const Error& error) {
  const bool known = std::ranges::any_of(errors_, [&](const Error& one) {
    return one.message() == error.message() && one.where() == error.where();
  });
  if (!known) errors_.push_back(error);
}

Error Problems::all() const {
  if (errors_.size() == 1) return errors_.front();
  const std::string& hint = errors_.front().hint();
  const bool share_hint =
      std::ranges::all_of(errors_, [&](const Error& error) { return error.hint() == hint; });
  const bool bad_input = std::ranges::any_of(
      errors_, [](const Error& error) { return error.code() == ExitCode::kBadInput; });
  std::string message = std::to_string(errors_.size()) + " problems:", where;
  for (const Error& error : errors_) {
    message += "\n  - " + (error.where().empty() ? "" : error.where() + ": ") + error.message();
    if (!share_hint && !error.hint().empty()) message += "; " + error.hint();
    if (!error.where().empty()) where += (where.empty() ? "" : ", ") + error.where();
  }
  return Error(bad_input ? ExitCode::kBadInput : errors_.front().code(), message, where,
               share_hint ? hint : "");
}

void Problems::throw_if_any() const {
  if (!empty()) throw all();
}

}  // namespace expandft
