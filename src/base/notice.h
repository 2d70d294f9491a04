#pragma once

#include "base/error.h"

#include <string>
#include <vector>

namespace expandft {

/// Something in the user's files that nothing reads, or that may not do what its author expects. It
/// does not stop the work, but is never passed over: the log names it, and so do the dry run and
/// the report. With --strict it is an error. What certainly changes the result is no notice: it is
/// honoured, or refused with an Error.
struct Notice {
  std::string what, where, hint;  // as Error's

  bool operator==(const Notice&) const = default;
};

/// Whoever reads a file keeps its notices beside its content; run/ reports them.
using Notices = std::vector<Notice>;

/// The first, then the second.
Notices joined(Notices first, const Notices& second);

/// "where: what; hint": one line.
std::string notice_text(const Notice& notice);
std::vector<std::string> notice_texts(const Notices& notices);

/// The input error that --strict makes of notices: all of them, a line each. There is at least one.
Error strict_error(const Notices& notices);

}  // namespace expandft
