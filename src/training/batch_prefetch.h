#pragma once

#include "training/batch_stream.h"

#include <future>

namespace expandft {

/// Takes a stream's steps one ahead: while one is computed, a thread makes the next. What the
/// stream throws, next() throws.
class BatchPrefetch {
 public:
  /// The stream must outlive it, and nobody else move it meanwhile.
  explicit BatchPrefetch(BatchStream& stream) : stream_(stream), position_(stream.position()) {}

  /// As BatchStream::next.
  StepBatch next();
  /// Behind the steps that next() gave, not those made ahead.
  StreamPosition position() const { return position_; }

 private:
  struct Made {
    StepBatch step;
    StreamPosition position;  // behind it
  };
  void make_ahead();

  BatchStream& stream_;
  StreamPosition position_;
  std::future<Made> made_;  // its destructor waits for the thread
};

}  // namespace expandft
