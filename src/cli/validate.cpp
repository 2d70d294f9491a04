#include "base/wording.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "config/task_search.h"
#include "data/data_files.h"
#include "data/packing.h"
#include "data/sources.h"
#include "data/text_file.h"
#include "run/open_model.h"
#include "run/run_inputs.h"
#include "run/train_checks.h"
#include "tasks/check_task.h"
#include "tasks/example.h"
#include "tasks/task_work.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <ATen/Parallel.h>

namespace expandft {
namespace {

struct ValidateOptions {
  std::vector<std::string> configs;
  std::vector<std::string> overrides;
  bool skip_data = false;
  bool json = false;
};

/// What is wrong with a config, and what may be.
struct Findings {
  Problems problems;
  Notices notices;
  std::vector<std::string> missing;  // JSON paths whose files are not there: a problem already

  bool is_missing(const std::string& path) const {
    return std::ranges::any_of(missing,
                               [&](const std::string& one) { return one.starts_with(path); });
  }

  void add(Notices more) {
    notices.insert(notices.end(), std::make_move_iterator(more.begin()),
                   std::make_move_iterator(more.end()));
  }
};

/// That rows are JSON can be told without a tokenizer.
void check_json_lines(const std::vector<DataSource>& sources) {
  for (const DataSource& source : sources) {
    for (const fs::path& file : find_data_files(source.path)) {
      if (data_form(file) != DataForm::kJsonLines) continue;
      for_each_json_line(file, [](const Json&, std::int64_t) {});
    }
  }
}

/// Reads all data as `train` does. `tokenizer` is null where the model has none that can be used.
void check_data(const ResolvedConfig& config, const Tokenizer* tokenizer, Findings& findings) {
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
  TrainData data;
  std::optional<Dataset> training = load(run.data.train, "data.train");
  if (!run.data.validation.empty()) data.validation = load(run.data.validation, "data.validation");
  const bool has_retention = run.retention.text && !findings.is_missing("retention.text");
  if (run.retention.weight > 0 && has_retention && tokenizer != nullptr) {
    problems.check([&] {
      DatasetOptions options = retention_options(run);
      options.threads = threads;
      data.retention = load_dataset(options, *tokenizer);
    });
  }
  if (!training || !findings.missing.empty()) return;
  data.training = std::move(*training);
  findings.add(data_notices(run, data));
  const PackedEpochs epochs(data.training, run.data, run.training.seed);
  findings.add(batch_notices(config, first_epoch(epochs)));
}

/// Tasks, and what comes of the rows of their data.
void check_tasks(const RunConfig& run, const std::optional<TrainBase>& base, bool skip_data,
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

Findings examine(const std::string& file, const ValidateOptions& options) {
  Findings findings;
  std::optional<ResolvedConfig> config;
  findings.problems.check([&] { config = load_run_config(file, options.overrides); });
  if (!config) return findings;
  const RunConfig& run = config->run;
  for (const auto& [path, problem] : run_input_problems(run)) {
    findings.problems.add(input_error(problem, path, kPathHint));
    findings.missing.push_back(path);
  }
  findings.add(config_notices(run));
  std::optional<TrainBase> base;
  if (!findings.is_missing("model")) base = open_train_base(run, findings.problems);
  if (base) findings.add(base->notices);
  if (!options.skip_data) {
    check_data(*config, base ? base->tokenizer.get() : nullptr, findings);
  }
  check_tasks(run, base, options.skip_data, findings);
  return findings;
}

Json verdict_json(const std::string& file, const Findings& findings) {
  Json json = {{"config", file}, {"ok", findings.problems.empty()}};
  if (!findings.problems.empty()) {
    const Error error = findings.problems.all();
    json["error"] = {{"what", error.message()}, {"where", error.where()}, {"hint", error.hint()}};
  }
  if (!findings.notices.empty()) json["warnings"] = notice_texts(findings.notices);
  return json;
}

void print_verdict(const std::string& file, const Findings& findings) {
  print((findings.problems.empty() ? "ok     " : "wrong  ") + file + "\n");
  flush_output();
  for (const std::string& text : notice_texts(findings.notices)) {
    std::fprintf(stderr, "warning: %s: %s\n", file.c_str(), printable(text).c_str());
  }
  if (!findings.problems.empty()) {
    std::fprintf(stderr, "error: %s\n", findings.problems.all().what());
  }
}

/// Goes on to the other files after a bad one. Verdicts go to stdout, the first of them included.
ExitCode run_validate(const ValidateOptions& options, const ProcessOptions& process) {
  set_threads(process);
  Json verdicts = Json::array();
  bool all_good = true;
  for (const std::string& file : options.configs) {
    Findings findings = examine(file, options);
    if (process.strict && !findings.notices.empty()) {
      findings.problems.add(strict_error(findings.notices));
      findings.notices.clear();
    }
    all_good = all_good && findings.problems.empty();
    if (options.json) {
      verdicts.push_back(verdict_json(file, findings));
    } else {
      print_verdict(file, findings);
    }
  }
  if (options.json) print_json(verdicts);
  return all_good ? ExitCode::kDone : ExitCode::kBadInput;
}

}  // namespace

void setup_validate(CLI::App& app, Context& context) {
  CLI::App* command =
      add_command(app, context, "validate",
                  "Check run configs as train does before it loads weights: every key and value, "
                  "that files are\n"
                  "there, the model's shape, all rows of the data and of the tasks, budgets",
                  "expandft validate configs/*.json");
  command->group("Look");
  const auto options = std::make_shared<ValidateOptions>();
  command->add_option("config", options->configs, "Run configs")->required()->type_name("CONFIG");
  add_set_option(*command, options->overrides);
  command->add_flag("--skip-data", options->skip_data,
                    "Read no rows, only see that the files are there: for data that takes long");
  command->add_flag("--json", options->json, "Verdicts as JSON");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_validate(*options, context.global.process); };
  });
}

}  // namespace expandft
