#pragma once

#include "checkpoint/atomic_directory.h"
#include "runtime/signals.h"

#include <cstdint>
#include <functional>
#include <utility>

#include <spdlog/spdlog.h>

namespace expandft {

/// What a command does about a signal, on a thread of its own.
using OnSignal = std::function<void(int signal)>;

/// A model directory that is being written: whole or not there, also when a signal comes
/// (kEndingSignals), which removes what was written before it ends the process.
class ModelOutput {
 public:
  /// Throws what AtomicDirectory's constructor throws. `on_signal` says what is to be said of a
  /// signal, in place of where the model is, and may end the process its own way.
  ModelOutput(const fs::path& target, std::uint64_t needed_bytes,
              AtomicDirectory::Existing existing, OnSignal on_signal = {})
      : directory_(target, needed_bytes, existing, OutputKind::kModel),
        cleanup_(watch_, [this, on_signal = std::move(on_signal)] {
          const bool is_removed = directory_.discard();
          if (on_signal) return on_signal(watch_.caught());
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
