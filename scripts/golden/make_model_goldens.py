#!/usr/bin/env python3
"""Makes tests/golden/models: tiny random checkpoints of each family, and what the reference computes on them.

    python scripts/golden/make_model_goldens.py [--output tests/golden/models]

Recreates the folder of each model: run make_method_goldens.py, which adds to some, after it.
Needs torch, transformers and safetensors. tests/golden/models/README.md describes the files.
"""

import argparse
import copy
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig
from transformers.utils import logging

import reference

LENGTHS = (17, 40, 5)
NOISE = 0.3  # of the perturbed copies, relative to each tensor's standard deviation
TRAINING = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8, "weight_decay": 0.01,
            "clip_norm": 1.0, "warmup": 4, "steps": 20}
MICRO_BATCH_SEQUENCES = 2
RETENTION_WEIGHT = 3.0

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
    "max_position_embeddings": 128, "bos_token_id": 1, "eos_token_id": 2, "rms_norm_eps": 1e-5,
    "attention_bias": False, "mlp_bias": False, "tie_word_embeddings": False,
}
# The fields of a published config of each family, with small sizes. No block size divides the widths.
SMALL = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2,
         "head_dim": 10, "intermediate_size": 36, "vocab_size": 70, "max_position_embeddings": 128}
GEMMA = SMALL | {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "rms_norm_eps": 1e-6,
                 "attention_bias": False, "torch_dtype": "float32"}
GEMMA3 = GEMMA | {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text",
                  "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 20, "sliding_window": 6,
                  "final_logit_softcapping": None, "attn_logit_softcapping": None}
VISION = {"model_type": "siglip_vision_model", "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 1,
          "num_attention_heads": 2, "image_size": 28, "patch_size": 14}
