#pragma once

#include "base/files.h"
#include "base/json.h"

#include <string>

namespace expandft {

/// A file of tests/golden/metrics.
inline Json metric_golden(const std::string& name) {
  return read_json(fs::path(EXPANDFT_TEST_DATA) / "golden" / "metrics" / (name + ".json"));
}

}  // namespace expandft
