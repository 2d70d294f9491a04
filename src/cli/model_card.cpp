#include "cli/model_card.h"

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

std::string base_name(const ModelDirectory& base) {
  const fs::path path = fs::weakly_canonical(base.path());
  return path.filename().string();
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

/// Front matter (read by model hubs), title, and what every written model has in common.
std::string opening(const ModelDirectory& base, const DecoderSpec& spec, const Folding& folding,
                    const std::string& what) {
  return fmt::format(
      "---\nbase_model: {0}\nlibrary_name: transformers\ntags: [expandft]\n---\n\n"
      "# {0}, {1}\n\n"
      "Made by expandft from `{0}` by function-preserving expansion of the MLPs "
      "([Grow, Don't Overwrite](https://arxiv.org/abs/2603.08647)): {2}.\n\n"
      "- Layout: {3}. {5}\n"
      "{4}"
      "- Do not load it with `ignore_mismatched_sizes`: that would re-initialise the grown MLPs.\n",
      base_name(base), what, describe(folding.plan, spec), layout_name(folding.layout),
      is_reversible(folding) ? "- The base lies inside: `expandft unmerge --model . --output base` "
                               "takes it out byte for byte.\n"
                             : "",
      where_it_loads(folding.layout));
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
         fmt::format("- Adapter: `{}`, at strength {:g}.\n", adapter, folding.strength);
}

std::string trained_model_card(const ModelDirectory& base, const DecoderSpec& spec,
                               const Folding& folding, const RunConfig& run,
                               const TrainingOutcome& outcome, const ComparisonReport& results) {
  std::string card = opening(base, spec, folding, "expanded and fine-tuned");
  card += fmt::format("- Strength: {:g} (1 is as trained, 0 the base).\n\n## Training\n\n",
                      folding.strength);
  card += fmt::format(
      "Only the copies were trained (`\"train\": \"{}\"`); no original weight was changed.\n\n"
      "- Data: {}, {} tokens in {} steps\n"
      "- AdamW, learning rate {:g}, weight decay {:g}, seed {}\n"
      "- Training loss {:.4f} at first, {:.4f} at the end (nats a token)\n",
      run.train, data_names(run.data.train), outcome.state.tokens, outcome.state.step,
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
