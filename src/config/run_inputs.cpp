#include "base/error.h"
#include "config/run_config.h"
#include "config/task_config.h"

#include <system_error>
#include <utility>
#include <vector>

namespace expandft {
namespace {

using Problems = std::vector<std::pair<std::string, std::string>>;  // JSON path, what is wrong

/// The reason why a folder cannot be read as a model, or "".
std::string model_problem(const fs::path& model) {
  std::error_code error;
  if (!fs::exists(model, error)) return "no such folder: " + model.string();
  if (!fs::is_directory(model, error)) return "not a folder: " + model.string();
  if (!fs::exists(model / "config.json", error)) {
    return "no config.json, as a checkpoint has, in " + model.string();
  }
  return {};
}

/// "data.train" is a path today; whether its content can be read is the reader's to say.
std::string data_problem(const fs::path& data) {
  std::error_code error;
  if (!fs::exists(data, error)) return "no such file: " + data.string();
  if (fs::is_directory(data, error)) return "a folder, expected a file: " + data.string();
  return {};
}

/// Whether replacing the output, as --restart does, would take this input away. A link in it counts
/// as well, wherever it leads.
bool is_in_output(const fs::path& input, const RunConfig& run) {
  return contains(run.output, input) || (is_there(input) && contains(run.output, parent_of(input)));
}

/// The data, and the tasks with theirs; those of unknown tasks are left out.
std::vector<fs::path> input_files(const RunConfig& run) {
  std::vector<fs::path> files{run.data.train};
  if (run.data.validation) files.push_back(*run.data.validation);
  if (run.retention.text) files.push_back(*run.retention.text);
  for (const auto* names : {&run.evaluation.original_tasks, &run.evaluation.tasks}) {
    for (const std::string& name : *names) {
      try {
        const TaskConfig task = find_task(name, run.file.parent_path());
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
    return "a file stands where the folder would be written: " + run.output.string();
  }
  if (contains(run.model, run.output)) {
    return "lies in the model's folder, which is never changed: " + run.output.string();
  }
  if (is_in_output(run.model, run)) {
    return "holds the model, which a new run would replace: " + run.model.string();
  }
  for (const fs::path& file : input_files(run)) {
    if (is_in_output(file, run)) {
      return "holds an input of the run, which a new run would replace: " + file.string();
    }
  }
  return {};
}

void check_tasks(const std::vector<std::string>& names, const std::string& path,
                 const RunConfig& run, Problems& problems) {
  for (std::size_t i = 0; i < names.size(); ++i) {
    try {
      find_task(names[i], run.file.parent_path());
    } catch (const Error& error) {
      std::string text = error.message();
      if (!error.where().empty()) text += " (" + error.where() + ")";
      if (!error.hint().empty()) text += "; " + error.hint();
      problems.emplace_back(path + "[" + std::to_string(i) + "]", text);
    }
  }
}

}  // namespace

void check_run_inputs(const RunConfig& run) {
  Problems problems;
  const auto add = [&](const std::string& path, const std::string& problem) {
    if (!problem.empty()) problems.emplace_back(path, problem);
  };
  add("model", model_problem(run.model));
  add("output", output_problem(run));
  add("data.train", data_problem(run.data.train));
  if (run.data.validation) add("data.validation", data_problem(*run.data.validation));
  if (run.retention.text) add("retention.text", data_problem(*run.retention.text));
  check_tasks(run.evaluation.original_tasks, "evaluation.original_tasks", run, problems);
  check_tasks(run.evaluation.tasks, "evaluation.tasks", run, problems);
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
  throw input_error(
      message, where,
      "paths in a config are relative to its file, those of --set to the working folder");
}

}  // namespace expandft
