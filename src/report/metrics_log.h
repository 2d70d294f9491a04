#pragma once

#include "base/files.h"
#include "base/json.h"

#include <cstdint>
#include <string>
#include <vector>

namespace expandft {

/// metrics.jsonl: one event per line, each with "step" and "event" ("train", "validation", …). NaN
/// and infinities are written as null. A line is one write(), so a killed process can tear only the
/// last line.
class MetricsLog {
 public:
  /// Opens the file for appending. When resuming, first drops lines after `resume_step` and a torn
  /// last line (atomically). With -1 the file must not exist (else an input error).
  MetricsLog(const fs::path& file, std::int64_t resume_step);
  ~MetricsLog();
  MetricsLog(const MetricsLog&) = delete;
  MetricsLog& operator=(const MetricsLog&) = delete;
  /// `values` is an object without "step" and "event". If a line does not fit on the disk, it is
  /// removed again and reported as a failure.
  void write(std::int64_t step, const std::string& event, const Json& values);

 private:
  int descriptor_ = -1;
  fs::path file_;
};

/// The events of metrics.jsonl, in order, without damaged lines and objects without an "event".
/// Empty if the file does not exist.
std::vector<Json> read_metrics(const fs::path& file);

}  // namespace expandft
