#include "gguf/gguf_widths.h"

#include "base/wording.h"
#include "families/deci.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace expandft {

void add_gguf_widths(GgufKeys& keys, Json& config) {
  constexpr const char* kName = "feed_forward_length";
  constexpr double kMost = 1U << 31;
  const auto found = keys.file().metadata().find(keys.key(kName));
  const auto* const list = found == keys.file().metadata().end()
                               ? nullptr
                               : std::get_if<GgufNumbers>(&found->second.value);
  const auto layers = config.at("num_hidden_layers").get<std::int64_t>();
  if (list == nullptr || std::ssize(*list) != layers) {
    keys.refuse(kName, "expected a list with a value for each of " + counted(layers, "layer"));
  }
  const auto hidden = config.at("hidden_size").get<std::int64_t>();
  const std::int64_t group = config.at("num_attention_heads").get<std::int64_t>() /
                             config.at("num_key_value_heads").get<std::int64_t>();
  std::int64_t widest = 0;
  Json blocks = Json::array();
  for (std::size_t i = 0; i < list->size(); ++i) {
    const double value = (*list)[i];
    const bool is_size = value > 0 && value <= kMost && value == std::floor(value);
    const auto width = is_size ? static_cast<std::int64_t>(value) : 0;
    if (width == 0 || deci_width(width) != width) {
      keys.refuse(kName, "layer " + std::to_string(i) + " has " + number_text(value) +
                             ", expected a multiple of 256: layers without an MLP, and other "
                             "widths, are not supported");
    }
    widest = std::max(widest, width);
    blocks.push_back(
        {{"attention",
          {{"n_heads_in_group", group}, {"no_op", false}, {"replace_with_linear", false}}},
         {"ffn",
          {{"ffn_mult", deci_factor(width, hidden)},
           {"no_op", false},
           {"replace_with_linear", false}}}});
  }
  config["intermediate_size"] = widest;
  config["block_configs"] = std::move(blocks);
}

}  // namespace expandft
