#include "measure/measure_models.h"

#include "base/error.h"
#include "checkpoint/adapter_directory.h"
#include "checkpoint/peft_adapter.h"
#include "evaluation/divergence.h"
#include "measure/evaluated_model.h"
#include "report/progress.h"
#include "run/retention_data.h"
#include "run/run_base.h"
#include "run/run_data.h"
#include "run/run_directory.h"
#include "runtime/device.h"
#include "tasks/output_cache.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include <ATen/Parallel.h>

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

/// What the divergences of two models on tasks depend on.
Json divergence_key(EvaluatedModel& base, EvaluatedModel& tuned,
                    const std::vector<PreparedTask>& works) {
  Json key = {{"base", base.identity()}, {"tuned", tuned.identity()}};
  for (const PreparedTask& work : works) {
    Json targets = Json::array();  // they say which of a row's texts is looked at
    if (work.task.type == TaskType::kChoice) {
      for (const TaskExample& example : *work.examples) targets.push_back(example.target);
    }
    key["works"].push_back({work.fingerprint(), targets});
  }
  return key;
}

/// Examples from all over a data set, about kDialTokens in all.
std::vector<TokenBatch> dial_batches(const Dataset& data) {
  constexpr std::int64_t kDialTokens = 8192;
  const std::int64_t stride = std::max<std::int64_t>(1, data.report.tokens / kDialTokens);
  std::vector<TokenBatch> batches;
  std::int64_t tokens = 0;
  for (std::size_t i = 0; i < data.examples.size(); i += static_cast<std::size_t>(stride)) {
    const Example example = data.examples[i];
    tokens += std::ssize(example.tokens);
    if (tokens > kDialTokens && !batches.empty()) break;
    if (batches.empty() || batches.back().tokens() >= kForwardTokens) batches.emplace_back();
    batches.back().append(example);
  }
  return batches;
}

/// The lowest layer that an adapter changes.
std::int64_t first_adapted_layer(const fs::path& adapter) {
  return is_peft_adapter(adapter) ? 0 : AdapterDirectory::open(adapter).info().layers.front();
}

}  // namespace

std::vector<TaskResult> measure_model(const ModelSource& source,
                                      const std::vector<TaskConfig>& tasks,
                                      const std::optional<fs::path>& cache,
                                      const ProcessOptions& options, const RankGroup& group) {
  ProgressLine progress(options.quiet);
  EvaluatedModel model(source, options);
  report_notices(model.notices(), options);
  const std::vector<PreparedTask> works = model.prepare(tasks, model.spec().max_positions);
  return model.evaluate(works, cache, progress, group);
}

MeasuredPair compare_models(const ModelSource& base_source, const ModelSource& tuned_source,
                            const std::vector<TaskConfig>& originals,
                            const std::vector<TaskConfig>& news, const DropBudgets& budgets,
                            const std::optional<fs::path>& cache, const ProcessOptions& options,
                            const RankGroup& group) {
  ProgressLine progress(options.quiet);
  EvaluatedModel tuned(tuned_source, options);
  report_notices(tuned.notices(), options);
  MeasuredPair measured;
  std::vector<PreparedTask> works;
  std::optional<BaseStates> states;
  std::optional<DivergenceCache> divergence_cache;
  std::optional<std::vector<double>> divergences;
  {
    // One model at a time: two need not fit in memory together.
    EvaluatedModel base(base_source, options);
    if (base.notices() != tuned.notices()) report_notices(base.notices(), options);
    check_same_tokens(base, tuned);
    const std::int64_t positions = std::min(base.spec().max_positions, tuned.spec().max_positions);
    const std::vector<PreparedTask> original_works = base.prepare(originals, positions);
    works = original_works;
    std::ranges::move(base.prepare(news, positions), std::back_inserter(works));
    measured.base = base.evaluate(works, cache, progress, group);
    if (cache && group.is_first()) {
      divergence_cache.emplace(*cache, divergence_key(base, tuned, original_works));
      divergences = divergence_cache->find(originals.size());
    }
    const bool is_comparable =
        group.is_first() && base.spec().vocab == tuned.spec().vocab && !originals.empty();
    if (is_comparable && !divergences) states.emplace(base.decoder(), original_works);
  }
  measured.tuned = tuned.evaluate(works, cache, progress, group);
  if (!group.is_first()) return measured;
  measured.report = compare_tasks(measured.base, measured.tuned, originals.size(), budgets);
  if (states) {
    divergences = states->divergences(tuned.decoder());
    if (divergence_cache) divergence_cache->put(*divergences);
  }
  if (divergences) add_divergences(*divergences, measured.report);
  return measured;
}

LayerDial dial_layers(const ModelSource& source, RunConfig run, double weight,
                      const ProcessOptions& options) {
  run.model_directory = source.model;
  // The text is needed, whether or not the run used it.
  run.retention.weight = 1;
  run.retention.on = RetentionOn::kText;
  Problems problems;
  const std::optional<RunBase> base = open_run_base(run, problems);
  problems.throw_if_any();
  RunData data = load_run_data(run, *base->tokenizer, at::get_num_threads());
  Decoder decoder =
      load_decoder(base->directory, {.model = source.model, .precision = source.precision},
                   prepare_device(options));
  const std::unique_ptr<Adaptation> adaptation =
      attach(decoder, base->directory, *source.adapter, Strength());
  const fs::path written = run.output / kSelfTextFile;
  add_self_written_text(run, *base, decoder, *adaptation, is_there(written) ? written : fs::path(),
                        RankGroup::alone(), options.quiet, data.retention);
  const DialTexts texts{
      .learned = dial_batches(data.validation ? *data.validation : *data.training),
      .kept = dial_batches(*data.retention)};
  const DialOptions dial{.weight = weight, .frozen_layers = first_adapted_layer(*source.adapter)};
  ProgressLine progress(options.quiet);
  return find_layer_strengths(decoder, *adaptation, texts, dial, [&](std::int64_t step) {
    progress.counting("finding the strength of each layer", step, dial.steps);
  });
}

StrengthSearch search_strength(const ModelSource& source, const Strength& dial,
                               const std::vector<TaskConfig>& tasks, const DropBudgets& budgets,
                               const std::optional<fs::path>& cache,
                               const ProcessOptions& options) {
  EvaluatedModel model(source, options);
  report_notices(model.tokenizer().notices(), options);
  const std::vector<PreparedTask> works = model.prepare(tasks, model.spec().max_positions);
  ProgressLine progress(options.quiet);
  return find_strength(
      [&](double factor) {
        model.set_strength(dial.times(factor));
        return model.evaluate(works, cache, progress, RankGroup::alone());
      },
      budgets);
}

}  // namespace expandft
