#include "training/trainer.h"

#include "base/temp_directory.h"
#include "catch.h"
#include "report/metrics_log.h"
#include "training/small_run.h"

namespace expandft {
namespace {

using testing::error_of;
using testing::TempDirectory;

/// A run of seven steps on a golden model, with several steps queued before their results are read.
struct QueuedRun {
  explicit QueuedRun(std::int64_t queued_steps, double learning_rate = 1e-3,
                     at::ScalarType dtype = at::kFloat)
      : small_("gqa", {}, dtype), queued_steps_(queued_steps) {
    config_.run.training.max_steps = 7;
    config_.run.training.batch_size = 2;
    config_.run.training.learning_rate = learning_rate;
    for (TokenId i = 0; i < 10; ++i) {
      data_.examples.push_back({{1, 5 + i, 9, 20 + i, 3}, {1, 1, 1, 1, 1}});
    }
  }

  TrainingOutcome run() {
    return run_training({.config = config_,
                         .decoder = small_.decoder,
                         .adaptation = small_.expansion,
                         .epochs = std::make_shared<const PackedEpochs>(data_, config_.run.data,
                                                                        config_.run.training.seed),
                         .validation_data = nullptr,
                         .retention_data = nullptr,
                         .run_directory = folder_.path(),
                         .evaluate = {},
                         .quiet = true,
                         .queued_steps = queued_steps_});
  }

  /// The logged events, without times.
  std::vector<Json> events() const {
    std::vector<Json> events = read_metrics(folder_.path() / "metrics.jsonl");
    for (Json& event : events) {
      for (const char* key : {"seconds", "seconds_since_launch", "tokens_per_second"})
        event.erase(key);
      event.erase("peak_memory_bytes");
    }
    return events;
  }

  bool has_weights_of(const QueuedRun& other) const {
    const NamedTensors own = small_.expansion.tensors(), others = other.small_.expansion.tensors();
    for (std::size_t i = 0; i < own.size(); ++i) {
      if (!own[i].second.equal(others.at(i).second)) return false;
    }
    return own.size() == others.size();
  }

  ResolvedConfig config_;
  Dataset data_;
  SmallRun small_;
  TempDirectory folder_;
  std::int64_t queued_steps_;
};

TEST_CASE("weights and log do not depend on how many steps are queued") {
  QueuedRun one(1), three(3);
  const TrainingOutcome expected = one.run(), found = three.run();
  CHECK(expected.state.step == 7);
  CHECK(found.state.step == 7);
  CHECK(found.state.tokens == expected.state.tokens);
  CHECK(found.first_loss == expected.first_loss);
  CHECK(found.last_loss == expected.last_loss);
  CHECK(one.events().size() > 7);
  CHECK(three.events() == one.events());
  CHECK(three.has_weights_of(one));
}

/// Makes a run's gradients about a thousand times as large.
void enlarge_gradients(QueuedRun& run, double factor) {
  const DecoderWeights& weights = run.small_.decoder.weights();
  run.small_.decoder.replace_ends(weights.embedding, weights.final_norm * factor, weights.head);
}

TEST_CASE("a step whose gradients overflow in float16 is repeated with half the loss scale") {
  QueuedRun one(1, 1e-5, at::kHalf), three(3, 1e-5, at::kHalf);
  for (QueuedRun* run : {&one, &three}) {
    enlarge_gradients(*run, 400);
    CHECK(run->run().state.step == 7);
  }
  std::vector<double> scales;
  std::int64_t trained = 0;
  for (const Json& event : one.events()) {
    if (event["event"] == "overflow") scales.push_back(event["loss_scale"]);
    if (event["event"] == "train") CHECK(event["step"] == ++trained);
  }
  REQUIRE(!scales.empty());
  CHECK(scales.front() == LossScale::kFirst / 2);
  CHECK(trained == 7);
  CHECK(three.events() == one.events());
  CHECK(three.has_weights_of(one));
}

TEST_CASE(
    "a non-finite step in the middle of a queue ends the run like a step that was not queued") {
  QueuedRun one(1, 1e30), all(7, 1e30);
  const Error expected = error_of([&] { one.run(); }), found = error_of([&] { all.run(); });
  CHECK(expected.code() == ExitCode::kDiverged);
  CHECK(expected.where() == "step 2");
  CHECK(found.code() == expected.code());
  CHECK(found.where() == expected.where());
  CHECK(found.message() == expected.message());
  CHECK(all.events() == one.events());
  CHECK(all.has_weights_of(one));
}

}  // namespace
}  // namespace expandft
