#include "cli/train_text.h"

#include "base/wording.h"
#include "report/human.h"
#include "report/json_values.h"
#include "report/table.h"
#include "tasks/result_tables.h"
#include "training/snapshot.h"

#include <cmath>
#include <optional>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// Why nobody knows what was forgotten; empty where it was measured.
std::string why_not_measured(const RunConfig& run, const ComparisonReport& comparison) {
  if (!comparison.originals.empty()) return {};
  return run.evaluation.original_tasks.empty()
             ? "not measured; add evaluation.original_tasks"
             : "not measured: the model gives no finite number on the tasks";
}

std::string tasks_text(const ComparisonReport& comparison) {
  if (comparison.originals.empty() && comparison.news.empty()) return {};
  return comparison_table(comparison) + forgetting_text(comparison) + "\n";
}

}  // namespace

std::string outcome_text(const RunConfig& run, const RunResult& result) {
  const TrainingOutcome& outcome = result.outcome;
  Summary summary;
  std::string trained =
      counted(outcome.state.step, "step") + ", " + counted(outcome.state.tokens, "token");
  if (outcome.tokens_per_second > 0) {  // else an earlier process took all steps
    trained += fmt::format(", {} tokens/s, {}", human_count(outcome.tokens_per_second),
                           human_duration(outcome.seconds));
  }
  summary.line("trained", trained);
  if (outcome.validation_before && outcome.validation_after) {
    summary.line("validation", fmt::format("{:.4f} -> {:.4f} nats per token",
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
  if (const std::string why = why_not_measured(run, result.comparison); !why.empty()) {
    summary.line("forgetting", why);
  }
  if (result.written.has_adapter) summary.line("adapter", (run.output / "adapter").string());
  std::string merged = (run.output / "merged").string() + " (";
  if (result.written.layout) merged += "layout " + layout_name(*result.written.layout) + ", ";
  summary.line("merged", merged + "strength " + strength_text(run.strength) + ")");
  summary.line("size", result.written.size);
  summary.line("report", (run.output / "report.html").string());
  return tasks_text(result.comparison) + summary.text();
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
    lines.line("continue",
               "not possible: no snapshot is left (training.checkpoint_every keeps "
               "some)");
  } else {
    lines.line("continue",
               fmt::format("raise {}, and give --resume again",
                           run.training.max_steps ? "training.max_steps" : "training.epochs"));
  }
  lines.line("start again", "--restart, which replaces this run");
  return fmt::format("the run in {} is finished{}; nothing to do\n{}", output.string(),
                     steps ? ", after " + counted(std::llround(*steps), "step") : "", lines.text());
}

}  // namespace expandft
