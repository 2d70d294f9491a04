#include "export/model_card.h"

#include "base/wording.h"
#include "config/hub_cache.h"
#include "tasks/result_tables.h"

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

std::string base_name(const ModelDirectory& base) {
  const std::string name = model_name(base.path());
  if (name != base.path().string()) return name;  // of the hub
  return fs::weakly_canonical(base.path()).filename().string();
}

/// "`a.jsonl`, `b.txt` (weight 0.5)".
std::string data_names(const std::vector<DataSource>& sources) {
  std::string out;
  for (const DataSource& source : sources) {
    out += fmt::format("{}`{}`", out.empty() ? "" : ", ", source.path.filename().string());
    if (source.weight != 1) out += fmt::format(" (weight {})", source.weight);
  }
  return out;
}

std::string where_it_loads(Layout layout) {
  if (layout == Layout::kRemoteCode) {
    return "It loads in expandft, and in transformers with `trust_remote_code=True`: "
           "modeling_expandft.py gives each layer's MLP its width.";
  }
  if (layout == Layout::kDeci) {
    return "It loads in expandft, and, as DeciLM, in llama.cpp once its converter has made a GGUF "
           "file of it; transformers has DeciLM only as remote code, which is not included.";
  }
  return "It loads in the stock transformers package and wherever the base loads.";
}

/// Front matter (read by model hubs) and title.
std::string title(const ModelDirectory& base, const std::string& what) {
  return fmt::format(
      "---\nbase_model: {0}\nlibrary_name: transformers\ntags: [expandft]\n---\n\n"
      "# {0}, {1}\n\n",
      base_name(base), what);
}

/// The title, and what every model with widened MLPs has in common.
std::string opening(const ModelDirectory& base, const DecoderSpec& spec, const Folding& folding,
                    const std::string& what) {
  return title(base, what) +
         fmt::format(
             "Made by expandft from `{}` by function-preserving expansion of the MLPs "
             "([Grow, Don't Overwrite](https://arxiv.org/abs/2603.08647)): {}.\n\n"
             "- Layout: {}. {}\n"
             "{}"
             "- Do not load it with `ignore_mismatched_sizes`: that would re-initialise the grown "
             "MLPs.\n",
             base_name(base), describe(folding.plan, spec), layout_name(folding.layout),
             where_it_loads(folding.layout),
             is_reversible(folding) ? "- It contains the base: `expandft unmerge --model . "
                                      "--output base` recovers it byte for byte.\n"
                                    : "");
}

/// What trained, in a sentence.
std::string what_trained(const RunConfig& run) {
  switch (run.method.kind) {
    case Method::kNew:
      return run.expansion.width.is_whole()
                 ? "Only the copies were trained; no original weight was changed."
                 : "Only the copies of some neurons were trained; no original weight was changed.";
    case Method::kMlp:
      return "The copies were trained, and, slower, the original MLPs of these layers.";
    case Method::kZeroInit:
      return "Only the added width was trained, which began at zero; no original weight was "
             "changed.";
    case Method::kLlamaPro:
      return "Only the added layers were trained, which began as the identity; no original weight "
             "was changed.";
    case Method::kLora:
      return "Low-rank updates (LoRA) were trained, and added to the original weights.";
    case Method::kFull:
      return "All weights were trained.";
    case Method::kLast:
      break;
  }
  return "The last layers were trained.";
}

}  // namespace

std::string expanded_model_card(const ModelDirectory& base, const DecoderSpec& spec,
                                const Folding& folding) {
  return opening(base, spec, folding, "expanded") +
         "\nNothing was trained yet: it computes what the base computes, up to the order of "
         "summation.\n";
}

std::string merged_model_card(const ModelDirectory& base, const DecoderSpec& spec,
                              const Folding& folding, const std::string& adapter) {
  return opening(base, spec, folding, "with an adapter merged") +
         fmt::format("- Adapter: `{}`, at strength {}.\n", adapter, folding.strength.text());
}

std::string lora_model_card(const ModelDirectory& base, const std::string& adapter,
                            const Strength& strength) {
  return title(base, "with an adapter merged") +
         fmt::format("Made by expandft from `{}` and the LoRA adapter `{}`, at strength {}.\n",
                     base_name(base), adapter, strength.text());
}

std::string trained_model_card(const TrainedModel& model) {
  const RunConfig& run = model.run;
  const TrainingOutcome& outcome = model.outcome;
  const ComparisonReport& results = model.results;
  std::string card =
      model.folding
          ? opening(model.base, model.spec, *model.folding, "expanded and fine-tuned")
          : title(model.base, "fine-tuned") + fmt::format("Made by expandft from `{}`: {}.\n\n",
                                                          base_name(model.base), model.plan);
  card += fmt::format("- Strength: {} (1 is as trained, 0 the base).\n\n## Training\n\n",
                      run.strength.text());
  card += fmt::format(
      "{} (`\"method\": \"{}\"`)\n\n"
      "- Data: {}, {} in {}\n"
      "- AdamW, learning rate {:g}, weight decay {:g}, seed {}\n"
      "- Training loss {:.4f} at first, {:.4f} at the end (nats per token)\n",
      what_trained(run), method_text(run.method), data_names(run.data.train),
      counted(outcome.state.tokens, "token"), counted(outcome.state.step, "step"),
      run.training.learning_rate, run.training.weight_decay, run.training.seed, outcome.first_loss,
      outcome.last_loss);
  if (outcome.validation_before && outcome.validation_after) {
    card += fmt::format("- Validation loss {:.4f} before, {:.4f} after\n",
                        *outcome.validation_before, *outcome.validation_after);
  }
  if (outcome.output_step != outcome.state.step) {
    card += fmt::format(
        "- These are the weights after step {}, which had the lowest validation loss ({:.4f})\n",
        outcome.output_step, outcome.best->loss);
  }
  if (!results.originals.empty() || !results.news.empty()) {
    card += "\n## What it kept and what it learned\n\n" + comparison_markdown(results);
  }
  return card;
}

}  // namespace expandft
