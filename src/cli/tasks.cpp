#include "cli/output.h"
#include "cli/verbs.h"
#include "config/task_config.h"
#include "config/task_search.h"
#include "report/table.h"
#include "run/open_model.h"

#include <memory>
#include <string>
#include <vector>

namespace expandft {
namespace {

struct TasksOptions {
  std::string beside = ".";
  std::vector<fs::path> task_data;
  bool json = false;
};

ExitCode run_tasks(const TasksOptions& options) {
  const std::vector<TaskConfig> tasks = list_tasks(options.beside, options.task_data);
  if (options.json) {
    Json list = Json::array();
    for (const TaskConfig& task : tasks) {
      list.push_back({{"name", task.name},
                      {"type", task_type_name(task.type)},
                      {"description", task.description},
                      {"data", task.data.string()},
                      {"data_is_there", task.has_data},
                      {"source", task.source},
                      {"file", task.file.string()}});
    }
    print_json(list);
    return ExitCode::kDone;
  }
  using enum Table::Align;
  Table table({"task", "type", "data", "description"}, {kLeft, kLeft, kLeft, kLeft});
  bool missing = false;
  for (const TaskConfig& task : tasks) {
    missing = missing || !task.has_data;
    table.row({task.name, task_type_name(task.type),
               task.has_data ? "there" : "missing: " + task.data.filename().string(),
               task.description});
  }
  print(table.text());
  if (missing) {
    print(
        "\nMissing data is searched for beside the task's file, in --task-data and "
        "in\n$EXPANDFT_TASK_DATA; docs/evaluation.md says how to get it.\n");
  }
  return ExitCode::kDone;
}

}  // namespace

void setup_tasks(CLI::App& app, Context& context) {
  CLI::App* command =
      add_command(app, context, "tasks",
                  "List the evaluation tasks that configs and --tasks can name", "expandft tasks");
  command->group("Look");
  const auto options = std::make_shared<TasksOptions>();
  command
      ->add_option("folder", options->beside,
                   "Folder of a run config: its own tasks, and those in its tasks/, are listed too")
      ->type_name("DIR")
      ->capture_default_str()
      ->check(CLI::ExistingDirectory);
  add_task_data_option(*command, options->task_data);
  command->add_flag("--json", options->json, "As JSON, with file names");
  command->callback(
      [&context, options] { context.run = [options] { return run_tasks(*options); }; });
}

}  // namespace expandft
