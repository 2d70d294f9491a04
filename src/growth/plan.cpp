#include "growth/plan.h"

#include "base/error.h"
#include "base/wording.h"
#include "families/deci.h"
#include "families/multimodal.h"

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

/// A tensor of a multimodal model whose older name transformers 5 changes when it loads the model
/// with its own class, and with no other; empty if there is none.
std::string tensor_renamed_on_loading(const DecoderSpec& spec) {
  const TensorNames plain;
  if (!spec.tied && spec.names.head != plain.head) return spec.names.head;
  const bool is_multimodal = find_multimodal(spec.family) != nullptr;
  return is_multimodal && spec.names.body == plain.body ? spec.names.embedding() : "";
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
  if (const std::string renamed = tensor_renamed_on_loading(spec);
      layout == Layout::kRemoteCode && !renamed.empty()) {
    throw input_error(
        "layout \"remote-code\" cannot hold this " + spec.family +
            " model: transformers renames \"" + renamed + "\" for classes of its own only",
        "layout", "use layout \"padded\", or save the base with transformers 5 first");
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

std::int64_t layer_embedding_numbers(const DecoderSpec& spec) {
  return spec.layer_input_vocab * spec.layers * spec.layer_input;
}

std::int64_t count_parameters(const DecoderSpec& spec) {
  const std::int64_t h = spec.hidden;
  const std::int64_t norms = (spec.norms_after_blocks ? 4 : 2) * h;
  std::int64_t layers = 0;
  for (std::int64_t i = 0; i < spec.layers; ++i) {
    const AttentionKind& kind = spec.attention(i);
    const std::int64_t q = spec.heads * kind.head_dim;
    const bool shares = spec.shares_keys(i);
    const std::int64_t kv =
        shares ? 0 : (kind.values_are_keys ? 1 : 2) * kind.kv_heads * kind.head_dim;
    const std::int64_t own = spec.layer_input;  // gate, projection and norm
    const std::int64_t p = spec.width(i);
    layers += 2 * h * q + h * kv + (spec.qkv_bias ? q + kv : 0) + (spec.output_bias ? h : 0) +
              (spec.query_key_norm ? (shares ? 1 : 2) * kind.head_dim : 0) + norms +
              (spec.layer_scale ? 1 : 0) + 2 * h * own + (own > 0 ? h : 0) + 3 * h * p +
              (spec.mlp_bias ? 2 * p + h : 0);
  }
  const std::int64_t projected = spec.layer_input * (spec.layers * h + 1);
  return (spec.tied ? 1 : 2) * spec.vocab * h + layers + h + projected +
         layer_embedding_numbers(spec);
}

std::int64_t count_new_parameters(const ExpansionPlan& plan, const DecoderSpec& spec) {
  std::int64_t copies = 0;
  for (const std::int64_t layer : plan.layers) {
    copies += 3 * spec.hidden * spec.width(layer) + (spec.mlp_bias ? 2 * spec.width(layer) : 0);
  }
  return (plan.copies - 1) * copies;
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