# As published, the text part lists only what differs from the family's defaults; here, all its sizes differ.
GEMMA3_MULTIMODAL = {
    "architectures": ["Gemma3ForConditionalGeneration"], "model_type": "gemma3", "mm_tokens_per_image": 4,
    "image_token_index": 66, "boi_token_index": 67, "eoi_token_index": 68, "vision_config": VISION,
    "text_config": SMALL | {"model_type": "gemma3_text", "num_hidden_layers": 6, "sliding_window": 5,
                            "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    "torch_dtype": "float32",
}
SMALL_VISION = {key: VISION[key] for key in VISION if key != "model_type"}
MISTRAL = SMALL | {"hidden_act": "silu", "bos_token_id": 1, "eos_token_id": 2, "rms_norm_eps": 1e-5,
                   "tie_word_embeddings": False, "torch_dtype": "float32"}
MINISTRAL3_ROPE = {"rope_type": "yarn", "type": "yarn", "rope_theta": 1000.0, "factor": 4.0, "beta_fast": 32.0,
                   "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0, "original_max_position_embeddings": 16,
                   "llama_4_scaling_beta": 0.5}
SMOLLM3 = SMALL | {"architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "hidden_act": "silu",
                   "attention_bias": False, "mlp_bias": False, "rms_norm_eps": 1e-6, "rope_theta": 5000.0,
                   "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "dtype": "float32"}
GEMMA4 = GEMMA | {
    "hidden_activation": "gelu_pytorch_tanh", "num_hidden_layers": 4, "sliding_window": 6, "num_kv_shared_layers": 0,
    "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
    "rope_parameters": {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.5, "rope_theta": 1000.0},
                        "sliding_attention": {"rope_type": "default", "rope_theta": 100.0}},
}
QWEN_VL_TOKENS = {"image_token_id": 67, "video_token_id": 68, "vision_start_token_id": 63, "vision_end_token_id": 64}
QWEN = SMALL | {"bos_token_id": 65, "eos_token_id": 66, "hidden_act": "silu", "rms_norm_eps": 1e-6}
MODELS = {
    # Grouped queries, and a head_dim that is not hidden_size / heads.
    "gqa": {
        "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 6, "num_key_value_heads": 2,
        "head_dim": 12, "intermediate_size": 80, "vocab_size": 96, "tie_word_embeddings": True,
        "rope_theta": 10000.0, "torch_dtype": "float32",
    },
    # Every bias a Llama can have. No head_dim in the config: it follows from the sizes.
    "bias": {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4,
        "intermediate_size": 44, "vocab_size": 64, "attention_bias": True, "mlp_bias": True,
        "rms_norm_eps": 1e-6, "rope_theta": 500000.0, "torch_dtype": "float32",
    },
    # theta and head_dim set so that two frequencies fall into the smoothed band (wavelengths 4 to 16).
    "llama3-rope": {
        "hidden_size": 40, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
        "head_dim": 16, "intermediate_size": 56, "vocab_size": 72, "rope_theta": 1000.0,
        "rope_scaling": {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                         "high_freq_factor": 4.0, "original_max_position_embeddings": 16},
        "torch_dtype": "float32",
    },
    # The config as transformers 5 writes it.
    "linear-rope": {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 1,
        "head_dim": 8, "intermediate_size": 52, "vocab_size": 80, "tie_word_embeddings": True,
        "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 10000.0},
        "dtype": "float32",
    },
    # Every layer has a window that is shorter than two of the sequences.
    "mistral": SMALL | {
        "architectures": ["MistralForCausalLM"], "model_type": "mistral", "hidden_act": "silu",
        "bos_token_id": 1, "eos_token_id": 2, "rms_norm_eps": 1e-5, "sliding_window": 7, "rope_theta": 10000.0,
        "tie_word_embeddings": False, "torch_dtype": "float32",
    },
    # The legacy "gelu" of the published Gemma 1 configs, which means the tanh approximation.
    "gemma": GEMMA | {"architectures": ["GemmaForCausalLM"], "model_type": "gemma", "hidden_act": "gelu",
                      "num_key_value_heads": 1, "rope_theta": 10000.0},
    # Caps low enough to take effect; windows in every other layer.
    "gemma2": GEMMA | {
        "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "hidden_act": "gelu_pytorch_tanh",
        "hidden_activation": "gelu_pytorch_tanh", "query_pre_attn_scalar": 14, "sliding_window": 6,
        "attn_logit_softcapping": 2.0, "final_logit_softcapping": 4.0, "rope_theta": 10000.0,
    },
    "gemma3": GEMMA3 | {"num_hidden_layers": 4, "sliding_window_pattern": 3, "rope_theta": 1000000.0,
                        "rope_local_base_freq": 10000.0, "rope_scaling": {"rope_type": "linear", "factor": 8.0}},
    # The config as transformers 5 writes it.
    "gemma3-nested": GEMMA3 | {
        "layer_types": ["full_attention", "sliding_attention", "full_attention"],
        "rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 50000.0},
                            "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}},
    },
    # Tensor names as published, and as transformers 5 writes them.
    "gemma3-multimodal": GEMMA3_MULTIMODAL,
    "gemma3-multimodal-new": GEMMA3_MULTIMODAL,
    "qwen2": QWEN | {
        "architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "hidden_size": 40, "head_dim": None,
        "use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1, "tie_word_embeddings": True,
        "rope_theta": 1000.0, "torch_dtype": "float32",
        "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32},
    },
    "qwen3": QWEN | {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": True,
        "use_sliding_window": False, "sliding_window": None, "tie_word_embeddings": False, "dtype": "float32",
        "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1000000.0},
    },
    # Fused projections, half of each head rotated, other frequencies beyond 16 tokens.
    "phi3": SMALL | {
        "architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "hidden_act": "silu", "hidden_size": 48,
        "head_dim": None, "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
        "sliding_window": 12, "rope_theta": 10000.0, "original_max_position_embeddings": 16,
        "partial_rotary_factor": 0.5, "tie_word_embeddings": False, "torch_dtype": "float32",
        "rope_scaling": {"type": "longrope", "short_factor": [1.0, 1.2, 1.5], "long_factor": [1.0, 2.5, 6.0]},
    },
    "ministral": MISTRAL | {
        "architectures": ["MinistralForCausalLM"], "model_type": "ministral", "sliding_window": 7,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"], "rope_theta": 10000.0,
    },
    # Queries grow at positions 16 and 32.
    "ministral3": MISTRAL | {
        "architectures": ["Ministral3ForCausalLM"], "model_type": "ministral3", "sliding_window": None,
        "rope_parameters": MINISTRAL3_ROPE,
    },
    # A bias after attention, which no published checkpoint has.
    "seed-oss": SMALL | {
        "architectures": ["SeedOssForCausalLM"], "model_type": "seed_oss", "hidden_act": "silu", "attention_bias": True,
        "attention_out_bias": True, "mlp_bias": False, "rms_norm_eps": 1e-6, "rope_theta": 10000.0,
        "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1, "tie_word_embeddings": False, "torch_dtype": "float32",
        "rope_scaling": {"rope_type": "default"},
    },
    # The windows and RoPE of the class: full attention in layers 0 and 4.
    "cwm": SMALL | {
        "architectures": ["CwmForCausalLM"], "model_type": "cwm", "num_hidden_layers": 5, "sliding_window": 6,
        "hidden_act": "silu", "rms_norm_eps": 1e-5, "bos_token_id": 1, "eos_token_id": [2, 3], "dtype": "float32",
        "tie_word_embeddings": False, "rope_theta": 1000.0,
        "rope_scaling": {"rope_type": "llama3", "factor": 16.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                         "original_max_position_embeddings": 16},
    },
    "internlm3": SMALL | {
        "architectures": ["InternLM3ForCausalLM"], "model_type": "internlm3", "hidden_act": "silu", "qkv_bias": True,
        "bias": True, "rms_norm_eps": 1e-5, "rope_theta": 50000.0, "bos_token_id": 1, "eos_token_id": 2,
        "pad_token_id": 2, "tie_word_embeddings": False, "torch_dtype": "float32",
        "rope_scaling": {"factor": 6.0, "rope_type": "dynamic"},
    },
    # No RoPE in every other layer, as the interval says.
    "smollm3": SMOLLM3 | {"no_rope_layers": None, "no_rope_layer_interval": 2, "tie_word_embeddings": True},
    # Windows in the layers without RoPE; the list is longer than the model.
    "smollm3-windows": SMOLLM3 | {
        "no_rope_layers": [0, 1, 0, 1], "use_sliding_window": True, "sliding_window": 6, "tie_word_embeddings": False,
        "attention_bias": True, "mlp_bias": True,
    },
    "vaultgemma": GEMMA | {
        "architectures": ["VaultGemmaForCausalLM"], "model_type": "vaultgemma", "hidden_activation": "gelu_pytorch_tanh",
        "query_pre_attn_scalar": 14, "sliding_window": 6, "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 4.0, "rope_theta": 10000.0,
    },
    # No multiplier is a power of two, and every one has an effect.
    "granite": SMALL | {
        "architectures": ["GraniteForCausalLM"], "model_type": "granite", "hidden_act": "silu", "rms_norm_eps": 1e-5,
        "attention_bias": False, "mlp_bias": False, "rope_theta": 10000.0, "bos_token_id": 0, "eos_token_id": 0,
        "tie_word_embeddings": True, "embedding_multiplier": 3.0, "attention_multiplier": 0.7,
        "residual_multiplier": 0.6, "logits_scaling": 1.3, "torch_dtype": "float32",
    },
    # Tensor names as published; the text part has long-context RoPE.
    "mistral3": {
        "architectures": ["Mistral3ForConditionalGeneration"], "model_type": "mistral3", "image_token_index": 10,
        "multimodal_projector_bias": False, "projector_hidden_act": "gelu", "spatial_merge_size": 2,
        "vision_feature_layer": -1, "dtype": "float32", "tie_word_embeddings": False,
        "vision_config": SMALL_VISION | {"model_type": "pixtral", "head_dim": 8},
        "text_config": MISTRAL | {"model_type": "ministral3", "rope_parameters": MINISTRAL3_ROPE},
    },
    "llava": {
        "architectures": ["LlavaForConditionalGeneration"], "model_type": "llava", "ignore_index": -100,
        "image_token_index": 69, "projector_hidden_act": "gelu", "vision_feature_layer": -1,
        "vision_feature_select_strategy": "default", "torch_dtype": "float32", "vocab_size": 70,
        "vision_config": SMALL_VISION | {"model_type": "clip_vision_model", "projection_dim": 8, "vocab_size": 32},
        "text_config": SMALL | {"model_type": "llama", "rms_norm_eps": 1e-5, "torch_dtype": "float32"},
    },
    "smolvlm": {
        "architectures": ["SmolVLMForConditionalGeneration"], "model_type": "smolvlm", "image_token_id": 69,
        "scale_factor": 2, "tie_word_embeddings": False, "torch_dtype": "float32", "use_cache": False,
        "vision_config": SMALL_VISION | {"model_type": "smolvlm_vision"},
        "text_config": SMALL | {"model_type": "llama", "rms_norm_eps": 1e-5, "rope_theta": 130000.0, "pad_token_id": 2},
    },
    # One object for text and all, as published; three streams of positions.
    "qwen2-vl": QWEN | QWEN_VL_TOKENS | {
        "architectures": ["Qwen2VLForConditionalGeneration"], "model_type": "qwen2_vl", "hidden_size": 40, "head_dim": None,
        "use_sliding_window": False, "sliding_window": 8, "max_window_layers": 1, "tie_word_embeddings": True,
        "rope_theta": 1000.0, "torch_dtype": "float32", "rope_scaling": {"type": "mrope", "mrope_section": [1, 2, 2]},
        "vision_config": {"depth": 1, "embed_dim": 16, "hidden_size": 40, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14,
                          "in_chans": 3, "spatial_patch_size": 14, "model_type": "qwen2_vl"},
    },
    "qwen2-5-vl": QWEN_VL_TOKENS | {
        "architectures": ["Qwen2_5_VLForConditionalGeneration"], "model_type": "qwen2_5_vl", "tie_word_embeddings": False,
        "dtype": "float32",
        "text_config": QWEN | {
            "model_type": "qwen2_5_vl_text", "hidden_size": 40, "head_dim": None, "use_sliding_window": True,
            "sliding_window": 8, "max_window_layers": 1,
            "rope_parameters": {"rope_type": "default", "type": "default", "rope_theta": 1000.0, "mrope_section": [1, 2, 2]},
        },
        "vision_config": {"depth": 1, "hidden_size": 16, "out_hidden_size": 40, "num_heads": 2, "intermediate_size": 20,
                          "patch_size": 14, "model_type": "qwen2_5_vl_vision", "fullatt_block_indexes": [0]},
    },
    "qwen3-vl": QWEN_VL_TOKENS | {
        "architectures": ["Qwen3VLForConditionalGeneration"], "model_type": "qwen3_vl", "tie_word_embeddings": True,
        "text_config": QWEN | {
            "model_type": "qwen3_vl_text", "attention_bias": False, "rope_theta": 5000.0, "tie_word_embeddings": True,
            "rope_scaling": {"mrope_interleaved": True, "mrope_section": [2, 2, 1], "rope_type": "default"},
        },
        "vision_config": {"depth": 1, "hidden_size": 16, "out_hidden_size": 24, "num_heads": 2, "intermediate_size": 20,
                          "patch_size": 16, "model_type": "qwen3_vl", "deepstack_visual_indexes": [0],
                          "num_position_embeddings": 16},
    },
    # The dense models: full attention has larger heads, fewer of keys, and keys for values. As published.
    "gemma4": GEMMA4 | {
        "architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text", "hidden_size_per_layer_input": 0,
        "global_head_dim": 18, "num_global_key_value_heads": 1, "attention_k_eq_v": True, "final_logit_softcapping": 4.0,
    },
    # The config as transformers 5 writes it, in a wrapper without images; values of their own.
    "gemma4-unified": {
        "architectures": ["Gemma4UnifiedForConditionalGeneration"], "model_type": "gemma4_unified", "dtype": "float32",
        "vision_config": None, "audio_config": None, "tie_word_embeddings": True,
        "text_config": GEMMA4 | {
            "model_type": "gemma4_unified_text", "attention_k_eq_v": False, "use_bidirectional_attention": "vision",
            "per_layer_config": {"1": {"head_dim": 14}, "3": {"head_dim": 14}},
        },
    },
    # As E2B: the last layers use the keys and values of layers 2 and 3 and are twice as wide, and each layer has an
    # input of its own.
    "gemma4-shared": {
        "architectures": ["Gemma4ForConditionalGeneration"], "model_type": "gemma4", "dtype": "float32",
        "vision_config": None, "audio_config": None, "tie_word_embeddings": True,
        "text_config": GEMMA4 | {
            "model_type": "gemma4_text", "num_hidden_layers": 6, "num_kv_shared_layers": 2, "global_head_dim": 18,
            "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention",
                            "sliding_attention", "full_attention"],
            "hidden_size_per_layer_input": 16, "vocab_size_per_layer_input": 70, "final_logit_softcapping": 5.0,
            "use_double_wide_mlp": True,
        },
    },
}
EXPANSIONS = {
    "gqa": ([1, 2], 2), "bias": ([0, 1], 3), "mistral": ([1, 2], 2), "gemma": ([0, 2], 2), "gemma2": ([1, 2], 2),
    "gemma3": ([2, 3], 2), "gemma3-multimodal": ([5], 2), "qwen2": ([1, 2], 2), "qwen3": ([0, 2], 2),
    "phi3": ([1, 2], 3), "ministral": ([0, 1], 2), "ministral3": ([1, 2], 2), "seed-oss": ([0, 2], 2),
    "cwm": ([0, 3], 2), "smollm3": ([1, 2], 2), "smollm3-windows": ([0], 2), "vaultgemma": ([1, 2], 2),
    "granite": ([0, 2], 3), "mistral3": ([1], 2), "qwen2-vl": ([2], 2), "qwen3-vl": ([1], 2),
    "gemma4": ([1, 2], 2), "gemma4-unified": ([3], 2), "gemma4-shared": ([1, 4, 5], 2),
}
# Prefixes of published multimodal checkpoints, and what transformers 5 calls them.
AS_LLAVA = {"language_model.model.": "model.language_model.", "vision_tower.": "model.vision_tower.",
            "multi_modal_projector.": "model.multi_modal_projector.", "language_model.lm_head.": "lm_head."}
