#include "cli/output.h"
#include "cli/verbs.h"
#include "config/task_config.h"
#include "report/table.h"

#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace expandft {
namespace {

struct TasksOptions {
  std::string beside = ".";
  bool json = false;
};

bool data_is_there(const TaskConfig& task) {
  std::error_code error;
  return fs::is_regular_file(task.data, error);
}

ExitCode run_tasks(const TasksOptions& options) {
  const std::vector<TaskConfig> tasks = list_tasks(options.beside);
  if (options.json) {
    Json list = Json::array();
    for (const TaskConfig& task : tasks) {
      list.push_back({{"name", task.name},
                      {"type", task.type},
                      {"description", task.description},
                      {"data", task.data.string()},
                      {"data_is_there", data_is_there(task)},
                      {"file", task.file.string()}});
    }
    print_json(list);
    return ExitCode::kDone;
  }
  using enum Table::Align;
  Table table({"task", "type", "data", "description"}, {kLeft, kLeft, kLeft, kLeft});
  for (const TaskConfig& task : tasks) {
    table.row({task.name, task.type,
               data_is_there(task) ? "there" : "missing: " + task.data.string(), task.description});
  }
  print(table.text());
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
                   "Folder of a run config, whose own tasks and tasks/ are listed too")
      ->type_name("DIR")
      ->capture_default_str()
      ->check(CLI::ExistingDirectory);
  command->add_flag("--json", options->json, "As JSON, with file names");
  command->callback(
      [&context, options] { context.run = [options] { return run_tasks(*options); }; });
}

}  // namespace expandft
