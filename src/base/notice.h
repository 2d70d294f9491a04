#pragma once

#include "base/error.h"

#include <string>
#include <vector>

namespace expandft {

/// Something in the user's files that nothing reads, or that may not do what its author expects.
/// The command continues, and the log, the dry run and the report show it; with --strict it is an
/// error. What certainly changes the result is never a notice: it is honoured, or refused with an
/// Error.
struct Notice {
  std::string what, where, hint;  // as Error's

  bool operator==(const Notice&) const = default;
};

/// Code that reads a file returns its notices with what it read; run/ reports them.
using Notices = std::vector<Notice>;
/// The first, then the second.
Notices joined(Notices first, const Notices& second);

/// "where: what; hint": one line.
std::string notice_text(const Notice& notice);
std::vector<std::string> notice_texts(const Notices& notices);

/// The input error for notices under --strict: all of them, a line each. There must be at least
/// one.
Error strict_error(const Notices& notices);

}  // namespace expandft
