#include "growth/plan.h"

#include "base/error.h"
#include "base/wording.h"
#include "families/deci.h"
#include "families/multimodal.h"

#include <cmath>

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

/// The nearest multiple of the unit, at least one and at most all.
std::int64_t neurons_of_share(double percent, std::int64_t width) {
  const std::int64_t unit = neuron_unit(width);
  const double units = percent / 100 * static_cast<double>(width) / static_cast<double>(unit);
  return std::min(width, std::max<std::int64_t>(1, std::llround(units)) * unit);
}

/// Neurons of a layer, for a number of them.
std::int64_t neurons_of_number(std::int64_t number, std::int64_t width, std::int64_t layer) {
  if (number <= width) return number;
  throw input_error(fmt::format("{} are to be copied in layer {}, whose MLP has {}",
                                counted(number, "neuron"), layer, width),
                    "expansion.width", "ask for fewer, or leave expansion.width out");
}

/// A budget, spread evenly: the layers' parts differ by at most one unit.
std::vector<std::int64_t> even_widths(std::int64_t parameters,
                                      const std::vector<std::int64_t>& layers,
                                      const DecoderSpec& spec) {
  const std::int64_t neurons = parameters / neuron_parameters(spec);
  const std::int64_t unit = neuron_unit(spec.intermediate);
  const std::int64_t units = neurons / unit, parts = std::ssize(layers);
  if (units < 1) {
    throw input_error(
        fmt::format("a budget of {} is less than {} take: {}", counted(parameters, "parameter"),
                    counted(unit, "neuron"), unit * neuron_parameters(spec)),
        "expansion.width");
  }
  std::vector<std::int64_t> widths;
  for (std::int64_t i = 0; i < parts; ++i) {
    // Products of fewer than 2^40 units and 10,000 layers.
    const std::int64_t own = (i + 1) * units / parts - i * units / parts;
    widths.push_back(std::min(own * unit, spec.width(layers[static_cast<std::size_t>(i)])));
  }
  return widths;
}

/// Leaves out layers whose copy has no neurons; all neurons of all layers are whole MLPs.
void settle_widths(ExpansionPlan& plan, const DecoderSpec& spec) {
  std::vector<std::int64_t> layers, widths;
  bool is_whole = true;
  for (std::size_t i = 0; i < plan.layers.size(); ++i) {
    is_whole = is_whole && plan.widths[i] == spec.width(plan.layers[i]);
    if (plan.widths[i] == 0) continue;
    layers.push_back(plan.layers[i]);
    widths.push_back(plan.widths[i]);
  }
  plan.layers = std::move(layers);
  plan.widths = is_whole ? std::vector<std::int64_t>() : std::move(widths);
}

/// "64", "16 to 64".
std::string range_text(const std::vector<std::int64_t>& numbers) {
  const auto [least, most] = std::ranges::minmax(numbers);
  return least == most ? std::to_string(least) : fmt::format("{} to {}", least, most);
}

/// "2 copies of each MLP", "copies of 16 to 64 of 172 neurons of each MLP".
std::string copies_text(const ExpansionPlan& plan, const DecoderSpec& spec) {
  if (!plan.is_narrow()) return fmt::format("{} copies of each MLP", plan.copies);
  std::vector<std::int64_t> of;
  for (const std::int64_t layer : plan.layers) of.push_back(spec.width(layer));
  return fmt::format("copies of {} of {} neurons of each MLP", range_text(plan.widths),
                     range_text(of));
}

}  // namespace

const std::vector<std::int64_t>& ExpansionPlan::neurons_of(std::int64_t layer) const {
  const std::size_t place = place_of(layer);
  if (grows(layer) && place < neurons.size()) return neurons[place];
  throw failure("the neurons of layer " + std::to_string(layer) + " are not chosen",
                "expansion.width", "report this");
}

std::int64_t neuron_unit(std::int64_t width) {
  return width >= 128 ? 16 : 1;
}

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

