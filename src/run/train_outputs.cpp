#include "run/train_outputs.h"

#include "config/hub_cache.h"
#include "model/tensors.h"
#include "report/data_report.h"
#include "report/summary.h"
#include "run/model_card.h"
#include "run/write_model.h"
#include "run/write_report.h"
#include "runtime/process.h"
#include "tasks/results_json.h"

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr auto kReplaceOurs = AtomicDirectory::Existing::kReplaceOurs;

/// The tuned model at the run's strength, checked against what is in memory before it appears.
LogitDifference write_merged_model(const TrainSetup& setup, const TrainingOutcome& outcome,
                                   const ComparisonReport& results, OnSignal on_signal) {
  const fs::path target = setup.run().output / "merged";
  const std::string card = trained_model_card(setup, outcome, results);
  if (setup.folding) {
    return write_model(target, kReplaceOurs, setup.base, setup.spec, *setup.folding,
                       setup.adaptation().tensors(), card, setup.device, std::move(on_signal));
  }
  setup.adaptation().set_strength(setup.run().strength);
  return write_tuned_model(target, kReplaceOurs, setup.base, setup.decoder, setup.method.layers,
                           setup.run().strength, card, std::move(on_signal));
}

Json optional_number(const std::optional<double>& number) {
  return number ? Json(*number) : Json();
}

Json run_data_json(const TrainSetup& setup) {
  Json training = data_json(setup.training_data);
  training["first_epoch"] = epoch_json(setup.first_epoch);
  Json validation;
  if (setup.validation_data) validation = data_json(*setup.validation_data);
  return {{"training", std::move(training)}, {"validation", std::move(validation)}};
}

}  // namespace

bool has_adapter(const TrainSetup& setup) {
  return setup.folding || setup.method.lora != nullptr;
}

std::uint64_t outputs_bytes(const TrainSetup& setup) {
  return setup.folding ? merged_bytes(setup.base, setup.spec, *setup.folding)
                       : tuned_bytes(setup.base, setup.method.layers);
}

void write_run_adapter(const TrainSetup& setup, const std::string& fingerprint) {
  if (!has_adapter(setup)) return;
  std::vector<TensorSource> sources;
  std::uint64_t bytes = 1 << 20;
  for (const auto& [name, tensor] : setup.adaptation().tensors()) {
    sources.push_back(source_of(name, tensor, setup.base_dtype));
    bytes += byte_size(sources.back());
  }
  AtomicDirectory directory(setup.run().output / "adapter", bytes, kReplaceOurs,
                            OutputKind::kAdapter);
  if (setup.method.lora != nullptr) {
    write_peft_adapter(directory.path(),
                       {.base_model = model_name(setup.base.path()),
                        .rank = setup.run().lora.rank,
                        .alpha = setup.run().lora.alpha,
                        .targets = PeftTargets::of(setup.method.lora->target_modules()),
                        .base_fingerprint = fingerprint},
                       sources);
  } else {
    write_adapter(directory.path(),
                  {.base_model = model_name(setup.base.path()),
                   .base_fingerprint = fingerprint,
                   .layers = setup.folding->plan.layers,
                   .copies = setup.folding->plan.copies,
                   .num_hidden_layers = setup.spec.layers,
                   .hidden_size = setup.spec.hidden,
                   .intermediate_size = setup.spec.intermediate,
                   .method = setup.folding->plan.method,
                   .strength = 1.0},
                  sources);
  }
  directory.commit();
}

void finish_run(const TrainSetup& setup, const TrainingOutcome& outcome, const RunResults& results,
                const Finishing& finishing) {
  const fs::path& run = setup.run().output;
  const LogitDifference written = write_merged_model(setup, outcome, results.comparison,
                                                     finishing.ending("writing the merged model"));
  spdlog::info("merged: {}", describe(written));
  Json evaluation = Json::object();
  const ComparisonReport& comparison = results.comparison;
  if (!comparison.originals.empty() || !comparison.news.empty()) {
    evaluation = comparison_json(comparison);
  }
  finishing.write("writing the report", [&] {
    write_report(setup, outcome, {evaluation, results.strengths, results.samples});
  });
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
              {"peak_memory_bytes", peak_memory_bytes(setup.device)},
              {"data", run_data_json(setup)},
              {"warnings", notice_texts(setup.notices)},
              {"merged_worst_logit_difference", written.worst},
              {"evaluation", evaluation},
              {"strengths", results.strengths},
              {"samples", results.samples}});
}

}  // namespace expandft
