#include "training/batch_prefetch.h"

#include <utility>

namespace expandft {

void BatchPrefetch::make_ahead() {
  made_ = std::async(std::launch::async, [this] {
    StepBatch step = stream_.next();
    return Made{std::move(step), stream_.position()};
  });
}

StepBatch BatchPrefetch::next() {
  if (!made_.valid()) make_ahead();
  Made made = made_.get();
  position_ = made.position;
  if (made.step.tokens > 0) make_ahead();
  return std::move(made.step);
}

}  // namespace expandft
