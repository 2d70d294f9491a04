#include "run/stages_after_training.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>

#include <spdlog/spdlog.h>

namespace expandft {

const char* ending_word(int signal) {
  return signal == SIGINT ? "interrupted" : "terminated";
}

void ResumeHint::log() const {
  if (!is_first_rank) return;
  if (const fs::path report = run / "report.html"; is_there(report)) {
    spdlog::warn("the report so far: {}", report.string());
  }
  if (!command.empty()) spdlog::warn("continue with: {}", command);
}

void StagesAfterTraining::end(int signal, const std::string& what) const {
  if (hint_.is_first_rank) {
    spdlog::warn("{} while {}; training is done, and saved", ending_word(signal), what);
  }
  hint_.log();
  release_();
  // Other threads are still computing: destructors must not free what they use.
  std::fflush(nullptr);
  std::_Exit(128 + signal);
}

}  // namespace expandft
