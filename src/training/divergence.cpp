#include "training/divergence.h"

#include <string>

namespace expandft {

fs::path divergence_file(const fs::path& run) {
  return run / "diverged.json";
}

Error divergence(const Error& error, const fs::path& snapshot, bool is_before) {
  const std::string found =
      is_before ? "the weights before this step are good, and saved in "
                : "the steps before had spoiled the weights already; the last good ones are in ";
  return Error(
      error.code(), error.message(), error.where(),
      found + snapshot.string() +
          ". To go on from there, lower training.learning_rate and use --resume: after a "
          "divergence it may change, and so may lr_scheduler, warmup and max_grad_norm. Or look at "
          "the data of this step, or begin again with --restart");
}

}  // namespace expandft