PUBLISHED_NAMES = {"gemma3-multimodal": AS_LLAVA, "mistral3": AS_LLAVA, "llava": AS_LLAVA,
                   "qwen2-vl": {"model.": "model.language_model.", "visual.": "model.visual."}}


def randomise(model, generator):
    """Random weights, norms and biases included, with logits of about +-3 at every position."""
    config = model.config.get_text_config()
    hidden = config.hidden_size
    adds_one = "gemma" in config.model_type and "gemma4" not in config.model_type
    center = 0.0 if adds_one else 1.0  # Gemma's norms multiplied by 1 + w until version 3
    with torch.no_grad():
        for place, buffer in enumerate(scales_of_layers(model).values()):
            buffer.fill_(0.7 + 0.2 * place)
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if name.endswith("norm.weight"):
                parameter.copy_(center + 0.3 * noise)
            elif name.endswith("bias") or parameter.dim() == 1:
                parameter.copy_(0.3 * noise)
            elif "embed_tokens" in name or "lm_head" in name:
                # Gemma multiplies embeddings by the square root of the hidden size.
                parameter.copy_(1.2 * noise / hidden**0.5)
            else:
                parameter.copy_(1.2 * noise / parameter.shape[1]**0.5)


def scales_of_layers(model):
    """The numbers that Gemma 4 multiplies the output of each layer by, which are not trained."""
    return {name: buffer for name, buffer in model.named_buffers() if name.endswith(".layer_scalar")}


