
#include "cli/output.h"
#include "cli/verbs.h"
#include "gguf/import.h"
#include "report/table.h"
#include "run/make_model.h"
#include "run/open_model.h"

#include <memory>
#include <string>

namespace expandft {
namespace {

struct UnmergeOptions {
  std::string model, output;
  AtomicDirectory::Existing existing = AtomicDirectory::Existing::kRefuse;
};

ExitCode run_unmerge(UnmergeOptions options) {
  if (is_gguf_file(options.model)) {
    unmerge_gguf_model(options.model, {options.output, options.existing, {options.model}});
  } else {
    options.model = found_model(options.model);
    unmerge_model(ModelDirectory::open(options.model),
                  {options.output, options.existing, {options.model}});
  }
  Summary summary;
  summary.line("unmerged", "every tensor is the base's, byte for byte (fingerprint checked)");
  summary.line("written to", options.output);
  print(summary.text());
  return ExitCode::kDone;
}

}  // namespace

void setup_unmerge(CLI::App& app, Context& context) {
  CLI::App* command =
      add_command(app, context, "unmerge",
                  "Recover the base from a merged model, byte for byte. Possible if the merge only "
                  "divided by\na power of two: 2, 4, … copies at strength 1",
                  "expandft unmerge --model runs/mathqa/merged --output base");
  command->group("Make");
  const auto options = std::make_shared<UnmergeOptions>();
  command->add_option("--model", options->model, "Merged model, as a directory or a GGUF file")
      ->type_name("MODEL")
      ->required();
  command->add_option("--output", options->output, "Where to write the base")
      ->type_name("DIR")
      ->required();
  add_force_option(*command, options->existing);
  command->callback(
      [&context, options] { context.run = [options] { return run_unmerge(*options); }; });
}

}  // namespace expandft
