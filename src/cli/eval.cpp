#include "cli/eval_outputs.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "evaluation/divergence.h"
#include "run/evaluated_model.h"
#include "tasks/divergence_cache.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {
namespace {

/// Input error unless both tokenizers number the same tokens in the same way.
void check_same_tokens(const EvaluatedModel& base, const EvaluatedModel& other) {
  const Tokenizer &tokenizer = base.tokenizer(), &tuned = other.tokenizer();
  bool same = tokenizer.size() == tuned.size() && tokenizer.adds_bos() == tuned.adds_bos() &&
              tokenizer.bos() == tuned.bos();
  for (TokenId id = 0; same && id < tokenizer.size(); ++id)
    same = tokenizer.token(id) == tuned.token(id);
  if (same) return;
  throw input_error(
      "the models have different tokenizers (" + std::to_string(tokenizer.size()) + " and " +
          std::to_string(tuned.size()) + " tokens): their losses cannot be compared",
      base.name() + ", " + other.name(), "compare a tuned model with the base it came from");
}

ExitCode run_single(const EvalOptions& options, const EvalPlan& plan, const ProcessOptions& process,
                    const RankGroup& group) {
  ProgressLine progress(process.quiet);
  EvaluatedModel model(plan.tuned, process);
  report_notices(model.notices(), process);
  const std::vector<TaskWork> works = model.prepare(plan.news, model.spec().max_positions);
  const std::vector<TaskResult> results = model.evaluate(works, plan.cache, progress, group);
  if (group.is_first()) write_results(options, plan, results);
  return ExitCode::kDone;
}

Json divergence_key(EvaluatedModel& base, EvaluatedModel& tuned,
                    const std::vector<TaskWork>& works) {
  Json key = {{"base", base.identity()}, {"tuned", tuned.identity()}};
  for (const TaskWork& work : works) {
    Json targets = Json::array();  // they say which of a row's texts is looked at
    if (work.task.type == TaskType::kChoice) {
      for (const TaskExample& example : *work.examples) targets.push_back(example.target);
    }
    key["works"].push_back({work.fingerprint(), targets});
  }
  return key;
}

ExitCode run_comparison(const EvalOptions& options, const EvalPlan& plan,
                        const ProcessOptions& process, const RankGroup& group) {
  ProgressLine progress(process.quiet);
  EvaluatedModel tuned(plan.tuned, process);
  report_notices(tuned.notices(), process);
  std::vector<TaskWork> originals, works;
  std::vector<TaskResult> base_results;
  std::optional<BaseStates> states;
  std::optional<DivergenceCache> divergence_cache;
  std::optional<std::vector<double>> divergences;
  {
    // One model at a time: two need not fit in memory together.
    EvaluatedModel base(*plan.base, process);
    if (base.notices() != tuned.notices()) report_notices(base.notices(), process);
    check_same_tokens(base, tuned);
    const std::int64_t positions = std::min(base.spec().max_positions, tuned.spec().max_positions);
    originals = base.prepare(plan.originals, positions);
    works = originals;
    std::ranges::move(base.prepare(plan.news, positions), std::back_inserter(works));
    base_results = base.evaluate(works, plan.cache, progress, group);
    const bool caches = plan.cache && group.is_first();
    if (caches) divergence_cache.emplace(*plan.cache, divergence_key(base, tuned, originals));
    if (divergence_cache) divergences = divergence_cache->find(originals.size());
    const bool comparable =
        group.is_first() && base.spec().vocab == tuned.spec().vocab && !originals.empty();
    if (comparable && !divergences) states.emplace(base.decoder(), originals);
  }
  const std::vector<TaskResult> tuned_results = tuned.evaluate(works, plan.cache, progress, group);
  if (!group.is_first()) return ExitCode::kDone;
  ComparisonReport report =
      compare_tasks(base_results, tuned_results, plan.originals.size(), plan.budgets);
  if (states) {
    divergences = states->divergences(tuned.decoder());
    if (divergence_cache) divergence_cache->put(*divergences);
  }
  if (divergences) add_divergences(*divergences, report);
  write_results(options, plan, report, base_results, tuned_results);
  flush_output();  // before the error goes to stderr
  if (const auto error = budget_error(report)) throw *error;
  return ExitCode::kDone;
}

}  // namespace

void setup_eval(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "eval",
      "Compare a tuned model with its base on tasks (--config, or --model and --base), or measure\n"
      "one model (--model alone). Exit code 3: an original task dropped by more than --max-drop",
      "expandft eval --original-tasks --config run.json --max-drop 1%\n"
      "  expandft eval --model runs/mathqa/merged --base models/gemma-3-1b-pt --tasks wikitext\n"
      "  expandft eval --model models/gemma-3-1b-pt --tasks wikitext,tinystories");
  command->group("Prove");
  const auto options = std::make_shared<EvalOptions>();
  command->add_flag("--original-tasks", options->original_tasks,
                    "Insist on a comparison on original tasks");
  command
      ->add_option(
          "--config", options->config,
          "Run config: its model is the base, OUTPUT/merged the tuned model; its tasks and "
          "max_drop hold unless others are given")
      ->type_name("FILE");
  command->add_option("--model", options->model, "Model to evaluate")->type_name("DIR");
  command->add_option("--base", options->base, "Model to compare with")->type_name("DIR");
  command->add_option("--tasks", options->tasks, "Names or files of tasks, comma-separated")
      ->type_name("A,B")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--max-drop", options->max_drop,
                   "Budget: how much worse the judged metric of each original task may get, as 1% "
                   "of the base's or as a number; TASK=X for one task, mean=X% for the mean of all")
      ->type_name("X")
      ->allow_extra_args(false);
  add_measure_options(*command, options->measure);
  command->add_flag("--written", options->written,
                    "Choice tasks: count the answers that the model writes, not likelihoods");
  add_task_data_option(*command, options->task_data);
  command
      ->add_option("--json", options->json,
                   "Write the results as JSON (-: stdout, in place of the table)")
      ->type_name("FILE");
  command
      ->add_option("--examples", options->examples,
                   "Write what came of each example, as JSON lines")
      ->type_name("FILE");
  command->add_option("--junit", options->junit, "Write the verdicts as JUnit XML, for CI systems")
      ->type_name("FILE");
  command->add_option("--html", options->html, "Write a page of the examples whose answers changed")
      ->type_name("FILE");
  CLI::Option* adapter = command
                             ->add_option("--adapter", options->adapter,
                                          "Adapter to attach to --model, or else to the base")
                             ->type_name("DIR");
  add_strength_option(*command, options->strength)->needs(adapter);
  add_precision_option(*command, options->precision);
  const auto ranks = std::make_shared<RankOptions>();
  add_rank_options(*command, *ranks);
  command->callback([&context, options, ranks] {
    context.run = [&context, options, ranks] {
      const EvalPlan plan = plan_evaluation(*options);
      const auto [process, group] = join_job(context.global, *ranks);
      report_notices(plan.notices, process);
      return plan.base ? run_comparison(*options, plan, process, *group)
                       : run_single(*options, plan, process, *group);
    };
  });
}

}  // namespace expandft
