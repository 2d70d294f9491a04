#pragma once

#include <string_view>

namespace expandft {

/// A part of a layer as transformers and llama.cpp call it, without ".weight" and ".bias".
struct GgufPartName {
  std::string_view transformers, gguf;
};

inline constexpr GgufPartName kGgufPartNames[] = {
    {"input_layernorm", "attn_norm"},    {"self_attn.q_proj", "attn_q"},
    {"self_attn.k_proj", "attn_k"},      {"self_attn.v_proj", "attn_v"},
    {"self_attn.qkv_proj", "attn_qkv"},  {"self_attn.o_proj", "attn_output"},
    {"self_attn.q_norm", "attn_q_norm"}, {"self_attn.k_norm", "attn_k_norm"},
    {"mlp.gate_proj", "ffn_gate"},       {"mlp.up_proj", "ffn_up"},
    {"mlp.gate_up_proj", "ffn_up"},      {"mlp.down_proj", "ffn_down"},
};

// The other norms. Gemma 2 and 3 have norms after attention and MLP too, and transformers' names
// have moved there.
inline constexpr GgufPartName kGgufNormsAfterBlocks[] = {
    {"post_attention_layernorm", "post_attention_norm"},
    {"pre_feedforward_layernorm", "ffn_norm"},
    {"post_feedforward_layernorm", "post_ffw_norm"}};
inline constexpr GgufPartName kGgufNormBeforeMlp[] = {{"post_attention_layernorm", "ffn_norm"}};

}  // namespace expandft