def write_base(directory, settings, seed):
    config = settings if "model_type" in settings else LLAMA | settings
    config = {key: value for key, value in config.items() if value is not None or "cap" in key or "_config" in key}
    # The config class keeps nested values, so it gets copies.
    model = reference.auto_class(config).from_config(AutoConfig.for_model(**copy.deepcopy(config)))
    randomise(model, torch.Generator().manual_seed(seed))
    tensors = {name: tensor.detach().clone()
               for name, tensor in (*model.named_parameters(), *scales_of_layers(model).items())}
    prefixes = PUBLISHED_NAMES.get(directory.name, {})
    tensors = {published_name(name, prefixes): tensor for name, tensor in tensors.items()}
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def published_name(name, prefixes):
    for published, new in prefixes.items():
        if name.startswith(new):
            return published + name.removeprefix(new)
    return name


def load_base(directory):
    model, report = reference.auto_class(json.loads((directory / "config.json").read_text())).from_pretrained(
        directory, attn_implementation="eager", dtype=torch.float32, output_loading_info=True)
    assert not report["missing_keys"] and not report["unexpected_keys"], report
    return model.eval()


def sequences(lengths, vocabulary, generator):
    """Sequences laid end to end: ids int32 (tokens), offsets int64 (sequences + 1)."""
    offsets = torch.tensor([0, *lengths]).cumsum(0)
    ids = torch.randint(0, vocabulary, (int(offsets[-1]),), generator=generator, dtype=torch.int32)
    return ids, offsets


