#pragma once

#include "base/error.h"
#include "catch.h"

#include <string>
#include <vector>

/// Runs `action` and checks that it throws an input error whose text has all of `parts`.
template <typename Action>
void expect_input_error(Action action, const std::vector<std::string>& parts) {
  try {
    action();
  } catch (const expandft::Error& error) {
    CHECK(error.code() == expandft::ExitCode::kBadInput);
    for (const std::string& part : parts) {
      INFO("message: " << error.what() << "\nmissing: " << part);
      CHECK(std::string(error.what()).find(part) != std::string::npos);
    }
    return;
  }
  FAIL("no error was thrown");
}
