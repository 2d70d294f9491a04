#include "run/run_outputs.h"

#include "chat/model_chat.h"
#include "checkpoint/peft_adapter.h"
#include "config/hub_cache.h"
#include "export/gguf_output.h"
#include "export/model_card.h"
#include "model/tensors.h"
#include "report/data_report.h"
#include "report/json_values.h"
#include "run/make_model.h"
#include "run/write_report.h"
#include "runtime/process.h"
#include "tasks/results_json.h"
#include "training/batch_stream.h"

#include <algorithm>
#include <system_error>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

constexpr auto kReplaceOurs = AtomicDirectory::Existing::kReplaceOurs;

constexpr const char *kMergedFolder = "merged", *kMergedFile = "merged.gguf";

LogitDifference write_merged_gguf(const PreparedRun& run, OnSignal on_signal) {
  const auto& [config, base, data, model, notices, choices] = run;
  const fs::path target = config.run.output / kMergedFile;
  const GgufNumberType type = config.run.output_form.gguf_type;
  const std::string name = without_trailing_separator(config.run.output).filename().string();
  const auto report = [](const Notices& found) {
    for (const std::string& text : notice_texts(found)) spdlog::warn("{}", text);
  };
  if (model.folding) {
    const NamedTensors copies = model.adaptation().tensors();
    const GgufExport gguf =
        folded_gguf(base.directory, base.spec, *model.folding, copies, type, name);
    const auto check = [&](const fs::path& written, const fs::path& scratch) {
      return check_folded_gguf(written, gguf, base.directory, *model.folding, copies,
                               model.decoder.device(), scratch);
    };
    return write_gguf_model(target, gguf, check, report, std::move(on_signal));
  }
  model.adaptation().set_strength(config.run.strength);
  const GgufExport gguf = tuned_gguf(base.directory, model.decoder, model.method.layers,
                                     config.run.strength, type, name);
  const auto check = [&](const fs::path& written, const fs::path& scratch) {
    return check_tuned_gguf(written, gguf, base.directory, model.decoder, model.method.layers,
                            scratch);
  };
  return write_gguf_model(target, gguf, check, report, std::move(on_signal));
}

/// The merged model of an earlier end of the run in another form would be older than this one.
void remove_other_form(const RunConfig& run) {
  std::error_code ignored;
  fs::remove_all(run.output / (run.output_form.is_gguf() ? kMergedFolder : kMergedFile), ignored);
}

/// The merged model keeps the template that it was trained with, if that is not the base's.
void write_chat_template(const PreparedRun& run, const fs::path& merged) {
  const RunConfig& config = run.config.run;
  if (run.data.training->report.conversations == 0) return;
  const ModelChat chat(config.model_directory, config.data.chat_template, *run.base.tokenizer);
  const std::vector<ChatTemplate> own = read_chat_templates(config.model_directory);
  if (!own.empty() && own.front().text == chat.source()) return;
  if (config.output_form.is_gguf()) {
    spdlog::warn("{} has the base's chat template, and not the one that was trained with: {}",
                 merged.string(), chat.where());
    return;
  }
  write_file_atomically(merged / "chat_template.jinja", chat.source());
  spdlog::info("{} is the chat template of the training: {}",
               (merged / "chat_template.jinja").string(), chat.where());
}

LogitDifference write_merged_model(const PreparedRun& run, const TrainingOutcome& outcome,
                                   const ComparisonReport& comparison, OnSignal on_signal) {
  const auto& [config, base, data, model, notices, choices] = run;
  if (config.run.output_form.is_gguf()) return write_merged_gguf(run, std::move(on_signal));
  const fs::path target = config.run.output / kMergedFolder;
  const std::string card = trained_model_card({.run = config.run,
                                               .base = base.directory,
                                               .spec = base.spec,
                                               .folding = model.folding,
                                               .plan = run.plan(),
                                               .outcome = outcome,
                                               .results = comparison});
  if (model.folding) {
    return write_folded_model(target, kReplaceOurs, base.directory, base.spec, *model.folding,
                              model.adaptation().tensors(), card, model.decoder.device(),
                              std::move(on_signal));
  }
  model.adaptation().set_strength(config.run.strength);
  return write_tuned_model(target, kReplaceOurs, base.directory, model.decoder, model.method.layers,
                           config.run.strength, card, std::move(on_signal));
}

Json optional_number(const std::optional<double>& number) {
  return number ? Json(*number) : Json();
}

