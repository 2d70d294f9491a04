#include "run/train_texts.h"

#include "base/wording.h"
#include "report/human.h"
#include "report/json_values.h"
#include "report/summary.h"
#include "run/train_outputs.h"
#include "training/snapshot.h"

#include <cmath>
#include <optional>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// Why nobody knows what was forgotten; empty where it was measured.
std::string why_not_measured(const TrainSetup& setup, const ComparisonReport& comparison) {
  if (!comparison.originals.empty()) return {};
  return setup.run().evaluation.original_tasks.empty()
             ? "not measured; add evaluation.original_tasks"
             : "not measured: the model gives no finite number on the tasks";
}

}  // namespace

std::string outcome_text(const TrainSetup& setup, const TrainingOutcome& outcome,
                         const ComparisonReport& comparison) {
  const fs::path& run = setup.run().output;
  Summary summary;
  std::string trained =
      counted(outcome.state.step, "step") + ", " + counted(outcome.state.tokens, "token");
  if (outcome.tokens_per_second > 0) {  // else an earlier process took all steps
    trained += fmt::format(", {} tokens/s, {}", human_count(outcome.tokens_per_second),
                           human_duration(outcome.seconds));
  }
  summary.line("trained", trained);
  if (outcome.validation_before && outcome.validation_after) {
    summary.line("validation", fmt::format("{:.4f} -> {:.4f} nats a token",
                                           *outcome.validation_before, *outcome.validation_after));
  }
  if (outcome.stopped_early) {
    summary.line("stopped early", "after " +
                                      counted(outcome.state.validations.since_best, "validation") +
                                      " without a lower loss");
  }
  if (outcome.output_step != outcome.state.step) {
    summary.line("outputs", fmt::format("of step {}, the lowest validation loss: {:.4f}",
                                        outcome.output_step, outcome.best->loss));
  }
  if (const std::string why = why_not_measured(setup, comparison); !why.empty()) {
    summary.line("forgetting", why);
  }
  if (has_adapter(setup)) summary.line("adapter", (run / "adapter").string());
  std::string merged = (run / "merged").string() + " (";
  if (setup.folding) merged += "layout " + layout_name(setup.folding->layout) + ", ";
  summary.line("merged", merged + "strength " + strength_text(setup.run().strength) + ")");
  summary.line("size", setup.merged_size());
  summary.line("report", (run / "report.html").string());
  return summary.text();
}

std::string finished_text(const RunConfig& run) {
  const fs::path& output = run.output;
  const Json summary = read_json(output / "summary.json");
  const std::optional<double> steps = number_at(summary, "steps");
  Summary lines;
  if (is_there(output / "report.html")) {
    lines.line("report", (output / "report.html").string());
  }
  if (snapshot_folders(output).empty()) {
    lines.line("train on",
               "not possible: no snapshot is left (training.checkpoint_every keeps "
               "some)");
  } else {
    lines.line("train on",
               fmt::format("raise {}, and give --resume again",
                           run.training.max_steps ? "training.max_steps" : "training.epochs"));
  }
  lines.line("train anew", "--restart, in place of this run");
  return fmt::format("the run in {} is finished{}; nothing to do\n{}", output.string(),
                     steps ? ", after " + counted(std::llround(*steps), "step") : "", lines.text());
}

}  // namespace expandft
