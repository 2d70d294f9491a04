#include "cli/app.h"

#include "base/version.h"
#include "cli/help_formatter.h"
#include "cli/output.h"
#include "cli/usage_error.h"
#include "cli/verbs.h"
#include "report/log.h"
#include "runtime/signals.h"

#include <memory>

#include <torch/version.h>

namespace expandft {
namespace {

constexpr const char* kDescription =
    "Fine-tunes language models without forgetting: widens MLPs without changing the "
    "function,\ntrains only the new width, and measures what the model kept.";

constexpr const char* kFooter =
    "A first run:\n"
    "  expandft validate run.json\n"
    "  expandft train --config run.json\n"
    "  expandft eval --original-tasks --config run.json\n"
    "\n"
    "`expandft COMMAND --help` explains a command.\n"
    "Exit codes: 0 done; 1 failed; 2 wrong usage, config or input; 3 an original task dropped "
    "beyond\nits budget (eval), or no strength keeps the budget (merge --max-drop); 4 training "
    "diverged;\n128+n ended by signal n, after saving.";

std::string version() {
  return std::string("expandft ") + program_version() + " (LibTorch " + TORCH_VERSION + ")";
}

}  // namespace

CLI::App* add_command(CLI::App& app, Context& context, const std::string& name,
                      const std::string& description, const std::string& example) {
  CLI::App* command = app.add_subcommand(name, description);
  add_global_options(*command, context.global);
  command->footer("Example:\n  " + example);
  return command;
}

void setup_app(CLI::App& app, Context& context) {
  app.description(kDescription);
  app.footer(kFooter);
  const auto formatter = std::make_shared<HelpFormatter>();
  formatter->label("SUBCOMMAND", "COMMAND");
  app.formatter(formatter);
  app.require_subcommand(0, 1);
  add_global_options(app, context.global);
  app.set_version_flag("--version", version, "Print the version")->group("Global options");

  setup_expand(app, context);
  setup_train(app, context);
  setup_eval(app, context);
  setup_merge(app, context);
  setup_unmerge(app, context);
  setup_import(app, context);
  setup_generate(app, context);
  setup_score(app, context);
  setup_tokenize(app, context);
  setup_chat_preview(app, context);
  setup_inspect(app, context);
  setup_validate(app, context);
  setup_tasks(app, context);
  setup_schema(app, context);
}

ExitCode run_program(int argc, const char* const* argv) {
  CLI::App app("", "expandft");
  Context context;
  setup_app(app, context);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const bool is_answer = error.get_exit_code() == static_cast<int>(CLI::ExitCodes::Success);
    if (!is_answer) throw usage_error(app, error);
    print(error.get_name() == "CallForVersion" ? version() + "\n" : app.help());
    flush_output();
    return ExitCode::kDone;
  }
  if (!context.run) {
    print(app.help());
    flush_output();
    return ExitCode::kDone;
  }
  configure_logging(context.global.log_level, context.global.process.quiet);
  const SignalThread signals;  // before LibTorch starts threads
  const ExitCode code = context.run();
  flush_output();
  return code;
}

}  // namespace expandft
