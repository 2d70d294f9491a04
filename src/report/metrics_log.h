#pragma once

#include "base/files.h"
#include "base/json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// metrics.jsonl: one event a line, each with "step" and "event" ("train", "validation", …).
/// Numbers that JSON cannot hold (NaN, infinity) are written as null. A line is one write(), so a
/// killed process tears at most the last one.
class MetricsLog {
 public:
  /// Opens for appending; when resuming, lines past `resume_step` and a torn last line are dropped
  /// first (atomically). -1: the file must not be there yet (else an input error). Failures name
  /// the file.
  MetricsLog(const fs::path& file, std::int64_t resume_step);
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;
  /// `values` is an object without "step" and "event". A line that does not fit on the disk is
  /// taken back whole, and is a failure.
  void write(std::int64_t step, const std::string& event, const Json& values);

 private:
  int descriptor_ = -1;
  fs::path file_;
};

/// The events of metrics.jsonl, in its order. Torn and damaged lines, and what is no object with an
/// "event", are left out; without a file there are none.
std::vector<Json> read_metrics(const fs::path& file);

}  // namespace expandft
