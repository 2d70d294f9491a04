#include "cli/load.h"
#include "cli/model_card.h"
#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/write_model.h"
#include "expansion/attach.h"
#include "model/families.h"
#include "report/summary.h"

#include <memory>
#include <string>

#include <spdlog/spdlog.h>

namespace expandft {
namespace {

struct MergeOptions {
  std::string model, adapter, output, layout = "auto";
  double strength = 1.0;
  bool force = false, json = false;
};

ExitCode run_merge(const MergeOptions& options, const GlobalOptions& global) {
  const ModelDirectory base = ModelDirectory::open(options.model);
  const DecoderSpec spec = read_spec(base);
  const AdapterDirectory adapter = open_adapter(options.adapter, base);
  const ExpansionPlan plan{adapter.info().layers, adapter.info().copies};
  const Folding folding{plan, resolve_layout(parse_layout(options.layout), plan, spec),
                        options.strength};
  const auto existing = existing_policy(options.force);
  check_target(options.output, merged_bytes(base, spec, folding), existing, OutputKind::kModel,
               {options.model, options.adapter});
  spdlog::info("merging {}", describe(plan, spec));

  const LogitDifference written =
      write_model(options.output, existing, base, spec, folding, adapter_copies(adapter),
                  merged_model_card(base, spec, folding, options.adapter), prepare_device(global));

  if (options.json) {
    print_json({{"output", options.output},
                {"strength", options.strength},
                {"layout", layout_name(folding.layout)},
                {"as_written",
                 {{"worst_logit_difference", written.worst}, {"largest_logit", written.scale}}}});
    return ExitCode::kDone;
  }
  Summary summary;
  summary.line("merged", fmt::format("{} + {} at strength {:g}", options.model, options.adapter,
                                     options.strength));
  summary.line("as written", describe(written));
  summary.line("written to", options.output + " (layout " + layout_name(folding.layout) + ")");
  print(summary.text());
  return ExitCode::kDone;
}

}  // namespace

void setup_merge(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "merge",
      "Fold an adapter into its base: one complete model directory that stock tools load.\n"
      "What is written is checked against base + adapter before it appears",
      "expandft merge --model models/gemma-3-1b-pt --adapter runs/mathqa/adapter \\\n"
      "      --strength 0.8 --output merged-0.8");
  command->group("Make");
  const auto options = std::make_shared<MergeOptions>();
  command->add_option("--model", options->model, "The base the adapter was trained on")
      ->type_name("DIR")
      ->required();
  command->add_option("--adapter", options->adapter, "Adapter")->type_name("DIR")->required();
  command->add_option("--output", options->output, "Where to write the merged model")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--strength", options->strength,
                   "How much of the adapter counts: 0 is the base model, 1 the tuned one")
      ->type_name("S")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  add_layout_option(*command, options->layout);
  command->add_flag("--force", options->force, "Replace whatever --output is now");
  command->add_flag("--json", options->json, "Results as JSON");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_merge(*options, context.global); };
  });
}

}  // namespace expandft
