#include "cli/output.h"
#include "cli/verbs.h"
#include "families/model_config.h"
#include "growth/neuron_choice.h"
#include "report/table.h"
#include "run/make_model.h"
#include "run/open_model.h"
#include "run/prepared_run.h"

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
  std::string width;
  std::optional<std::uint64_t> seed;
  FormatOptions format;
  bool json = false;
  AtomicDirectory::Existing existing = AtomicDirectory::Existing::kRefuse;
};

/// The expansion and the layout from the config, or from the command line, which wins. Of the rest
/// of the config only what choosing layers and neurons takes is read.
RunConfig wanted(const ExpandOptions& options) {
  RunConfig out;
  if (options.config.empty() && options.layers.empty()) {
    throw input_error("nothing says which layers to expand", "expandft expand",
                      "give --layers (all, last:9, 16-25, 0,5,-1) or --config run.json");
  }
  if (!options.config.empty()) {
    out = load_run_config(options.config).run;
  } else {
    out.expansion.neurons = NeuronChoice::kRandom;  // there is no data to choose by
  }
  out.method = {};  // the original and copies of it, whatever would train
  out.model = options.model;
  ExpansionConfig& expansion = out.expansion;
  if (!options.layers.empty()) expansion.layers = LayerSelection::parse(options.layers, "--layers");
  if (options.copies) expansion.copies = *options.copies;
  if (!options.width.empty()) expansion.width = ExpansionWidth::parse(options.width, "--width");
  if (options.layout != Layout::kAuto) out.layout = options.layout;
  if (options.seed) out.training.seed = *options.seed;
  return out;
}

/// Settles which layers and neurons, by the config's data where that is needed.
ExpansionConfig chosen_growth(const RunConfig& wish, const DecoderSpec& spec, bool has_data,
                              const ProcessOptions& process) {
  ExpansionConfig expansion = wish.expansion;
  const bool ranks = expansion.layers.automatic(spec.layers).has_value();
  const bool picks = chooses_neurons(expansion, spec, wish.method.kind);
  const bool scores = picks && expansion.neurons != NeuronChoice::kRandom;
  if (has_data && (ranks || scores)) return chosen_growth_of(wish, process);
  if (picks && !ranks) draw_neurons(expansion, spec, wish.method.kind, wish.training.seed);
  return expansion;
}

ExitCode run_expand(ExpandOptions options, const ProcessOptions& process) {
  options.model = found_model(options.model);
  const RunConfig wish = wanted(options);
  const ModelDirectory base = ModelDirectory::open(options.model);
  const DecoderSpec found = read_spec(base);
  report_notices(found.notices, process);
  ModelTarget target{
      options.output, options.existing, {options.model}, form_of(options.format, options.output)};
  if (!options.config.empty()) target.inputs.emplace_back(options.config);
  const ExpansionConfig expansion = chosen_growth(wish, found, !options.config.empty(), process);
  const auto [plan, spec, dtype, split, made] =
      expand_model(base, expansion, wish.layout, target, process);
  const auto& [layout, size, written] = made;

  if (options.json) {
    print_json(
        {{"output", options.output},
         {"layers", plan.layers},
         {"copies", plan.copies},
         {"neurons_copied", plan.is_narrow() ? Json(plan.widths) : Json()},
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
  command
      ->add_option("--width", options->width,
                   "Copy some neurons of each MLP only: a share (12.5%), a number (64), or as many "
                   "as new parameters (5M) allow. Which: as the config says, on its data, or a "
                   "draw without one")
      ->type_name("WIDTH");
  command->add_option("--seed", options->seed, "Seed of that draw (default 7)")->type_name("N");
  add_layout_option(*command, options->layout);
  add_format_options(*command, options->format);
  add_force_option(*command, options->existing);
  command->add_flag("--json", options->json, "Results as JSON");
  command->callback([&context, options] {
    context.run = [&context, options] { return run_expand(*options, context.global.process); };
  });
}

}  // namespace expandft
