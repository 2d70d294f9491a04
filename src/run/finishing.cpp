#include "run/finishing.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <spdlog/spdlog.h>

namespace expandft {

const char* ending_word(int signal) {
  return signal == SIGINT ? "interrupted" : "terminated";
}

void GoingOn::tell() const {
  if (!is_told) return;
  if (const fs::path report = run / "report.html"; is_there(report)) {
    spdlog::warn("the report of what there is so far: {}", report.string());
  }
  spdlog::warn("continue with: {}", command);
}

void Finishing::end(int signal, const std::string& what) const {
  if (going_on_.is_told) {
    spdlog::warn("{} while {}; training is done, and saved", ending_word(signal), what);
  }
  going_on_.tell();
  release_();
  // Other threads compute on: nothing of theirs may be taken down.
  std::fflush(nullptr);
  std::_Exit(128 + signal);
}

}  // namespace expandft