Json run_data_json(const RunData& data) {
  Json training = data_json(*data.training);
  training["first_epoch"] = epoch_json(data.first_epoch);
  Json validation;
  if (data.validation) validation = data_json(*data.validation);
  return {{"training", std::move(training)}, {"validation", std::move(validation)}};
}

/// The most snapshots that are in the run directory at once: those kept, and one more while it is
/// written.
std::uint64_t snapshots_at_once(const TrainingConfig& training, const RunData& data) {
  const std::int64_t steps = BatchStream(data.epochs, training).total_steps();
  const auto times = [&](std::int64_t every) { return every > 0 ? steps / every : 0; };
  const bool keeps_best = training.output_checkpoint == OutputCheckpoint::kBest &&
                          data.validation && training.validate_every > 0;
  const std::int64_t bests = keeps_best ? times(training.validate_every) : 0;
  const std::int64_t written = times(training.checkpoint_every) + bests + 1;  // and one at the end
  const std::int64_t kept = training.keep_checkpoints + (keeps_best ? 1 : 0);
  return static_cast<std::uint64_t>(std::min(kept, written)) + (written > 1 ? 1 : 0);
}

}  // namespace

Json RunResults::evaluation() const {
  if (comparison.originals.empty() && comparison.news.empty()) return Json::object();
  return comparison_json(comparison);
}

std::uint64_t merged_model_bytes(const RunConfig& run, const RunBase& base, const RunModel& model) {
  const std::uint64_t bytes = model.folding
                                  ? merged_bytes(base.directory, base.spec, *model.folding)
                                  : tuned_bytes(base.directory, model.method.layers);
  return bytes_in_form(bytes, run.output_form, base.dtype());
}

std::uint64_t bytes_to_write(const PreparedRun& run) {
  const std::uint64_t snapshot = snapshot_bytes(count_trained_parameters(run.model.adaptation()),
                                                run.config.run.training.ema.has_value());
  return merged_model_bytes(run.config.run, run.base, run.model) + snapshot / 3 +
         snapshots_at_once(run.config.run.training, run.data) * snapshot;
}

void write_run_adapter(const RunConfig& run, const RunBase& base, const RunModel& model,
                       const std::string& fingerprint) {
  std::vector<TensorSource> sources;
  std::uint64_t bytes = 1 << 20;
  for (const auto& [name, tensor] : model.adaptation().tensors()) {
    sources.push_back(source_of(name, tensor, base.dtype()));
    bytes += byte_size(sources.back());
  }
  const std::string base_model = model_name(base.directory.path());
  AtomicDirectory directory(run.output / "adapter", bytes, kReplaceOurs, OutputKind::kAdapter);
  if (model.method.lora != nullptr) {
    write_peft_adapter(directory.path(),
                       {.base_model = base_model,
                        .rank = run.lora.rank,
                        .alpha = run.lora.alpha,
                        .targets = PeftTargets::of(model.method.lora->target_modules()),
                        .base_fingerprint = fingerprint},
                       sources);
  } else {
    write_adapter(directory.path(),
                  {.base_model = base_model,
                   .base_fingerprint = fingerprint,
                   .layers = model.folding->plan.layers,
                   .copies = model.folding->plan.copies,
                   .num_hidden_layers = base.spec.layers,
                   .hidden_size = base.spec.hidden,
                   .intermediate_size = base.spec.intermediate,
                   .method = model.folding->plan.method,
                   .strength = 1.0},
                  sources);
  }
  directory.commit();
}

void write_run_outputs(const PreparedRun& run, const TrainingOutcome& outcome,
                       const RunResults& results, const StagesAfterTraining& stages) {
  const fs::path& output = run.config.run.output;
  const LogitDifference written = write_merged_model(run, outcome, results.comparison,
                                                     stages.ending("writing the merged model"));
  remove_other_form(run.config.run);
  const bool is_gguf = run.config.run.output_form.is_gguf();
  write_chat_template(run, output / (is_gguf ? kMergedFile : kMergedFolder));
  spdlog::info("merged: {}", describe(written));
  stages.write("writing the report", [&] {
    write_report(run, outcome, {results.evaluation(), results.strengths, results.samples});
  });
  write_json(output / "summary.json",
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
              {"peak_memory_bytes", peak_memory_bytes(run.model.decoder.device())},
              {"data", run_data_json(run.data)},
              {"warnings", notice_texts(run.notices)},
              {"merged_worst_logit_difference", written.worst},
              {"evaluation", results.evaluation()},
              {"strengths", results.strengths},
              {"samples", results.samples}});
}

}  // namespace expandft
