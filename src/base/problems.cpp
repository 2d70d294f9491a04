#include "base/problems.h"

#include <algorithm>
#include <string>

namespace expandft {

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
