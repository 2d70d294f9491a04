#include "cli/options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "config/budget_check.h"
#include "config/drop_budget.h"
#include "config/hub_cache.h"
#include "config/task_metrics.h"
#include "config/task_search.h"
#include "families/model_config.h"
#include "measure/measure_models.h"
#include "report/table.h"
#include "run/make_model.h"
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
  std::string dial = "uniform";
  double dial_weight = 1;
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

bool dials_layers(const MergeOptions& options) {
  return options.dial == "layers";
}

const char* varied(const MergeOptions& options) {
  return dials_layers(options) ? kFactor : kStrength;
}

/// "loss 1.912, KL 0.041 from the base".
std::string dial_text(const DialPoint& point) {
  return fmt::format("loss {:.4f}, KL {:.4f} from the base", point.loss, point.divergence);
}

Json dial_json(const DialPoint& point) {
  return {
      {"strength", strength_json(point.strength)}, {"loss", point.loss}, {"kl", point.divergence}};
}

/// The largest factor of `dial` within the budget of --max-drop. Exit code 3 when only the base
/// keeps it.
StrengthSearch search_within_budget(const MergeOptions& options, const Strength& dial,
                                    const ProcessOptions& process) {
  std::vector<TaskConfig> tasks = original_tasks(options);
  apply_limit(options.measure, tasks);
  const DropBudgets budgets = read_budgets(options.max_drop, tasks);
  report_notices(budget_notices(budgets, tasks, "--max-drop"), process);
  StrengthSearch search =
      search_strength({.model = options.model, .adapter = options.adapter}, dial, tasks, budgets,
                      cache_folder(options.measure), process);
  if (search.strength == 0) {
    print(strength_table(search, varied(options)));
    flush_output();
    throw Error(ExitCode::kDropped,
                "no strength of the adapter keeps the budget of " +
                    budgets_text(budgets, metric_units(tasks)),
                options.adapter, "allow a larger --max-drop, or train with retention");
  }
  return search;
}

/// The strength to merge at, and how it was found.
struct ChosenStrength {
  Strength strength;
  std::optional<LayerDial> dial;         // with --dial layers
  std::optional<StrengthSearch> search;  // with --max-drop
};

ChosenStrength choose_strength(const MergeOptions& options, const ProcessOptions& process) {
  ChosenStrength chosen{.strength = options.strength};
  if (dials_layers(options)) {
    chosen.dial = dial_layers({.model = options.model, .adapter = options.adapter},
                              load_run_config(options.config).run, options.dial_weight, process);
    chosen.strength = chosen.dial->layers.strength;
  }
  if (!options.max_drop.empty()) {
    const Strength full = chosen.strength.at_full();
    chosen.search = search_within_budget(options, full, process);
    chosen.strength = full.times(chosen.search->strength);
  }
  return chosen;
}

/// Input error for options that lack each other.
void check_options(const MergeOptions& options) {
  const std::string where = "expandft merge";
  if (dials_layers(options) && options.config.empty()) {
    throw input_error("--dial layers needs --config: the run config whose data it looks at", where,
                      "give the config that the adapter was trained with");
  }
  if (!options.config.empty() && !dials_layers(options) && options.max_drop.empty()) {
    throw input_error("--config is used by --max-drop and --dial layers only", where,
                      "leave it out, or give one of these");
  }
}

ExitCode run_merge(MergeOptions options, const ProcessOptions& process) {
  check_options(options);
  options.model = found_model(options.model);
  options.adapter = found_model(options.adapter);
  const ModelDirectory base = ModelDirectory::open(options.model);
  report_notices(read_spec(base).notices, process);
  const OutputForm form = form_of(options.format, options.output);
  check_adapter(base, options.adapter, options.layout, form);
  ModelTarget target{options.output, options.existing, {options.model, options.adapter}, form};
  if (!options.config.empty()) target.inputs.emplace_back(options.config);
  target.check(0);  // before a search, which takes long
  const auto [strength, dial, search] = choose_strength(options, process);
  const auto [layout, size, written] =
      merge_adapter(base, options.adapter, strength, options.layout, target, process);

  if (options.json) {
    Json json = {{"output", options.output},
                 {"strength", strength_json(strength)},
                 {"format", target.form.is_gguf() ? "gguf" : "huggingface"},
                 {"layout", layout_name(layout)},
                 {"weight_bytes", size.bytes},
                 {"padding_bytes", size.zeros},
                 {"as_written",
                  {{"worst_logit_difference", written.worst}, {"largest_logit", written.scale}}}};
    if (dial) {
      json["dial"] = {{"weight", options.dial_weight},
                      {"uniform", dial_json(dial->uniform)},
                      {"layers", dial_json(dial->layers)}};
    }
    if (search) json["strengths"] = strength_json(*search, varied(options));
    print_json(json);
    return ExitCode::kDone;
  }
  if (search) print(strength_table(*search, varied(options)) + "\n");
  Summary summary;
  if (dial) {
    summary.line("all layers alike",
                 dial_text(dial->uniform) + ", at strength " + dial->uniform.strength.text());
    summary.line("layer by layer", dial_text(dial->layers));
  }
  summary.line("merged", fmt::format("{} + {} at strength {}", model_name_and_path(options.model),
                                     model_name_and_path(options.adapter), strength.text()));
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
  CLI::Option* dial =
      command
          ->add_option("--dial", options->dial,
                       "uniform: one strength for all layers. layers: one for each, found by "
                       "gradient steps on the data of --config: the loss of the new task plus the "
                       "divergence from the base on the retention text, with all weights frozen. "
                       "--max-drop then scales what was found")
          ->type_name("NAME")
          ->check(one_of({"uniform", "layers"}))
          ->capture_default_str()
          ->excludes(strength);
  command
      ->add_option("--dial-weight", options->dial_weight,
                   "Weight of the divergence in --dial layers: more forgets less")
      ->type_name("X")
      ->check(in_range(0, 1000))
      ->capture_default_str()
      ->needs(dial);
  command->add_option("--tasks", options->tasks, "Original tasks for --max-drop, comma-separated")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->needs(max_drop);
  command
      ->add_option("--config", options->config,
                   "Run config whose original tasks --max-drop applies to, and on whose data "
                   "--dial layers looks")
      ->type_name("FILE");
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