def learnable_sequences(lengths, vocabulary, generator):
    """Like sequences(), but three of four tokens follow from the one before, so there is something to learn."""
    ids, offsets = sequences(lengths, vocabulary, generator)
    follows = torch.rand(len(ids), generator=generator) < 0.75
    follows[offsets[:-1]] = False
    for place in follows.nonzero().flatten().tolist():
        ids[place] = (5 * int(ids[place - 1]) + 7) % vocabulary
    return ids, offsets


def write_with_settings(tensors, file, settings):
    # A single metadata key: safetensors writes several in an order that changes between runs.
    save_file(tensors, file, metadata={"settings": json.dumps(settings)})


def write_golden(directory, seed):
    model = load_base(directory)
    ids, offsets = sequences(LENGTHS, model.config.get_text_config().vocab_size, torch.Generator().manual_seed(seed))
    with torch.no_grad():
        logits = reference.flat_logits(model, ids, offsets)
    save_file({"ids": ids, "offsets": offsets, "logits": logits}, directory / "golden.safetensors")
    print(f"{directory.name}: logits std {logits.std():.2f}, {logits.min():.2f} to {logits.max():.2f}")


def check_expansion(directory, layers, k, golden):
    """Checks the reference itself: step 0 and strength 0 equal the base bit for bit, and folding agrees."""
    model = reference.expand(load_base(directory), layers, k)
    with torch.no_grad():
        start = reference.flat_logits(model, golden["ids"], golden["offsets"])
        # Products of a split projection are rounded differently.
        fused = "gate_up_proj" in str(load_base(directory))
        assert (start - golden["logits"]).abs().max() <= (1e-5 if fused else 0), "step 0 differs from the base"
        reference.perturb_copies(model, NOISE, torch.Generator().manual_seed(1))
        reference.set_strength(model, 0.0)
        off = reference.flat_logits(model, golden["ids"], golden["offsets"])
        assert torch.equal(off, start), "strength 0 differs from the base"
        for strength in (1.0, 0.6):
            reference.set_strength(model, strength)
            split = reference.flat_logits(model, golden["ids"], golden["offsets"])
            folded = reference.flat_logits(reference.fold(copy.deepcopy(model)), golden["ids"], golden["offsets"])
            difference = (split - folded).abs().max().item()
            assert difference <= 1e-5, f"folding differs by {difference}"
            print(f"{directory.name}: k={k}, strength {strength}: folded differs by {difference:.1e}")


