#pragma once

#include "checkpoint/atomic_directory.h"
#include "runtime/signals.h"

#include <cstdint>

#include <spdlog/spdlog.h>

namespace expandft {

/// A model directory that is being written: whole or not there, also when a signal comes
/// (kEndingSignals), which removes what was written before it ends the process.
class ModelOutput {
 public:
  /// Throws what AtomicDirectory's constructor throws.
  ModelOutput(const fs::path& target, std::uint64_t needed_bytes,
              AtomicDirectory::Existing existing)
      : directory_(target, needed_bytes, existing, OutputKind::kModel), cleanup_(watch_, [this] {
          const bool is_removed = directory_.discard();
          spdlog::warn("ended by a signal: {} is {}", directory_.target().string(),
                       is_removed ? "not written" : "whole");
        }) {}

  const fs::path& path() const { return directory_.path(); }
  /// The directory appears, unless a signal came before: then this ends the process.
  void commit() {
    if (watch_.caught() == 0) directory_.commit();
    cleanup_.finish();
  }

 private:
  // In this order: signals are noted before the folder is there, and nothing acts on them after it.
  SignalWatch watch_;
  AtomicDirectory directory_;
  SignalCleanup cleanup_;
};

}  // namespace expandft
