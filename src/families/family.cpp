#include "families/family.h"

#include "base/error.h"
#include "families/family_table.h"
#include "families/multimodal.h"

#include <algorithm>
#include <cstdint>

namespace expandft {
namespace {

/// The windowed layers by the family's rule, for configs without layer_types.
std::vector<bool> windowed_by_rule(const ConfigFields& fields, const Family& family,
                                   const std::vector<bool>& rotated, bool has_window) {
  const std::size_t count = rotated.size();
  std::vector<bool> windowed(count, false);
  switch (family.windows) {
    case WindowRule::kNone:
      break;
    case WindowRule::kAll:
    case WindowRule::kAllOrTypes:
      windowed.assign(count, has_window);
      break;
    case WindowRule::kUnrotated:
      for (std::size_t i = 0; i < count; ++i) windowed[i] = has_window && !rotated[i];
      break;
    case WindowRule::kFromLayer: {
      const auto first = static_cast<std::size_t>(fields.whole_number("max_window_layers"));
      for (std::size_t i = first; has_window && i < count; ++i) windowed[i] = true;
      break;
    }
    case WindowRule::kAllButFirst:
    case WindowRule::kAllButEach: {
      std::int64_t period = family.window_period;
      if (family.reads_window_period) period = fields.integer("sliding_window_pattern", period);
      const std::size_t shift = family.windows == WindowRule::kAllButEach ? 1 : 0;
      for (std::size_t i = 0; i < count; ++i) {
        windowed[i] = (i + shift) % static_cast<std::size_t>(period) != 0;
      }
      break;
    }
  }
  return windowed;
}

}  // namespace

const Family& find_family(std::string_view model_type, const std::string& where) {
  const auto* const found = std::ranges::find(kFamilies, model_type, &Family::model_type);
  if (found != std::end(kFamilies)) return *found;
  std::string known;
  for (const Family& family : kFamilies) known += std::string(family.model_type) + ", ";
  for (const Multimodal& wrapper : multimodal_types()) {
    known += std::string(wrapper.model_type) + ", ";
  }
  known.resize(known.size() - 2);
  throw input_error(
      "field \"model_type\" is \"" + std::string(model_type) + "\"; expected one of " + known,
      where, "other families are not supported");
}

std::vector<bool> rotated_layers(const ConfigFields& fields, const Family& family,
                                 const DecoderSpec& spec) {
  const auto count = static_cast<std::size_t>(spec.layers);
  std::vector<bool> rotated(count, true);
  if (!family.has_unrotated_layers) return rotated;
  constexpr const char* kLayers = "no_rope_layers";
  const std::int64_t interval = fields.integer("no_rope_layer_interval", 4);
  if (!fields.has(kLayers)) {
    for (std::int64_t i = interval - 1; i < spec.layers; i += interval) {
      rotated[static_cast<std::size_t>(i)] = false;
    }
    return rotated;
  }
  const Json& flags = fields.object().at(kLayers);
  const auto is_flag = [](const Json& flag) { return flag == 0 || flag == 1; };
  // The list may be longer than the model.
  if (!flags.is_array() || flags.size() < count || !std::ranges::all_of(flags, is_flag)) {
    fields.refuse(kLayers, "0 (no RoPE) or 1 for each of the " + std::to_string(count) + " layers");
  }
  for (std::size_t i = 0; i < count; ++i) rotated[i] = flags[i] == 1;
  return rotated;
}

std::vector<bool> windowed_layers(const ConfigFields& fields, const Family& family,
                                  const std::vector<bool>& rotated, DecoderSpec& spec) {
  const std::size_t count = rotated.size();
  const bool by_switch = family.windows == WindowRule::kFromLayer ||
                         family.windows == WindowRule::kUnrotated;  // off by default
  const bool is_on = !by_switch || fields.boolean("use_sliding_window", false);
  const bool has_window = family.windows != WindowRule::kNone && fields.has("sliding_window") &&
                          fields.integer("sliding_window") > 0 && is_on;
  std::vector<bool> windowed = windowed_by_rule(fields, family, rotated, has_window);
  if (family.last_layer_is_full) windowed.back() = false;
  constexpr const char* kTypes = "layer_types";
  if (!fields.has(kTypes)) return windowed;

  const std::vector<bool> by_rule = windowed;
  const std::vector<std::string> types = fields.texts(kTypes, count);
  for (std::size_t i = 0; i < count; ++i) {
    if (types[i] != kFullAttention && types[i] != kSlidingAttention) {
      fields.refuse(
          kTypes, std::string("\"") + kFullAttention + "\" and \"" + kSlidingAttention + "\" only");
    }
    windowed[i] = types[i] == kSlidingAttention;
  }
  if (family.last_layer_is_full && windowed.back()) {
    windowed.back() = false;
    spec.add_notice(
        {"the last layer has full attention, and not what \"layer_types\" says, as in "
         "transformers",
         fields.where(), "state \"full_attention\" for it"});
  }
  const bool reads_types =
      family.windows != WindowRule::kNone && family.windows != WindowRule::kAll;
  if (!reads_types && windowed != by_rule) {
    fields.refuse(kTypes, "the same type for all layers: this family has no mixed types");
  }
  constexpr const char* kPattern = "sliding_window_pattern";
  if (family.reads_window_period && fields.has(kPattern) && windowed != by_rule) {
    spec.add_notice({std::string("fields \"") + kPattern + "\" and \"" + kTypes +
                         "\" contradict each other: the latter is used, as in transformers",
                     fields.where(), "remove one of them"});
  }
  if (std::ranges::count(windowed, true) > 0 && !has_window) {
    fields.refuse(by_switch ? "use_sliding_window" : "sliding_window",
                  "a window for the layers of layer_types that are \"sliding_attention\"");
  }
  return windowed;
}

}  // namespace expandft