def write_expanded(directory, layers, k, seed):
    golden = load_file(directory / "golden.safetensors")
    check_expansion(directory, layers, k, golden)
    generator = torch.Generator().manual_seed(seed)
    ids, offsets = golden["ids"], golden["offsets"]
    targets = reference.next_token_targets(ids, offsets, torch.rand(len(ids), generator=generator) < 0.7)
    model = reference.expand(load_base(directory), layers, k)
    reference.perturb_copies(model, NOISE, generator)

    logits = reference.flat_logits(model, ids, offsets)
    loss = reference.summed_loss(logits, targets) / (targets != reference.NO_TARGET).sum()
    loss.backward()
    reference.set_strength(model, 0.5)
    with torch.no_grad():
        halfway = reference.flat_logits(model, ids, offsets)

    tensors = {"ids": ids, "offsets": offsets, "targets": targets, "logits": logits.detach(),
               "loss": loss.detach().reshape(1), "logits.strength_0.5": halfway}
    for name, parameter in reference.copy_parameters(model).items():
        tensors[name] = parameter.detach()
        tensors[name + ".grad"] = parameter.grad
    write_with_settings(tensors, directory / "expanded.safetensors", {"layers": layers, "copies": k, "strength": 1.0})
    print(f"{directory.name}: expanded loss {loss.item():.4f}, "
          f"logits moved by {(logits - golden['logits']).abs().mean():.2f} on average")


def training_batches(vocabulary, generator):
    """Per step (ids, offsets, targets) of four sequences of uneven lengths."""
    batches = []
    for _ in range(TRAINING["steps"]):
        lengths = torch.randint(6, 33, (2 * MICRO_BATCH_SEQUENCES,), generator=generator).tolist()
        ids, offsets = learnable_sequences(lengths, vocabulary, generator)
        learned = torch.rand(len(ids), generator=generator) < 0.8
        batches.append((ids, offsets, reference.next_token_targets(ids, offsets, learned)))
    return batches


def micro_batches(ids, offsets, targets):
    """Splits a step's sequences into micro-batches of MICRO_BATCH_SEQUENCES."""
    pieces = []
    for first in range(0, len(offsets) - 1, MICRO_BATCH_SEQUENCES):
        part = offsets[first:first + MICRO_BATCH_SEQUENCES + 1]
        pieces.append((ids[part[0]:part[-1]], part - part[0], targets[part[0]:part[-1]]))
    return pieces


