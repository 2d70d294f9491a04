#include "families/model_config.h"
#include "fuzz.h"

using namespace expandft;

// A model's config.json. An accepted config describes a decoder that can be computed: consistent
// sizes, and attention for every layer.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::expect_input_error([&] {
    const DecoderSpec spec = read_spec(parse_json(fuzz::as_text(data, size), "fuzz"), "fuzz");
    const bool has_sizes = spec.vocab > 0 && spec.hidden > 0 && spec.layers > 0 &&
                           spec.intermediate > 0 && spec.heads > 0 && spec.kv_heads > 0 &&
                           spec.head_dim > 0 && spec.max_positions > 0;
    if (!has_sizes) std::abort();
    if (static_cast<std::int64_t>(spec.kind_of_layer.size()) != spec.layers) std::abort();
    for (std::int64_t i = 0; i < spec.layers; ++i) {
      const AttentionKind& kind = spec.attention(i);  // throws on an invalid index
      if (kind.window && *kind.window < 1) std::abort();
      if (kind.head_dim < 1 || kind.kv_heads < 1 || spec.heads % kind.kv_heads != 0) std::abort();
      if (kind.rotary_dim < 1 || kind.rotary_dim > kind.head_dim) std::abort();
      const std::int64_t source = spec.key_layer(i);
      if (source < 0 || source > i || spec.key_layer(source) != source) std::abort();
      if (spec.width(i) < 1) std::abort();
    }
  });
  return 0;
}
