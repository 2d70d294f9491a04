#pragma once

#include "base/error.h"

#include <vector>

namespace expandft {

/// Collects errors, so that all that is wrong is told at once.
class Problems {
 public:
  /// One that says the same at the same place as one before is left out.
  void add(const Error& error);
  /// Runs a check, and keeps the error that it throws. Whether it threw none.
  template <typename Check>
  bool check(const Check& check) {
    try {
      check();
      return true;
    } catch (const Error& error) {
      add(error);
      return false;
    }
  }

  bool empty() const { return errors_.empty(); }
  /// One error as it is; several as one whose message lists them, a line each: "where: what; hint".
  /// A hint that all share stands at the end. There is at least one.
  Error all() const;
  /// Throws all(), where there are any.
  void throw_if_any() const;

 private:
  std::vector<Error> errors_;
};

}  // namespace expandft