def write_training(directory, layers, k, seed):
    tensors, finals = {}, {}
    for dtype, suffix in ((torch.float32, ""), (torch.float64, ".float64")):
        model = reference.expand(load_base(directory).to(dtype), layers, k)
        batches = training_batches(model.config.get_text_config().vocab_size, torch.Generator().manual_seed(seed))
        pieces = [micro_batches(*batch) for batch in batches]
        losses, norms, rates, _ = reference.train(model, reference.copy_parameters(model), pieces, TRAINING)
        for key, values in (("losses", losses), ("grad_norms", norms), ("learning_rates", rates)):
            tensors[key + suffix] = torch.tensor(values, dtype=torch.float64)
        finals[dtype] = {n: p.detach() for n, p in reference.copy_parameters(model).items()}
    del tensors["learning_rates.float64"]
    tensors |= finals[torch.float32]
    for step, (ids, offsets, targets) in enumerate(batches):
        tensors |= {f"batch{step}.ids": ids, f"batch{step}.offsets": offsets, f"batch{step}.targets": targets}

    worst = {key: (tensors[key] - tensors[key + ".float64"]).abs().max().item() for key in ("losses", "grad_norms")}
    worst["copies"] = max((finals[torch.float32][n] - finals[torch.float64][n]).abs().max().item()
                          for n in finals[torch.float32])
    write_with_settings(tensors, directory / "training.safetensors",
                        {"layers": layers, "copies": k, "micro_batch_sequences": MICRO_BATCH_SEQUENCES,
                         "training": TRAINING, "difference_to_float64": worst})
    norms = tensors["grad_norms"]
    print(f"{directory.name}: losses {tensors['losses'][0]:.4f} to {tensors['losses'][-1]:.4f}, "
          f"norms {norms.min():.2f} to {norms.max():.2f}, float32 against float64: {worst}")


def write_retention(directory, layers, k, seed):
    """Twenty steps with a divergence term on four sequences, all of them in every step."""
    tensors = {}
    settings = TRAINING | {"learning_rate": 1e-2}  # so that the copies move far enough from the base
    for dtype, suffix in ((torch.float32, ""), (torch.float64, ".float64")):
        model = reference.expand(load_base(directory).to(dtype), layers, k)
        generator = torch.Generator().manual_seed(seed)
        batches = training_batches(model.config.vocab_size, generator)
        ids, offsets = sequences((9, 24, 3, 30), model.config.vocab_size, generator)
        retention = (RETENTION_WEIGHT, load_base(directory).to(dtype), ids, offsets)
        pieces = [micro_batches(*batch) for batch in batches]
        losses, norms, _, divergences = reference.train(model, reference.copy_parameters(model), pieces, settings,
                                                        retention)
        for key, values in (("losses", losses), ("grad_norms", norms), ("divergences", divergences)):
            tensors[key + suffix] = torch.tensor(values, dtype=torch.float64)
    tensors |= {"retention.ids": ids, "retention.offsets": offsets}
    for step, (ids, offsets, targets) in enumerate(batches):
        tensors |= {f"batch{step}.ids": ids, f"batch{step}.offsets": offsets, f"batch{step}.targets": targets}
    write_with_settings(tensors, directory / "retention.safetensors",
                        {"layers": layers, "copies": k, "micro_batch_sequences": MICRO_BATCH_SEQUENCES,
                         "training": settings, "retention_weight": RETENTION_WEIGHT})
    print(f"{directory.name}: with retention, divergences up to {max(tensors['divergences']):.4f}")


def main():
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=root / "tests/golden/models")
    output = parser.parse_args().output

    logging.disable_progress_bar()
    torch.set_num_threads(1)  # one summation order, whatever the machine has
    for seed, (name, settings) in enumerate(MODELS.items(), start=100):
        directory = output / name
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        write_base(directory, settings, seed)
        write_golden(directory, seed + 1000)
        if name in EXPANSIONS:
            write_expanded(directory, *EXPANSIONS[name], seed + 2000)
    write_training(output / "gqa", *EXPANSIONS["gqa"], seed=3000)
    write_retention(output / "gqa", *EXPANSIONS["gqa"], seed=4000)
    total = sum(file.stat().st_size for file in output.rglob("*") if file.is_file())
    assert total <= 9e6, f"{total} bytes is too much to keep in a repository"
    print(f"{output}: {total / 1000:.0f} kB")


if __name__ == "__main__":
    main()
