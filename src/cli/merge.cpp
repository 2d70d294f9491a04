#include "base/wording.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "config/budget_check.h"
#include "config/drop_budget.h"
#include "config/hub_cache.h"
#include "config/task_metrics.h"
#include "config/task_search.h"
#include "families/model_config.h"
#include "growth/attach.h"
#include "methods/lora.h"
#include "report/progress.h"
#include "report/summary.h"
#include "run/evaluated_model.h"
#include "run/model_card.h"
#include "run/open_model.h"
#include "run/write_model.h"
#include "runtime/device.h"
#include "tasks/strength_search.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct MergeOptions {
  std::string model, adapter, output, config;
  Layout layout = Layout::kAuto;
  std::vector<std::string> tasks, max_drop;
  std::vector<fs::path> task_data;
  Strength strength;
  MeasureOptions measure;
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
    throw input_error("--max-drop needs original tasks to hold the model to", "expandft merge",
                      "name some with --tasks, or give the run's --config");
  }
  return find_tasks(names, beside, data);
}

/// The largest strength within the budget of --max-drop. Exit code 3 when only the base keeps it.
StrengthSearch search_strength(const MergeOptions& options, const ProcessOptions& process) {
  std::vector<TaskConfig> tasks = original_tasks(options);
  apply_limit(options.measure, tasks);
  const DropBudgets budgets = read_budgets(options.max_drop, tasks);
  report_notices(budget_notices(budgets, tasks, "--max-drop"), process);
  EvaluatedModel model({.model = options.model, .adapter = options.adapter}, process);
  report_notices(model.tokenizer().notices(), process);
  const std::vector<TaskWork> works = model.prepare(tasks, model.spec().max_positions);
  const std::optional<fs::path> cache = cache_folder(options.measure);
  ProgressLine progress(process.quiet);
  const StrengthSearch search = find_strength(
      [&](double strength) {
        model.set_strength(strength);
        return model.evaluate(works, cache, progress, RankGroup::alone());
      },
      budgets);
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

/// What is written: its layout and size, and how far its logits are from base + adapter.
struct Written {
  Layout layout;
  FoldedSize size;
  LogitDifference difference;
};

void require_room(const MergeOptions& options, std::uint64_t bytes) {
  std::vector<fs::path> inputs{options.model, options.adapter};
  if (!options.config.empty()) inputs.emplace_back(options.config);
  check_model_target(options.output, bytes, options.existing, inputs);
}

Written write_expanded(const MergeOptions& options, const ModelDirectory& base,
                       const AdapterDirectory& adapter, at::Device device) {
  const DecoderSpec spec = read_spec(base);
  const ExpansionPlan plan = plan_of(adapter.info());
  const Folding folding{plan, resolve_layout(options.layout, plan, spec), options.strength,
                        spec.layers};
  require_room(options, merged_bytes(base, spec, folding));
  const FoldedSize size = folded_size(base, spec, folding);
  spdlog::info("merging {}; it will take {}", describe(plan, spec), describe(size, folding.layout));
  return {
      folding.layout, size,
      write_model(options.output, options.existing, base, spec, folding, adapter_tensors(adapter),
                  merged_model_card(base, spec, folding, options.adapter), device)};
}

/// Updates leave every width as it is, so that there is one layout: the base's.
Written write_lora(const MergeOptions& options, const ModelDirectory& base, at::Device device) {
  const std::vector<LayerOrigin> layers = layer_origins(read_spec(base).layers, {});
  require_room(options, tuned_bytes(base, layers));
  Decoder decoder = Decoder::load(base, at::kFloat, device);
  const auto lora = attach_lora(decoder, base, PeftAdapter::open(options.adapter));
  lora->set_strength(options.strength);
  spdlog::info("merging LoRA of {}", counted(std::ssize(lora->updates()), "projection"));
  return {
      Layout::kNative,
      {tuned_weight_bytes(base, layers)},
      write_tuned_model(options.output, options.existing, base, decoder, layers, options.strength,
                        lora_model_card(base, options.adapter, options.strength))};
}

ExitCode run_merge(MergeOptions options, const ProcessOptions& process) {
  options.model = found_model(options.model);
  options.adapter = found_model(options.adapter);
  const ModelDirectory base = ModelDirectory::open(options.model);
  report_notices(read_spec(base).notices, process);
  std::optional<AdapterDirectory> expansion;
  if (!is_peft_adapter(options.adapter)) {
    expansion = open_adapter(options.adapter, base);
    resolve_layout(options.layout, plan_of(expansion->info()), read_spec(base));
  }
  std::optional<StrengthSearch> search;
  if (!options.max_drop.empty()) {
    require_room(options, 0);
    search = search_strength(options, process);
    options.strength = search->strength;
  }
  const at::Device device = prepare_device(process);
  const auto [layout, size, written] = expansion ? write_expanded(options, base, *expansion, device)
                                                 : write_lora(options, base, device);

  if (options.json) {
    Json json = {{"output", options.output},
                 {"strength", strength_json(options.strength)},
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
      "Fold an adapter into its base: one complete model directory that stock tools load.\n"
      "What is written is checked against base + adapter before it appears",
      "expandft merge --model models/gemma-3-1b-pt --adapter runs/mathqa/adapter \\\n"
      "      --strength 0.8 --output merged-0.8\n"
      "  expandft merge --model models/gemma-3-1b-pt --adapter runs/mathqa/adapter \\\n"
      "      --max-drop 1% --tasks wikitext --output merged-safe");
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
          ->add_option(
              "--max-drop", options->max_drop,
              "Find the largest strength at which no original task gets worse by more: 1% "
              "of the base's value, or a number; TASK=X for one task, mean=X% for the mean")
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
                   "Run config whose original tasks --max-drop is held against")
      ->type_name("FILE")
      ->needs(max_drop);
  add_task_data_option(*command, options->task_data);
  for (CLI::Option* option : add_measure_options(*command, options->measure)) {
    option->needs(max_drop);
  }
  add_layout_option(*command, options->layout);
  add_force_option(*command, options->existing);
  command->add_flag("--json", options->json, "Results as JSON");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_merge(*options, context.global.process); };
  });
}

}  // namespace expandft
