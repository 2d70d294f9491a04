#pragma once

#include <optional>
#include <string_view>

namespace expandft {

// Fields of config.json that no family reads, but whose effect is known: see unread_fields.h.

/// The expected type of a field.
enum class FieldKind {
  kFlag,
  kInteger,
  kNumber,
  kText,
  kList,
  kObject,
  kDtype,
  kPadding,
  kDropout
};

struct HarmlessField {
  std::string_view key;
  FieldKind kind;
};

/// Fields that do not affect a model's logits, in transformers as here: provenance, generation
/// defaults, storage of the weights, data of other programs.
inline constexpr HarmlessField kHarmlessFields[] = {
    // Provenance.
    {"architectures", FieldKind::kList},
    {"auto_map", FieldKind::kObject},
    {"transformers_version", FieldKind::kText},
    {"_name_or_path", FieldKind::kText},
    {"name_or_path", FieldKind::kText},
    {"_commit_hash", FieldKind::kText},
    {"finetuning_task", FieldKind::kText},
    {"unsloth_fixed", FieldKind::kFlag},
    {"unsloth_version", FieldKind::kText},
    {"is_llama_config", FieldKind::kFlag},
    {"transformers.js_config", FieldKind::kObject},
    // Weights are read in their stored dtype; --precision chooses the dtype of computation.
    {"torch_dtype", FieldKind::kDtype},
    {"dtype", FieldKind::kDtype},
    {"initializer_range", FieldKind::kNumber},
    {"pretraining_tp", FieldKind::kInteger},
    {"gradient_checkpointing", FieldKind::kFlag},
    {"neftune_noise_alpha", FieldKind::kNumber},
    {"_sliding_window_pattern", FieldKind::kInteger},  // layer_types states the same
    // How transformers runs it.
    {"use_cache", FieldKind::kFlag},
    {"cache_implementation", FieldKind::kText},
    {"attn_implementation", FieldKind::kText},
    {"_attn_implementation", FieldKind::kText},
    {"_attn_implementation_autoset", FieldKind::kFlag},
    {"_flash_attn_2_enabled", FieldKind::kFlag},
    {"use_flash_attn", FieldKind::kFlag},
    {"torchscript", FieldKind::kFlag},
    {"return_dict", FieldKind::kFlag},
    {"use_return_dict", FieldKind::kFlag},
    {"output_hidden_states", FieldKind::kFlag},
    {"output_attentions", FieldKind::kFlag},
    {"tie_last_hidden_states", FieldKind::kFlag},
    {"is_decoder", FieldKind::kFlag},
    {"tie_encoder_decoder", FieldKind::kFlag},
    {"chunk_size_feed_forward", FieldKind::kInteger},
    {"pruned_heads", FieldKind::kObject},
    {"cross_attention_hidden_size", FieldKind::kInteger},
    {"use_bfloat16", FieldKind::kFlag},
    {"tf_legacy_loss", FieldKind::kFlag},
    {"serialize_explicit_per_layer_config", FieldKind::kFlag},
    {"allow_global_per_layer_attribute_access", FieldKind::kFlag},
    // Heads for other tasks.
    {"id2label", FieldKind::kObject},
    {"label2id", FieldKind::kObject},
    {"num_labels", FieldKind::kInteger},
    {"problem_type", FieldKind::kText},
    {"classifier_dropout", FieldKind::kNumber},
    {"task_specific_params", FieldKind::kObject},
    // Tokens and generation defaults, which the tokenizer's files and generation_config.json hold.
    {"pad_token_id", FieldKind::kPadding},
    {"sep_token_id", FieldKind::kInteger},
    {"decoder_start_token_id", FieldKind::kInteger},
    {"tokenizer_class", FieldKind::kText},
    {"model_max_length", FieldKind::kInteger},
    {"max_sequence_length", FieldKind::kInteger},
    {"prefix", FieldKind::kText},
    {"max_length", FieldKind::kInteger},
    {"min_length", FieldKind::kInteger},
    {"max_new_tokens", FieldKind::kInteger},
    {"do_sample", FieldKind::kFlag},
    {"early_stopping", FieldKind::kFlag},
    {"temperature", FieldKind::kNumber},
    {"top_k", FieldKind::kInteger},
    {"top_p", FieldKind::kNumber},
    {"typical_p", FieldKind::kNumber},
    {"num_beams", FieldKind::kInteger},
    {"num_beam_groups", FieldKind::kInteger},
    {"num_return_sequences", FieldKind::kInteger},
    {"diversity_penalty", FieldKind::kNumber},
    {"length_penalty", FieldKind::kNumber},
    {"repetition_penalty", FieldKind::kNumber},
    {"no_repeat_ngram_size", FieldKind::kInteger},
    {"encoder_no_repeat_ngram_size", FieldKind::kInteger},
    {"exponential_decay_length_penalty", FieldKind::kList},
    {"bad_words_ids", FieldKind::kList},
    {"suppress_tokens", FieldKind::kList},
    {"begin_suppress_tokens", FieldKind::kList},
    {"forced_bos_token_id", FieldKind::kInteger},
    {"forced_eos_token_id", FieldKind::kInteger},
    {"remove_invalid_values", FieldKind::kFlag},
    {"output_scores", FieldKind::kFlag},
    {"return_dict_in_generate", FieldKind::kFlag},
    // Training runs without dropout.
    {"attention_dropout", FieldKind::kDropout},
    {"attn_pdrop", FieldKind::kDropout},
    {"resid_pdrop", FieldKind::kDropout},
    {"embd_pdrop", FieldKind::kDropout},
    {"hidden_dropout", FieldKind::kDropout},
    {"residual_dropout", FieldKind::kDropout},
};

struct ArithmeticField {
  std::string_view key;
  std::optional<double> neutral = {};  // the value that has no effect
};

/// Fields that change what a model computes, in other families or in variants.
inline constexpr ArithmeticField kArithmeticFields[] = {
    // Experts.
    {"num_experts", 0},
    {"num_local_experts", 0},
    {"n_routed_experts", 0},
    {"n_shared_experts", 0},
    {"num_experts_per_tok", 0},
    {"moe_intermediate_size", 0},
    {"moe_num_experts", 0},
    {"mlp_only_layers"},
    {"ffn_config"},
    // Scales and caps.
    {"logit_scale", 1},
    {"logits_scaling", 1},
    {"embedding_multiplier", 1},
    {"residual_multiplier", 1},
    {"attention_multiplier", 1},
    {"scale_emb", 1},
    {"scale_depth", 0},
    {"dim_model_base", 0},
    {"clip_qkv"},
    {"attn_logit_softcapping"},
    {"final_logit_softcapping"},
    {"query_pre_attn_scalar"},
    // Attention and positions.
    {"use_bidirectional_attention"},
    {"attention_chunk_size", 0},
    {"attention_sink_size", 0},
    {"attn_temperature_tuning"},
    {"kv_lora_rank", 0},
    {"q_lora_rank", 0},
    {"qk_layernorm"},
    {"qk_norm"},
    {"use_qk_norm"},
    {"alibi"},
    {"use_mrope"},
    {"rope_interleaved"},
    {"rotary_pct", 1},
    {"rotary_dim"},
    {"rotary_emb_base"},
    {"no_rope_layers"},
    {"no_rope_layer_interval", 0},
    {"full_attn_mod", 1},
    {"interpolate_factor", 1},
    {"num_kv_shared_layers", 0},
    {"add_cross_attention"},
    {"cross_attention_layers"},
    {"is_encoder_decoder"},
    // Blocks.
    {"per_layer_config"},
    {"use_parallel_residual"},
    {"parallel_attn"},
    {"hidden_size_per_layer_input", 0},
    {"vocab_size_per_layer_input", 0},
    {"altup_num_inputs", 0},
    {"laurel_rank", 0},
    {"lm_head_bias"},
    {"qkv_bias"},
    {"use_bias"},
    {"use_qkv_bias"},
    {"bias"},
    // Weights or configs stored elsewhere or in another form.
    {"quantization_config"},
    {"compression_config"},
    {"sparsity_config"},
    {"transformers_weights"},
    {"configuration_files"},
    {"text_config"},
    {"decoder"},
    {"encoder"},
    {"text_encoder"},
    {"generator"},
};

}  // namespace expandft
