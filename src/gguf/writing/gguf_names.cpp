#include "gguf/writing/gguf_names.h"

#include <algorithm>
#include <iterator>
#include <string_view>

namespace expandft {
namespace {

struct GgufPart {
  std::string_view transformers, gguf;
};

constexpr GgufPart kGgufParts[] = {
    {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},  {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
    {"mlp.gate_up_proj", "ffn_up"},      {"mlp.down_proj", "ffn_down"},
};
// Where attention and MLP are followed by norms too, transformers' names have moved.
constexpr GgufPart kPartsAfterBlocks[] = {{"post_attention_layernorm", "post_attention_norm"},
                                          {"pre_feedforward_layernorm", "ffn_norm"},
                                          {"post_feedforward_layernorm", "post_ffw_norm"}};
constexpr GgufPart kPartsBeforeBlocks[] = {{"post_attention_layernorm", "ffn_norm"}};

template <typename Names>
std::optional<std::string> gguf_part(const Names& names, std::string_view part) {
  const auto* const found = std::ranges::find(names, part, &GgufPart::transformers);
  return found == std::end(names) ? std::nullopt : std::optional(std::string(found->gguf));
}

}  // namespace

std::optional<std::string> gguf_tensor_name(const std::string& name, const DecoderSpec& spec) {
  const TensorNames& names = spec.names;
  if (name == names.embedding()) return "token_embd.weight";
  if (name == names.final_norm()) return "output_norm.weight";
  if (name == names.head) return "output.weight";
  const std::string prefix = names.body + "layers.";
  const std::size_t second = name.find('.', prefix.size()), last = name.rfind('.');
  if (!name.starts_with(prefix) || second == name.npos || last <= second) return std::nullopt;
  const std::string layer = name.substr(prefix.size(), second - prefix.size());
  const std::string part = name.substr(second + 1, last - second - 1), kind = name.substr(last);
  auto found = gguf_part(kGgufParts, part);
  if (!found) {
    found = spec.norms_after_blocks ? gguf_part(kPartsAfterBlocks, part)
                                    : gguf_part(kPartsBeforeBlocks, part);
  }
  if (!found || (kind != ".weight" && kind != ".bias")) return std::nullopt;
  return "blk." + layer + "." + *found + kind;
}

}  // namespace expandft
