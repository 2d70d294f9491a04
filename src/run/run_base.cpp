#include "run/run_base.h"

#include "base/error.h"
#include "config/budget_check.h"
#include "config/task_config.h"
#include "config/task_search.h"
#include "export/gguf_file.h"
#include "families/model_config.h"
#include "growth/neuron_choice.h"
#include "run/retention_data.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>

namespace expandft {

bool chooses_layers(const RunConfig& run, const DecoderSpec& spec) {
  return run.method.expands() && run.expansion.layers.automatic(spec.layers).has_value();
}

bool chooses_neurons(const RunConfig& run, const DecoderSpec& spec) {
  return run.method.widens() && chooses_neurons(run.expansion, spec, run.method.kind);
}

namespace {

void check_length(const RunConfig& run, const DecoderSpec& spec) {
  if (run.data.max_length <= spec.max_positions) return;
  throw input_error(fmt::format("data.max_length is {}; the model has {} positions",
                                run.data.max_length, spec.max_positions),
                    "data.max_length", fmt::format("lower it to {} or less", spec.max_positions));
}

/// The layers, and the layout of the merged model.
void check_layers(const RunConfig& run, const DecoderSpec& spec) {
  if (run.method.kind == Method::kLast && run.method.last_layers > spec.layers) {
    throw input_error(fmt::format("\"last:{}\" needs more layers than the {} that the model has",
                                  run.method.last_layers, spec.layers),
                      "method");
  }
  if (!run.method.expands()) return;
  const std::optional<std::int64_t> automatic = run.expansion.layers.automatic(spec.layers);
  if (!automatic) run.expansion.layers.resolve(spec.layers);
  if (!automatic || !run.method.widens()) return;
  RunConfig some = run;  // the choice changes which layers they are, not how many
  some.expansion.layers = LayerSelection::parse(fmt::format("last:{}", *automatic), "layers");
  folding_of(some, spec);
}

void check_shares(const RunConfig& run, const DecoderSpec& spec) {
  if (!run.training.shard_base) return;
  if (run.method.widens() && !run.expansion.width.is_whole()) {
    throw input_error(
        "training.shard_base is true, and expansion.width copies chosen neurons, which are "
        "gathered "
        "from whole layers",
        run.file.string(), "set training.shard_base to false, or leave expansion.width out");
  }
  const bool keeps_layers = run.method.kind == Method::kNew || run.method.kind == Method::kZeroInit;
  if (!keeps_layers) {
    throw input_error("training.shard_base is true, and method is \"" + method_text(run.method) +
                          "\": the base's layers can be shared out only where a method adds new "
                          "MLPs and changes nothing else",
                      run.file.string(),
                      "set method to new or zero-init, or training.shard_base to false");
  }
  if (chooses_layers(run, spec)) {
    throw input_error(
        "training.shard_base is true, and expansion.layers ranks the layers, which takes a whole "
        "model",
        run.file.string(),
        "list the layers: expandft inspect --rank-layers --config shows the ranking");
  }
}

/// LoRA's targets are matrices of each layer; by the checkpoint's names, fused ones too.
void check_targets_of(const RunConfig& run, const ModelDirectory& base, const DecoderSpec& spec) {
  if (run.method.kind != Method::kLora) return;
  const std::string layer = spec.names.layer(0, "");
  constexpr std::string_view kEnd = ".weight";
  std::set<std::string> known;
  std::string list;
  for (const auto& [name, view] : base.tensors()) {
    if (!name.starts_with(layer) || !name.ends_with(kEnd) || view.shape.size() != 2) continue;
    const std::string module = name.substr(0, name.size() - kEnd.size());
    known.insert(module.substr(module.rfind('.') + 1));
  }
  for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
  for (const std::string& target : run.lora.targets) {
    if (target == "all" || known.contains(target)) continue;
    throw input_error("this model has no projection \"" + target + "\"", "lora.targets",
                      "it has " + list);
  }
}

}  // namespace

Folding folding_of(const RunConfig& run, const DecoderSpec& spec) {
  const ExpansionConfig& expansion = run.expansion;
  const ExpansionPlan plan = make_plan(expansion, spec, run.method.kind);
  const bool is_spread_later = expansion.width.kind == ExpansionWidth::Kind::kParameters &&
                               expansion.chosen.empty() && plan.is_narrow();
  if (run.layout == Layout::kNative && is_spread_later) {
    throw input_error(
        "layout \"native\" requires that every layer grows alike, and a budget is "
        "spread by what neurons are worth",
        "layout", "use layout \"padded\", or give expansion.width as a number");
  }
  return {plan, layout_for(run.output_form, run.layout, plan, spec), run.strength, spec.layers};
}

Dtype RunBase::dtype() const {
  return directory.tensor(spec.names.embedding()).dtype;
}

std::optional<RunBase> open_run_base(const RunConfig& run, Problems& problems) {
  std::optional<RunBase> base;
  problems.check([&] {
    ModelDirectory directory = ModelDirectory::open(run.model_directory);
    const DecoderSpec spec = read_spec(directory);
    base = RunBase{std::move(directory), spec, nullptr, training_notices(spec)};
  });
  if (!base) return base;
  const DecoderSpec& spec = base->spec;
  if (run.output_form.is_gguf()) {
    problems.check([&] {
      const GgufExport gguf = gguf_of(base->directory, run.output_form.gguf_type);
      base->notices = joined(std::move(base->notices), gguf.notices());
    });
  }
  problems.check([&] { check_length(run, spec); });
  problems.check([&] { run.strength.check(spec.layers); });
  problems.check([&] {
    check_layers(run, spec);
    if (run.method.widens() && !chooses_layers(run, spec)) folding_of(run, spec);
  });
  problems.check([&] { check_shares(run, spec); });
  problems.check([&] { check_targets_of(run, base->directory, spec); });
  problems.check([&] {
    auto tokenizer = Tokenizer::load(base->directory.path());
    check_vocabulary(*tokenizer, spec.vocab, base->directory.path().string());
    base->notices = joined(std::move(base->notices), tokenizer->notices());
    base->tokenizer = std::move(tokenizer);
    if (!run.retention.samples_text()) return;
    if (run.retention.prompts) {
      base->retention_prompts =
          read_retention_prompts(run, base->directory, base->spec, *base->tokenizer, base->notices);
    } else {
      begin_token(*base->tokenizer);
    }
  });
  return base;
}

TokenId begin_token(const Tokenizer& tokenizer) {
  if (const auto bos = tokenizer.bos()) return *bos;
  if (const auto eos = tokenizer.eos()) return *eos;
  throw input_error("the tokenizer has neither BOS nor EOS to begin a text with", "retention.text",
                    "give a text that the base is good at");
}

Notices config_notices(const RunConfig& run) {
  std::vector<TaskConfig> originals;
  for (const std::string& name : run.evaluation.original_tasks) {
    try {
      originals.push_back(find_task(name, run.file.parent_path(), run.evaluation.task_data));
    } catch (const Error&) {
      // check_run_inputs says it.
    }
  }
  Notices notices = budget_notices(run.evaluation.max_drop, originals, "evaluation.max_drop");
  if (run.method.widens() && run.expansion.copies > 2 && run.expansion.noise == 0) {
    notices.push_back(
        {.what = fmt::format("expansion.copies is {} and expansion.noise 0: copies of one layer "
                             "start equal and get equal gradients, so more than 2 train no better "
                             "than 2",
                             run.expansion.copies),
         .where = "expansion.noise",
         .hint = "leave expansion.noise out"});
  }
  if (!run.method.widens() && !run.expansion.width.is_whole()) {
    notices.push_back({.what = "expansion.width says nothing with \"method\": \"" +
                               method_text(run.method) + "\", which copies no MLPs",
                       .where = "expansion.width",
                       .hint = "leave it out"});
  }
  return notices;
}

Notices training_notices(const DecoderSpec& spec) {
  return joined(spec.notices, spec.training_notices);
}

}  // namespace expandft
