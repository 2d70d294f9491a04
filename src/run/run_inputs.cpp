#include "run/run_inputs.h"

#include "base/error.h"
#include "config/budget_check.h"
#include "config/fields.h"
#include "config/hub_cache.h"
#include "config/task_config.h"
#include "config/task_search.h"
#include "data/data_files.h"
#include "gguf/import.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

namespace expandft {
namespace {

using InputProblems = std::vector<std::pair<std::string, std::string>>;  // JSON path, what is wrong

/// What an error says, in one text.
std::string in_one(const Error& error) {
  std::string text = error.message();
  if (!error.where().empty()) text += " (" + error.where() + ")";
  if (!error.hint().empty()) text += "; " + error.hint();
  return text;
}

/// What find_model says of the names that can have been written for a path; "" when it has nothing
/// against them.
std::string name_problem(const RunConfig& run) {
  try {
    find_model(run.model.string(), run.model);
    for (const fs::path& folder : {run.file.parent_path(), working_folder()}) {
      find_model(run.model.lexically_relative(folder).string(), run.model);
    }
  } catch (const Error& error) {
    return in_one(error);
  }
  return {};
}

/// The reason why a folder cannot be read as a model, or "".
std::string model_problem(const RunConfig& run) {
  const fs::path& model = run.model;
  if (std::string problem = name_problem(run); !problem.empty()) return problem;
  if (is_gguf_file(model)) return {};  // imported_model says what is wrong with it
  std::error_code error;
  if (!fs::exists(model, error)) return "no such folder: " + model.string();
  if (!fs::is_directory(model, error)) return "not a folder: " + model.string();
  if (!fs::exists(model / "config.json", error)) {
    return "no config.json, as a checkpoint has, in " + model_name_and_path(model);
  }
  return {};
}

/// Whether the file's content can be read is the reader's to say.
std::string file_problem(const fs::path& data) {
  std::error_code error;
  if (!fs::exists(data, error)) return "no such file: " + data.string();
  if (fs::is_directory(data, error)) return "a folder, expected a file: " + data.string();
  return {};
}

/// The files of sources; those of sources that have none are left out.
std::vector<fs::path> files_of(const std::vector<DataSource>& sources) {
  std::vector<fs::path> all;
  for (const DataSource& source : sources) {
    try {
      for (fs::path& file : find_data_files(source.path)) all.push_back(std::move(file));
    } catch (const Error&) {
      // check_sources says it.
    }
  }
  return all;
}

void check_sources(const std::vector<DataSource>& sources, const std::string& key,
                   InputProblems& problems) {
  for (std::size_t i = 0; i < sources.size(); ++i) {
    try {
      find_data_files(sources[i].path);
    } catch (const Error& error) {
      problems.emplace_back(source_key(key, sources, i), error.message());
    }
  }
}

/// Whether replacing the output, as --restart does, would take this input away. A link in it counts
/// as well, wherever it leads.
bool is_in_output(const fs::path& input, const RunConfig& run) {
  return contains(run.output, input) || (is_there(input) && contains(run.output, parent_of(input)));
}

/// The data, and the tasks with theirs; those of unknown tasks are left out.
std::vector<fs::path> input_files(const RunConfig& run) {
  std::vector<fs::path> files = files_of(run.data.train);
  for (fs::path& file : files_of(run.data.validation)) files.push_back(std::move(file));
  for (const DataSource& text : run.retention.text) {
    if (!text.is_self()) files.push_back(text.path);
  }
  if (run.retention.prompts) files.push_back(*run.retention.prompts);
  for (const auto* names : {&run.evaluation.original_tasks, &run.evaluation.tasks}) {
    for (const std::string& name : *names) {
      try {
        const TaskConfig task = find_task(name, run.file.parent_path(), run.evaluation.task_data);
        files.push_back(task.file);
        files.push_back(task.data);
      } catch (const Error&) {
        // check_tasks says it.
      }
    }
  }
  return files;
}

std::string output_problem(const RunConfig& run) {
  if (is_there(run.output) && !is_folder(run.output)) {
    return "a file is where the folder would be written: " + run.output.string();
  }
  if (contains(run.model, run.output)) {
    return "is inside the model's folder, which is never changed: " + run.output.string();
  }
  if (is_in_output(run.model, run)) {
    return "holds the model, which a new run would replace: " + run.model.string();
  }
  for (const auto* const sources : {&run.data.train, &run.data.validation}) {
    for (const DataSource& source : *sources) {
      // What the run writes would be data of the next one.
      if (is_folder(source.path) && contains(source.path, run.output)) {
        return "is inside a folder of data: " + source.path.string();
      }
    }
  }
  for (const fs::path& file : input_files(run)) {
    if (is_in_output(file, run)) {
      return "holds an input of the run, which a new run would replace: " + file.string();
    }
  }
  return {};
}

/// Those that are there.
std::vector<TaskConfig> check_tasks(const std::vector<std::string>& names, const std::string& path,
                                    const RunConfig& run, InputProblems& problems) {
  std::vector<TaskConfig> found;
  for (std::size_t i = 0; i < names.size(); ++i) {
    try {
      found.push_back(find_task(names[i], run.file.parent_path(), run.evaluation.task_data));
    } catch (const Error& error) {
      problems.emplace_back(path + "[" + std::to_string(i) + "]", in_one(error));
    }
  }
  return found;
}

InputProblems retention_problems(const RetentionConfig& retention) {
  InputProblems problems;
  const auto add = [&](std::string path, std::string problem) {
    if (!problem.empty()) problems.emplace_back(std::move(path), std::move(problem));
  };
  const auto selves = std::ranges::count_if(retention.text, &DataSource::is_self);
  for (std::size_t i = 0; i < retention.text.size(); ++i) {
    const DataSource& text = retention.text[i];
    if (!text.is_self()) {
      add(source_key("retention.text", retention.text, i), file_problem(text.path));
    }
  }
  if (selves > 1)
    add("retention.text", "\"self\" stands in the list more than once: give it a weight");
  if (retention.prompts) add("retention.prompts", file_problem(*retention.prompts));
  if (retention.on == RetentionOn::kData) {
    const char* const unread =
        "nothing reads it, since retention.on is \"data\": leave it out, or set "
        "retention.on to \"both\"";
    if (selves != std::ssize(retention.text)) add("retention.text", unread);
    if (retention.prompts) add("retention.prompts", unread);
    if (retention.loss != RetentionLoss::kDivergence) {
      add("retention.loss",
          "it is of the text, and retention.on is \"data\": the cross-entropy of the data is what "
          "the run trains already; set retention.on to \"both\", or leave retention.loss out");
    }
  } else if (retention.prompts && selves == 0) {
    add("retention.prompts",
        "nothing reads it, since retention.text has no \"self\" that continues them");
  }
  return problems;
}

std::string scales_problem(const RunConfig& run) {
  if (run.training.learning_rate_scales == LearningRateScales()) return {};
  if (run.method.widens()) return {};
  return "are of the projections of expanded MLPs, and the method \"" + method_text(run.method) +
         "\" has none: set training.learning_rate, or one of the methods new, mlp and zero-init";
}

}  // namespace

std::vector<std::pair<std::string, std::string>> run_input_problems(const RunConfig& run) {
  InputProblems problems;
  const auto add = [&](const std::string& path, const std::string& problem) {
    if (!problem.empty()) problems.emplace_back(path, problem);
  };
  add("model", model_problem(run));
  add("output", output_problem(run));
  check_sources(run.data.train, "data.train", problems);
  check_sources(run.data.validation, "data.validation", problems);
  for (const auto& [path, problem] : retention_problems(run.retention)) add(path, problem);
  add("training.learning_rate_scales", scales_problem(run));
  const std::vector<TaskConfig> originals =
      check_tasks(run.evaluation.original_tasks, "evaluation.original_tasks", run, problems);
  if (originals.size() == run.evaluation.original_tasks.size()) {
    add("evaluation.max_drop", budget_problem(run.evaluation.max_drop, originals).value_or(""));
  }
  check_tasks(run.evaluation.tasks, "evaluation.tasks", run, problems);
  if (run.training.early_stopping_patience > 0 &&
      (run.training.validate_every == 0 || run.data.validation.empty())) {
    add("training.early_stopping_patience",
        "ends a run by its validations, and there are none while it trains: set data.validation "
        "and training.validate_every");
  }
  return problems;
}

void check_run_inputs(const RunConfig& run) {
  const InputProblems problems = run_input_problems(run);
  if (problems.empty()) return;

  std::string message = problems.front().second, where = problems.front().first;
  if (problems.size() > 1) {
    message = std::to_string(problems.size()) + " problems:";
    where.clear();
    for (const auto& [path, problem] : problems) {
      message += "\n  - " + path + ": " + problem;
      where += (where.empty() ? "" : ", ") + path;
    }
  }
  throw input_error(message, where, kPathHint);
}

}  // namespace expandft
