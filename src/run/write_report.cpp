#include "run/write_report.h"

#include "base/error.h"
#include "base/version.h"
#include "base/wording.h"
#include "pages/run_report.h"
#include "report/data_report.h"
#include "report/human.h"
#include "report/metrics_log.h"
#include "runtime/process.h"

#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/spdlog.h>

namespace expandft {
namespace {

std::string file_name(const fs::path& path) {
  return without_trailing_separator(path).filename().string();
}

RunReport::Facts outcome_facts(const PreparedRun& run, const TrainingOutcome& outcome) {
  const auto change = [](double before, double after) {
    return fmt::format("{:.3f} → {:.3f}", before, after);
  };
  const bool is_partial = outcome.signal != 0 && outcome.state.step < outcome.total_steps;
  RunReport::Facts facts = {
      {"Steps", is_partial ? fmt::format("{} of {}", outcome.state.step, outcome.total_steps)
                           : std::to_string(outcome.state.step)},
      {"Tokens", human_count(static_cast<double>(outcome.state.tokens))}};
  if (outcome.state.step > 0) {
    facts.emplace_back("Training loss", change(outcome.first_loss, outcome.last_loss));
  }
  if (outcome.validation_before && outcome.validation_after) {
    facts.emplace_back("Validation loss",
                       change(*outcome.validation_before, *outcome.validation_after));
  }
  facts.emplace_back(
      "Trained parameters",
      human_count(static_cast<double>(count_trained_parameters(run.model.adaptation()))));
  if (outcome.output_step != outcome.state.step) {
    facts.emplace_back("Outputs are of step", std::to_string(outcome.output_step));
  }
  if (outcome.stopped_early) {
    facts.emplace_back("Ended early, of", counted(outcome.total_steps, "step"));
  }
  if (outcome.tokens_per_second > 0) {
    facts.emplace_back("Tokens per second", human_count(outcome.tokens_per_second));
    facts.emplace_back("Time since the last start", human_duration(outcome.seconds));
  }
  facts.emplace_back(
      "Peak memory",
      human_bytes(static_cast<double>(peak_memory_bytes(run.model.decoder.device()))));
  return facts;
}

RunReport::Facts plan_facts(const PreparedRun& run) {
  RunReport::Facts facts = {
      {"Method", method_text(run.config.run.method)},
      {"Plan", run.plan()},
      {"Parameters of the base", human_count(static_cast<double>(count_parameters(run.base.spec)))},
      {"Strength of the merged model", strength_text(run.config.run.strength)}};
  if (run.model.folding) {
    const ExpansionPlan& plan = run.model.folding->plan;
    facts.emplace_back("Layers that grow, counted from 0",
                       fmt::format("{}", fmt::join(plan.layers, ", ")));
    facts.emplace_back(
        "Width of their MLPs",
        fmt::format("{} → {} ({} copies, the original included)", run.base.spec.intermediate,
                    run.base.spec.intermediate * plan.copies, plan.copies));
    facts.emplace_back("Layout of the merged model", layout_name(run.model.folding->layout));
  }
  if (run.config.run.output_form.is_gguf()) {
    facts.emplace_back("Format of the merged model", "GGUF, for llama.cpp");
  }
  facts.emplace_back("Base", run.base.directory.path().string());
  return facts;
}

std::string describe(const Dataset& data) {
  const DatasetReport& report = data.report;
  const LengthStatistics lengths = length_statistics(data.examples, 0, data.examples.size());
  std::string text = fmt::format("{}; {}, {} of them learned, in {} of {} to {} tokens, median {}",
                                 counted(report.rows, "row"), counted(report.tokens, "token"),
                                 report.targets, counted(report.examples, "sequence"),
                                 lengths.least, lengths.most, lengths.median);
  if (report.truncated_rows > 0) {
    text += fmt::format("; {} truncated by {}", counted(report.truncated_rows, "row"),
                        counted(report.truncated_tokens, "token"));
  }
  if (report.split_rows > 0) {
    text +=
        fmt::format("; {} became several sequences", counted(report.split_rows, "conversation"));
  }
  return text;
}

/// A path as the resolved config has it, or its JSON.
std::string config_text(const Json& value) {
  return value.is_string() ? value.get<std::string>()
                           : value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

RunReport::Facts data_section(const PreparedRun& run) {
  const Json& data = run.config.resolved.at("data");
  RunReport::Facts facts = {{"Training data", config_text(data.at("train"))},
                            {"Read as", describe(*run.data.training)},
                            {"First epoch", describe(run.data.first_epoch)}};
  if (run.data.validation) {
    facts.emplace_back("Validation data", config_text(data.at("validation")));
    facts.emplace_back("Read as", describe(*run.data.validation));
  }
  if (run.data.retention) {
    const Json& text = run.config.resolved.at("retention").at("text");
    facts.emplace_back("Retention text",
                       text == "self" ? "sampled from the base itself" : config_text(text));
    facts.emplace_back("Read as", describe(*run.data.retention));
  }
  return facts;
}

/// `state` is a sentence on a run that is not finished; empty for one that is.
void write_report_of(const PreparedRun& run, const TrainingOutcome& outcome,
                     const ReportResults& results, const std::string& state) {
  const fs::path& output = run.config.run.output;
  const Strength& own = run.config.run.strength;
  const RunReport report{
      .name = file_name(output),
      .opening = file_name(run.base.directory.path()) + ", fine-tuned: " + run.plan() + "." +
                 (state.empty() ? "" : " " + state),
      .outcome = outcome_facts(run, outcome),
      .comparison = results.comparison,
      .events = read_metrics(output / "metrics.jsonl"),
      .strengths = results.strengths,
      .strength = own.first == own.last ? std::optional(own.first) : std::nullopt,
      .samples = results.samples,
      .warnings = notice_texts(run.notices),
      .plan = plan_facts(run),
      .data = data_section(run),
      .config = run.config.resolved,
      .footer = std::string("Written by expandft ") + program_version() +
                " from metrics.jsonl, config.resolved.json and the results in summary.json."};
  write_file_atomically(output / "report.html", run_report_html(report));
}

}  // namespace

void write_report(const PreparedRun& run, const TrainingOutcome& outcome,
                  const ReportResults& results) {
  write_report_of(run, outcome, results, "");
}

void write_unfinished_report(const PreparedRun& run, const TrainingOutcome& outcome) {
  const std::string state =
      outcome.signal != 0
          ? fmt::format("Interrupted after step {} of {}: train --resume continues from there.",
                        outcome.state.step, outcome.total_steps)
          : std::string(
                "Training is done; evaluation, samples and the merged model are not: train "
                "--resume finishes them.");
  try {
    write_report_of(run, outcome, {Json::object(), Json::array(), Json::array()}, state);
  } catch (const Error& error) {  // it must not end a run
    spdlog::warn("the report is not written: {}", error.message());
  }
}

}  // namespace expandft
