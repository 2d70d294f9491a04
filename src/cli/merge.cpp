#include "cli/options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "config/budget_check.h"
#include "config/drop_budget.h"
#include "config/hub_cache.h"
#include "config/task_metrics.h"
#include "config/task_search.h"
#include "families/model_config.h"
#include "report/table.h"
#include "run/make_model.h"
#include "run/measure_models.h"
#include "run/open_model.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

struct MergeOptions {
  std::string model, adapter, output, config;
  Layout layout = Layout::kAuto;
  std::vector<std::string> tasks, max_drop;
  std::vector<fs::path> task_data;
  Strength strength;
  MeasureOptions measure;
  FormatOptions format;
  bool json = false;
  AtomicDirectory::Existing existing = AtomicDirectory::Existing::kRefuse;
};

/// The original tasks that --max-drop is held against.
std::vector<TaskConfig> original_tasks(const MergeOptions& options) {
  std::vector<std::string> names = named_tasks(options.tasks);
  fs::path beside = ".";
  std::vector<fs::path> data = options.task_data;
  if (!options.config.empty()) {
    const RunConfig run = load_run_config(options.config).run;
    beside = run.file.parent_path();
    data.insert(data.end(), run.evaluation.task_data.begin(), run.evaluation.task_data.end());
    if (names.empty()) names = run.evaluation.original_tasks;
  }
  if (names.empty()) {
    throw input_error("--max-drop needs original tasks", "expandft merge",
                      "name some with --tasks, or give the run's --config");
  }
  return find_tasks(names, beside, data);
}

/// The largest strength within the budget of --max-drop. Exit code 3 when only the base keeps it.
StrengthSearch search_within_budget(const MergeOptions& options, const ProcessOptions& process) {
  std::vector<TaskConfig> tasks = original_tasks(options);
  apply_limit(options.measure, tasks);
  const DropBudgets budgets = read_budgets(options.max_drop, tasks);
  report_notices(budget_notices(budgets, tasks, "--max-drop"), process);
  StrengthSearch search = search_strength({.model = options.model, .adapter = options.adapter},
                                          tasks, budgets, cache_folder(options.measure), process);
  if (search.strength == 0) {
    print(strength_table(search));
    flush_output();
    throw Error(ExitCode::kDropped,
                "no strength of the adapter keeps the budget of " +
                    budgets_text(budgets, metric_units(tasks)),
                options.adapter, "allow a larger --max-drop, or train with retention");
  }
  return search;
}

ExitCode run_merge(MergeOptions options, const ProcessOptions& process) {
  options.model = found_model(options.model);
  options.adapter = found_model(options.adapter);
  const ModelDirectory base = ModelDirectory::open(options.model);
  report_notices(read_spec(base).notices, process);
  const OutputForm form = form_of(options.format, options.output);
  check_adapter(base, options.adapter, options.layout, form);
  ModelTarget target{options.output, options.existing, {options.model, options.adapter}, form};
  if (!options.config.empty()) target.inputs.emplace_back(options.config);
  std::optional<StrengthSearch> search;
  if (!options.max_drop.empty()) {
    target.check(0);  // before the search, which takes long
    search = search_within_budget(options, process);
    options.strength = search->strength;
  }
  const auto [layout, size, written] =
      merge_adapter(base, options.adapter, options.strength, options.layout, target, process);

  if (options.json) {
    Json json = {{"output", options.output},
                 {"strength", strength_json(options.strength)},
                 {"format", target.form.is_gguf() ? "gguf" : "huggingface"},
                 {"layout", layout_name(layout)},
                 {"weight_bytes", size.bytes},
                 {"padding_bytes", size.zeros},
                 {"as_written",
                  {{"worst_logit_difference", written.worst}, {"largest_logit", written.scale}}}};
    if (search) json["strengths"] = strength_json(*search);
    print_json(json);
    return ExitCode::kDone;
  }
  if (search) print(strength_table(*search) + "\n");
  Summary summary;
  summary.line("merged",
               fmt::format("{} + {} at strength {}", model_name_and_path(options.model),
                           model_name_and_path(options.adapter), strength_text(options.strength)));
  summary.line("as written", describe(written));
  summary.line("written to", options.output + " (layout " + layout_name(layout) + ")");
  summary.line("size", describe(size, layout));
  print(summary.text());
  return ExitCode::kDone;
}

}  // namespace

void setup_merge(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "merge",
      "Fold an adapter into its base: one complete model that stock tools load, a directory or a\n"
      "GGUF file. "
      "What is written is checked against base + adapter before it appears",
      "expandft merge --model models/gemma-3-1b-pt --adapter runs/mathqa/adapter \\\n"
      "      --strength 0.8 --output merged-0.8\n"
      "  expandft merge --model models/gemma-3-1b-pt --adapter runs/mathqa/adapter \\\n"
      "      --max-drop 1% --tasks wikitext --output merged-safe\n"
      "  expandft merge --model models/gemma-3-1b-pt --adapter runs/mathqa/adapter \\\n"
      "      --gguf-type Q8_0 --output mathqa.gguf");
  command->group("Make");
  const auto options = std::make_shared<MergeOptions>();
  command->add_option("--model", options->model, "The base the adapter was trained on")
      ->type_name("DIR")
      ->required();
  command->add_option("--adapter", options->adapter, "Adapter")->type_name("DIR")->required();
  command->add_option("--output", options->output, "Where to write the merged model")
      ->type_name("DIR")
      ->required();
  CLI::Option* strength = add_strength_option(*command, options->strength);
  CLI::Option* max_drop =
      command
          ->add_option("--max-drop", options->max_drop,
                       "Find the largest strength at which no original task gets worse by more: 1% "
                       "of the base's value, or a number; TASK=X for one task, mean=X% for the "
                       "mean; can be repeated. Exit code 3 if there is none")
          ->type_name("X")
          ->allow_extra_args(false)
          ->excludes(strength);
  command->add_option("--tasks", options->tasks, "Original tasks for --max-drop, comma-separated")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->needs(max_drop);
  command
      ->add_option("--config", options->config,
                   "Run config whose original tasks --max-drop applies to")
      ->type_name("FILE")
      ->needs(max_drop);
  add_task_data_option(*command, options->task_data);
  for (CLI::Option* option : add_measure_options(*command, options->measure)) {
    option->needs(max_drop);
  }
  add_layout_option(*command, options->layout);
  add_format_options(*command, options->format);
  add_force_option(*command, options->existing);
  command->add_flag("--json", options->json, "Results as JSON");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_merge(*options, context.global.process); };
  });
}

}  // namespace expandft
