#include "cli/output.h"
#include "cli/verbs.h"
#include "config/run_config.h"
#include "tasks/check_task.h"

#include <memory>
#include <string>
#include <vector>

namespace expandft {
namespace {

struct ValidateOptions {
  std::vector<std::string> configs;
  std::vector<std::string> overrides;
  bool json = false;
};

Json verdict_json(const std::string& file, const Error* error) {
  Json json = {{"config", file}, {"ok", error == nullptr}};
  if (error != nullptr) {
    json["error"] = {
        {"what", error->message()}, {"where", error->where()}, {"hint", error->hint()}};
  }
  return json;
}

/// Goes on to the other files after a bad one. Verdicts go to stdout, the first of them included.
ExitCode run_validate(const ValidateOptions& options) {
  Json verdicts = Json::array();
  std::size_t bad = 0;
  for (const std::string& file : options.configs) {
    try {
      const RunConfig run = load_run_config(file, options.overrides).run;
      check_run_inputs(run);
      for (const auto* names : {&run.evaluation.original_tasks, &run.evaluation.tasks}) {
        for (const TaskConfig& task :
             find_tasks(*names, run.file.parent_path(), run.evaluation.task_data)) {
          check_task(task);
        }
      }
      verdicts.push_back(verdict_json(file, nullptr));
      if (!options.json) print("ok     " + file + "\n");
    } catch (const Error& error) {
      ++bad;
      verdicts.push_back(verdict_json(file, &error));
      if (!options.json) print("wrong  " + file + "\n");
      if (!options.json) {
        flush_output();
        std::fprintf(stderr, "error: %s\n", error.what());
      }
    }
  }
  if (options.json) print_json(verdicts);
  return bad == 0 ? ExitCode::kDone : ExitCode::kBadInput;
}

}  // namespace

void setup_validate(CLI::App& app, Context& context) {
  CLI::App* command =
      add_command(app, context, "validate",
                  "Check run configs: every key and value, and that the files they name are there",
                  "expandft validate configs/*.json");
  command->group("Look");
  const auto options = std::make_shared<ValidateOptions>();
  command->add_option("config", options->configs, "Run configs")->required()->type_name("CONFIG");
  add_set_option(*command, options->overrides);
  command->add_flag("--json", options->json, "Verdicts as JSON");
  command->callback(
      [&context, options] { context.run = [options] { return run_validate(*options); }; });
}

}  // namespace expandft
