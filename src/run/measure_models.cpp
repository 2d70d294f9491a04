#include "run/measure_models.h"

#include "base/error.h"
#include "evaluation/divergence.h"
#include "report/progress.h"
#include "run/evaluated_model.h"
#include "tasks/output_cache.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

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

StrengthSearch search_strength(const ModelSource& source, const std::vector<TaskConfig>& tasks,
                               const DropBudgets& budgets, const std::optional<fs::path>& cache,
                               const ProcessOptions& options) {
  EvaluatedModel model(source, options);
  report_notices(model.tokenizer().notices(), options);
  const std::vector<PreparedTask> works = model.prepare(tasks, model.spec().max_positions);
  ProgressLine progress(options.quiet);
  return find_strength(
      [&](double strength) {
        model.set_strength(strength);
        return model.evaluate(works, cache, progress, RankGroup::alone());
      },
      budgets);
}

}  // namespace expandft
