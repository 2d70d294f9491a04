#include "run/validate_config.h"

#include "config/task_search.h"
#include "data/data_files.h"
#include "data/packing.h"
#include "data/sources.h"
#include "data/text_file.h"
#include "run/open_model.h"
#include "run/run_data.h"
#include "run/run_inputs.h"
#include "tasks/example.h"
#include "tasks/prepared_task.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <ATen/Parallel.h>

namespace expandft {
namespace {

struct Findings : ConfigFindings {
  std::vector<std::string> missing;  // JSON paths whose files are not there: a problem already

  bool is_missing(const std::string& path) const {
    return std::ranges::any_of(missing,
                               [&](const std::string& one) { return one.starts_with(path); });
  }

  void add(const Notices& more) { notices = joined(std::move(notices), more); }
};

/// Whether rows are JSON can be checked without a tokenizer.
void check_json_lines(const std::vector<DataSource>& sources) {
  for (const DataSource& source : sources) {
    for (const fs::path& file : find_data_files(source.path)) {
      if (data_form(file) != DataForm::kJsonLines) continue;
      for_each_json_line(file, [](const Json&, std::int64_t) {});
    }
  }
}

/// Reads all data as `train` does. `tokenizer` is null where the model has none that can be used.
void check_data_rows(const ResolvedConfig& config, const Tokenizer* tokenizer, Findings& findings) {
  const RunConfig& run = config.run;
  Problems& problems = findings.problems;
  const int threads = at::get_num_threads();
  const auto load = [&](const std::vector<DataSource>& sources, const std::string& key) {
    std::optional<Dataset> data;
    if (findings.is_missing(key)) return data;
    problems.check([&] {
      if (tokenizer == nullptr) return check_json_lines(sources);
      data = load_sources(
          sources, key, run, *tokenizer, [](const DataSource&, const SourceReport&) {}, threads);
    });
    return data;
  };
  RunData data;
  std::optional<Dataset> training = load(run.data.train, "data.train");
  if (!run.data.validation.empty()) data.validation = load(run.data.validation, "data.validation");
  if (!findings.is_missing("retention.text") && tokenizer != nullptr) {
    problems.check([&] { data.retention = load_retention_files(run, *tokenizer, threads); });
  }
  if (!training || !findings.missing.empty()) return;
  data.training = std::make_unique<const Dataset>(std::move(*training));
  findings.add(data_notices(run, data));
  const PackedEpochs epochs(*data.training, run.data, run.training.seed);
  findings.add(batch_notices(config, first_epoch(epochs)));
}

/// Tasks, and what comes of the rows of their data.
void check_task_rows(const RunConfig& run, const std::optional<RunBase>& base, bool skip_data,
                     Findings& findings) {
  const std::pair<std::string, const std::vector<std::string>&> kinds[] = {
      {"evaluation.original_tasks", run.evaluation.original_tasks},
      {"evaluation.tasks", run.evaluation.tasks}};
  for (const auto& [key, names] : kinds) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (findings.is_missing(key + "[" + std::to_string(i) + "]")) continue;
      findings.problems.check([&] {
        const TaskConfig task =
            find_task(names[i], run.file.parent_path(), run.evaluation.task_data);
        check_task(task);
        if (skip_data) return;
        if (base && base->tokenizer) {
          prepare_task(task, *base->tokenizer, base->spec.max_positions);
        } else if (task.type != TaskType::kPerplexity) {
          load_examples(task);
        }
      });
    }
  }
}

}  // namespace

ConfigFindings validate_config(const fs::path& file, const std::vector<std::string>& overrides,
                               bool skip_data) {
  Findings findings;
  std::optional<ResolvedConfig> config;
  findings.problems.check([&] { config = load_run_config(file, overrides); });
  if (!config) return findings;
  RunConfig& run = config->run;
  for (const auto& [path, problem] : run_input_problems(run)) {
    findings.problems.add(input_error(problem, path, kPathHint));
    findings.missing.push_back(path);
  }
  findings.add(config_notices(run));
  std::optional<RunBase> base;
  if (!findings.is_missing("model")) {
    findings.problems.check([&] {
      import_base(run);
      base = open_run_base(run, findings.problems);
    });
  }
  if (base) findings.add(base->notices);
  if (!skip_data) {
    check_data_rows(*config, base ? base->tokenizer.get() : nullptr, findings);
  }
  check_task_rows(run, base, skip_data, findings);
  return findings;
}

}  // namespace expandft
