#include "cli/output.h"
#include "cli/verbs.h"
#include "families/model_config.h"
#include "report/table.h"
#include "run/make_model.h"
#include "run/open_model.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace expandft {
namespace {

struct ExpandOptions {
  std::string model, output, config, layers;
  Layout layout = Layout::kAuto;
  std::optional<std::int64_t> copies;
  FormatOptions format;
  bool json = false;
  AtomicDirectory::Existing existing = AtomicDirectory::Existing::kRefuse;
};

/// Layers, copies and layout from the config, or from the command line, which wins.
struct Wanted {
  LayerSelection layers;
  std::int64_t copies = 2;
  Layout layout = Layout::kAuto;
};

Wanted wanted(const ExpandOptions& options) {
  Wanted out{.layers = LayerSelection::parse(std::string("all"), "--layers")};
  if (options.config.empty() && options.layers.empty()) {
    throw input_error("nothing says which layers to expand", "expandft expand",
                      "give --layers (all, last:9, 16-25, 0,5,-1) or --config run.json");
  }
  if (!options.config.empty()) {
    const RunConfig run = load_run_config(options.config).run;
    out = {run.expansion.layers, run.expansion.copies, run.layout};
  }
  if (!options.layers.empty()) out.layers = LayerSelection::parse(options.layers, "--layers");
  if (options.copies) out.copies = *options.copies;
  if (options.layout != Layout::kAuto) out.layout = options.layout;
  return out;
}

ExitCode run_expand(ExpandOptions options, const ProcessOptions& process) {
  options.model = found_model(options.model);
  const Wanted wish = wanted(options);
  const ModelDirectory base = ModelDirectory::open(options.model);
  report_notices(read_spec(base).notices, process);
  ModelTarget target{
      options.output, options.existing, {options.model}, form_of(options.format, options.output)};
  if (!options.config.empty()) target.inputs.emplace_back(options.config);
  const auto [plan, spec, dtype, split, made] =
      expand_model(base, wish.layers, wish.copies, wish.layout, target, process);
  const auto& [layout, size, written] = made;

  if (options.json) {
    print_json(
        {{"output", options.output},
         {"layers", plan.layers},
         {"copies", plan.copies},
         {"format", target.form.is_gguf() ? "gguf" : "huggingface"},
         {"layout", layout_name(layout)},
         {"parameters", count_parameters(spec)},
         {"new_parameters", count_new_parameters(plan, spec)},
         {"weight_bytes", size.bytes},
         {"padding_bytes", size.zeros},
         {"split_form", {{"worst_logit_difference", split.worst}, {"identical", split.identical}}},
         {"as_written",
          {{"worst_logit_difference", written.worst}, {"largest_logit", written.scale}}}});
    return ExitCode::kDone;
  }
  Summary summary;
  summary.line("expanded", describe(plan, spec));
  summary.line("split form",
               "identical to the base bit for bit (" + std::string(config_name(dtype)) + ")");
  summary.line("as written", describe(written));
  summary.line("written to", options.output + " (layout " + layout_name(layout) + ")");
  summary.line("size", describe(size, layout));
  print(summary.text());
  return ExitCode::kDone;
}

}  // namespace

void setup_expand(CLI::App& app, Context& context) {
  CLI::App* command = add_command(
      app, context, "expand",
      "Write a copy of a model with wider MLPs that computes the same function, and check that "
      "it\ndoes: bit for bit in the split form, up to rounding error as written",
      "expandft expand --model models/gemma-3-1b-pt --output grown --layers last:9 --copies 2");
  command->group("Make");
  const auto options = std::make_shared<ExpandOptions>();
  command->add_option("--model", options->model, "Model to expand; it is not changed")
      ->type_name("DIR")
      ->required();
  command->add_option("--output", options->output, "Where to write the expanded model")
      ->type_name("DIR")
      ->required();
  command->add_option("--config", options->config, "Run config whose \"expansion\" to use")
      ->type_name("FILE");
  command
      ->add_option("--layers", options->layers,
                   "Layers to expand: all, last:9, first:2, every:3, 16-25, 0,5,-1")
      ->type_name("LAYERS");
  command
      ->add_option("--copies", options->copies,
                   "Copies of each MLP in an expanded layer, the original included (default 2)")
      ->type_name("K")
      ->check(CLI::Range(2, 64));
  add_layout_option(*command, options->layout);
  add_format_options(*command, options->format);
  add_force_option(*command, options->existing);
  command->add_flag("--json", options->json, "Results as JSON");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_expand(*options, context.global.process); };
  });
}

}  // namespace expandft
