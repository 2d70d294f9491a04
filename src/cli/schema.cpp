#include "cli/output.h"
#include "cli/verbs.h"
#include "config/run_config.h"

#include <memory>

namespace expandft {

void setup_schema(CLI::App& app, Context& context) {
  CLI::App* command = add_command(app, context, "schema", "Print the run config's JSON Schema",
                                  "expandft schema > run.schema.json");
  command->group("Look");
  const auto as_reference = std::make_shared<bool>(false);
  command->add_flag("--markdown", *as_reference,
                    "Print the keys as a Markdown reference instead of the schema");
  command->callback([&context, as_reference] {
    context.run = [as_reference] {
      if (*as_reference) {
        print(run_config_reference());
      } else {
        print_json(run_config_schema());
      }
      return ExitCode::kDone;
    };
  });
}

}  // namespace expandft
