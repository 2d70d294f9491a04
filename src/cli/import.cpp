#include "cli/output.h"
#include "cli/verbs.h"
#include "report/human.h"
#include "report/table.h"
#include "run/make_model.h"

#include <memory>
#include <string>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct ImportOptions {
  std::string file, output;
  std::string dtype = "bfloat16";
  bool json = false;
  AtomicDirectory::Existing existing = AtomicDirectory::Existing::kRefuse;
};

std::string types_text(const GgufImport& import) {
  std::string text;
  for (const auto& [type, numbers] : import.file.numbers_by_type()) {
    text += (text.empty() ? "" : ", ") + type;
  }
  return text;
}

ExitCode run_import(const ImportOptions& options, const ProcessOptions& process) {
  const GgufImport import = GgufImport::open(options.file, *dtype_from_config(options.dtype));
  report_notices(import.notices, process);
  import_model(import, {options.output, options.existing, {options.file}});
  const std::string family = import.config.at("model_type").get<std::string>();
  if (options.json) {
    print_json({{"output", options.output},
                {"model_type", family},
                {"parameters", import.parameters()},
                {"numbers_by_type", import.file.numbers_by_type()},
                {"dtype", options.dtype},
                {"weight_bytes", import.weight_bytes()}});
    return ExitCode::kDone;
  }
  Summary summary;
  summary.line("imported", family + ", " + human_count(static_cast<double>(import.parameters())) +
                               " parameters, " + types_text(import));
  summary.line("written to", options.output + " (" + options.dtype + ")");
  summary.line("size", human_bytes(static_cast<double>(import.weight_bytes())));
  print(summary.text());
  return ExitCode::kDone;
}

}  // namespace

void setup_import(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "import",
      "Write the model in a GGUF file as a Hugging Face directory: the weights dequantised, the\n"
      "tokenizer and the chat template from the file",
      "expandft import gemma-3-270m.Q8_0.gguf --output gemma-3-270m");
  command->group("Make");
  const auto options = std::make_shared<ImportOptions>();
  command->add_option("file", options->file, "GGUF file; of several parts the first")
      ->type_name("FILE")
      ->required();
  command->add_option("--output", options->output, "Where to write the model")
      ->type_name("DIR")
      ->required();
  command->add_option("--dtype", options->dtype, "bfloat16 (default) or float32")
      ->type_name("DTYPE")
      ->check(one_of({"bfloat16", "float32"}));
  add_force_option(*command, options->existing);
  command->add_flag("--json", options->json, "Results as JSON");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_import(*options, context.global.process); };
  });
}

}  // namespace expandft
