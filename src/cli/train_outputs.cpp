#include "cli/train_outputs.h"

#include "cli/model_card.h"
#include "cli/write_model.h"
#include "cli/write_report.h"
#include "model/tensors.h"
#include "report/summary.h"
#include "runtime/process.h"

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr auto kReplaceOurs = AtomicDirectory::Existing::kReplaceOurs;

Json optional_number(const std::optional<double>& number) {
  return number ? Json(*number) : Json();
}

}  // namespace

void write_run_adapter(const TrainSetup& setup, const std::string& fingerprint) {
  std::vector<TensorSource> sources;
  std::uint64_t bytes = 1 << 20;
  for (const auto& [name, tensor] : setup.expansion.copies()) {
    sources.push_back(source_of(name, tensor, setup.base_dtype));
    bytes += byte_size(sources.back());
  }
  AtomicDirectory directory(setup.run().output / "adapter", bytes, kReplaceOurs,
                            OutputKind::kAdapter);
  write_adapter(directory.path(),
                {.base_model = setup.base.path().string(),
                 .base_fingerprint = fingerprint,
                 .layers = setup.plan.layers,
                 .copies = setup.plan.copies,
                 .num_hidden_layers = setup.spec.layers,
                 .hidden_size = setup.spec.hidden,
                 .intermediate_size = setup.spec.intermediate,
                 .train = setup.run().train,
                 .strength = 1.0},
                sources);
  directory.commit();
}

void finish_run(const TrainSetup& setup, const TrainingOutcome& outcome,
                const RunResults& results) {
  const fs::path& run = setup.run().output;
  const LogitDifference written = write_model(
      run / "merged", kReplaceOurs, setup.base, setup.spec, setup.folding, setup.expansion.copies(),
      trained_model_card(setup.base, setup.spec, setup.folding, setup.run(), outcome,
                         results.comparison),
      setup.device);
  spdlog::info("merged: {}", describe(written));
  Json evaluation = Json::object();
  const ComparisonReport& comparison = results.comparison;
  if (!comparison.originals.empty() || !comparison.news.empty()) {
    evaluation = comparison_json(comparison);
  }
  write_report(setup, outcome, evaluation);
  write_json(run / "summary.json",
             {{"steps", outcome.state.step},
              {"stopped_early", outcome.stopped_early},
              {"best_step", outcome.best ? Json(outcome.best->step) : Json()},
              {"output_step", outcome.output_step},
              {"tokens", outcome.state.tokens},
              {"targets", outcome.state.targets},
              {"first_loss", outcome.first_loss},
              {"last_loss", outcome.last_loss},
              {"validation_loss_before", optional_number(outcome.validation_before)},
              {"validation_loss_after", optional_number(outcome.validation_after)},
              {"best_validation_loss", outcome.best ? Json(outcome.best->loss) : Json()},
              {"seconds", outcome.seconds},
              {"tokens_per_second", outcome.tokens_per_second},
              {"peak_memory_bytes", peak_resident_bytes()},
              {"merged_worst_logit_difference", written.worst},
              {"evaluation", evaluation},
              {"strengths", results.strengths},
              {"samples", results.samples}});
}

}  // namespace expandft
