#pragma once

#include "base/error.h"
#include "catch.h"

#include <string>

/// Runs `action` and checks that it throws a failure whose text has `part`.
template <typename Action>
void expect_failure(Action action, const std::string& part) {
  try {
    action();
  } catch (const expandft::Error& error) {
    CHECK(error.code() == expandft::ExitCode::kFailed);
    CHECK_THAT(error.what(), has_text(part));
    return;
  }
  FAIL("no error was thrown");
}
