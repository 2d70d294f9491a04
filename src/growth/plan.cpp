#include "growth/plan.h"

#include "base/error.h"
#include "base/wording.h"
#include "families/deci.h"

#include <spdlog/fmt/fmt.h>

namespace expandft {
namespace {

/// "0-3, 7": indices with consecutive ones joined.
std::string index_ranges(const std::vector<std::int64_t>& indices) {
  std::string out;
  for (std::size_t i = 0; i < indices.size();) {
    std::size_t last = i;
    while (last + 1 < indices.size() && indices[last + 1] == indices[last] + 1) ++last;
    if (!out.empty()) out += ", ";
    out += std::to_string(indices[i]);
    if (last > i) out += (last == i + 1 ? ", " : "-") + std::to_string(indices[last]);
    i = last + 1;
  }
  return out;
}

}  // namespace

ExpansionPlan make_plan(const LayerSelection& layers, std::int64_t copies, const DecoderSpec& spec,
                        Method method) {
  if (copies < 2) {
    throw input_error("copies is " + std::to_string(copies) + "; expected at least 2", {},
                      "2 doubles the width of each chosen MLP");
  }
  if (method == Method::kZeroInit && copies != 2) {
    throw input_error("expansion.copies is " + std::to_string(copies) +
                          "; expected 2 with \"method\": \"zero-init\": several added copies would "
                          "start equal and stay equal",
                      "expansion.copies");
  }
  if (!spec.layer_widths.empty()) {
    throw input_error(
        "the layers of this model have MLPs of different widths: it was already "
        "expanded, in the layout \"remote-code\" or \"deci\"",
        {}, "expand its base, or merge in the layout \"padded\" and expand that");
  }
  return {layers.resolve(spec.layers), copies, method};
}

Layout resolve_layout(Layout layout, const ExpansionPlan& plan, const DecoderSpec& spec) {
  const bool all = static_cast<std::int64_t>(plan.layers.size()) == spec.layers;
  if (layout == Layout::kAuto) return all ? Layout::kNative : Layout::kPadded;
  if (layout == Layout::kNative && !all) {
    throw input_error(fmt::format("layout \"native\" requires that every layer grows; {} of {} do",
                                  plan.layers.size(), spec.layers),
                      "layout", "use layout \"padded\", or expand \"all\" layers");
  }
  if (layout == Layout::kDeci) {
    if (const std::string obstacle = deci_obstacle(spec); !obstacle.empty()) {
      throw input_error("layout \"deci\" cannot hold this " + spec.family +
                            " model: DeciLM does not support " + obstacle,
                        "layout", "use layout \"padded\" or \"remote-code\"");
    }
  }
  return layout;
}

std::int64_t count_parameters(const DecoderSpec& spec) {
  const std::int64_t h = spec.hidden;
  const std::int64_t q = spec.heads * spec.head_dim, kv = spec.kv_heads * spec.head_dim;
  const std::int64_t attention = 2 * h * q + 2 * h * kv + (spec.qkv_bias ? q + 2 * kv : 0) +
                                 (spec.output_bias ? h : 0) +
                                 (spec.query_key_norm ? 2 * spec.head_dim : 0);
  const std::int64_t norms = (spec.norms_after_blocks ? 4 : 2) * h;
  std::int64_t mlps = 0;
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const std::int64_t p = spec.width(i);
    mlps += 3 * h * p + (spec.mlp_bias ? 2 * p + h : 0);
  }
  return (spec.tied ? 1 : 2) * spec.vocab * h + spec.layers * (attention + norms) + mlps + h;
}

std::int64_t count_new_parameters(const ExpansionPlan& plan, const DecoderSpec& spec) {
  const std::int64_t copy =
      3 * spec.hidden * spec.intermediate + (spec.mlp_bias ? 2 * spec.intermediate : 0);
  return static_cast<std::int64_t>(plan.layers.size()) * (plan.copies - 1) * copy;
}

std::int64_t count_trained_parameters(const ExpansionPlan& plan, const DecoderSpec& spec) {
  const std::int64_t added = count_new_parameters(plan, spec);
  if (!plan.trains_originals()) return added;
  const std::int64_t down_biases =
      spec.mlp_bias ? static_cast<std::int64_t>(plan.layers.size()) * spec.hidden : 0;
  return added + added / (plan.copies - 1) + down_biases;
}

std::string describe(const ExpansionPlan& plan, const DecoderSpec& spec) {
  const std::int64_t added = count_new_parameters(plan, spec);
  return fmt::format(
      "{} of {} ({}), {} copies of each MLP: {}, {:.1f} % of the model's {}", plan.layers.size(),
      counted(spec.layers, "layer"), index_ranges(plan.layers), plan.copies,
      counted(added, "new parameter"),
      100.0 * static_cast<double>(added) / static_cast<double>(count_parameters(spec)),
      count_parameters(spec));
}

}  // namespace expandft