ExpansionPlan make_plan(const ExpansionConfig& expansion, const DecoderSpec& spec, Method method) {
  ExpansionPlan plan = make_plan(expansion.layers, expansion.copies, spec, method);
  const ExpansionWidth& width = expansion.width;
  if (width.is_whole()) return plan;
  if (plan.copies != 2) {
    throw input_error(fmt::format("expansion.copies is {}; expected 2 with expansion.width: chosen "
                                  "neurons are copied once",
                                  plan.copies),
                      "expansion.copies", "leave it out, or expansion.width");
  }
  if (!expansion.chosen.empty()) {
    plan.neurons = expansion.chosen;
    for (const auto& one : plan.neurons) plan.widths.push_back(std::ssize(one));
    return plan;
  }
  if (width.kind == ExpansionWidth::Kind::kParameters) {
    plan.widths = even_widths(width.number, plan.layers, spec);
  }
  for (const std::int64_t layer : plan.layers) {
    const std::int64_t of = spec.width(layer);
    if (width.kind == ExpansionWidth::Kind::kShare) {
      plan.widths.push_back(neurons_of_share(width.percent, of));
    } else if (width.kind == ExpansionWidth::Kind::kNeurons) {
      plan.widths.push_back(neurons_of_number(width.number, of, layer));
    }
  }
  settle_widths(plan, spec);
  return plan;
}

std::int64_t common_width(const ExpansionPlan& plan, const DecoderSpec& spec) {
  std::int64_t most = spec.intermediate;
  for (const std::int64_t layer : plan.layers) {
    const std::int64_t width = spec.width(layer);
    // Of some models, the later layers are twice as wide as intermediate_size.
    const std::int64_t times = width / spec.intermediate;
    most = std::max(most, (width + plan.added(layer, width) + times - 1) / times);
  }
  return most;
}

bool grows_evenly(const ExpansionPlan& plan, const DecoderSpec& spec) {
  const std::int64_t common = common_width(plan, spec);
  for (std::int64_t layer = 0; layer < spec.layers; ++layer) {
    const std::int64_t width = spec.width(layer);
    if ((width + plan.added(layer, width)) * spec.intermediate != common * width) return false;
  }
  return true;
}

Layout resolve_layout(Layout layout, const ExpansionPlan& plan, const DecoderSpec& spec) {
  const bool all = static_cast<std::int64_t>(plan.layers.size()) == spec.layers;
  const bool evenly = grows_evenly(plan, spec);
  if (layout == Layout::kAuto) return evenly ? Layout::kNative : Layout::kPadded;
  if (layout == Layout::kNative && all && !evenly) {
    throw input_error(
        "layout \"native\" requires that every layer grows by as many neurons; they "
        "grow by " +
            range_text(plan.widths),
        "layout", "use layout \"padded\", or give expansion.width as a number");
  }
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

std::int64_t neuron_parameters(const DecoderSpec& spec) {
  return 3 * spec.hidden + (spec.mlp_bias ? 2 : 0);
}

std::int64_t count_new_parameters(const ExpansionPlan& plan, const DecoderSpec& spec) {
  std::int64_t neurons = 0;
  for (const std::int64_t layer : plan.layers) neurons += plan.added(layer, spec.width(layer));
  return neurons * neuron_parameters(spec);
}

std::int64_t count_trained_parameters(const ExpansionPlan& plan, const DecoderSpec& spec) {
  const std::int64_t added = count_new_parameters(plan, spec);
  if (!plan.trains_originals()) return added;
  const std::int64_t down_biases =
      spec.mlp_bias ? static_cast<std::int64_t>(plan.layers.size()) * spec.hidden : 0;
  std::int64_t neurons = 0;
  for (const std::int64_t layer : plan.layers) neurons += spec.width(layer);
  return added + neurons * neuron_parameters(spec) + down_biases;
}

std::int64_t count_gathered_parameters(const ExpansionPlan& plan, const DecoderSpec& spec) {
  const bool gathers = plan.is_narrow() && plan.shares_output() && !plan.trains_originals();
  return gathers ? count_new_parameters(plan, spec) : 0;
}

std::string describe(const ExpansionPlan& plan, const DecoderSpec& spec) {
  const std::int64_t added = count_new_parameters(plan, spec);
  return fmt::format(
      "{} of {} ({}), {}: {}, {:.1f} % of the model's {}", plan.layers.size(),
      counted(spec.layers, "layer"), index_ranges(plan.layers), copies_text(plan, spec),
      counted(added, "new parameter"),
      100.0 * static_cast<double>(added) / static_cast<double>(count_parameters(spec)),
      count_parameters(spec));
}

}  // namespace expandft
