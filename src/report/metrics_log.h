#pragma once

#include <cstdint>

#include "base/files.h"
#include "base/json.h"

namespace expandft {

/// metrics.jsonl: one event a line, each with "step" and "event" ("train", "validation", …).
/// Numbers that JSON cannot hold (NaN, infinity) are written as null.
class MetricsLog {
 public:
  /// Opens for appending; when resuming, lines past `resume_step` and a torn last line are dropped
  /// first (atomically). -1: the file must not be there yet.
  MetricsLog(const fs::path& file, std::int64_t resume_step);
  ~MetricsLog();
  void write(std::int64_t step, const std::string& event, const Json& values);

 private:
  int descriptor_ = -1;
  fs::path file_;
};

}  // namespace expandft
