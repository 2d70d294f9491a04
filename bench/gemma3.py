"""Checkpoints with the exact shapes of Gemma 3's text models and random weights."""

import json
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# The fields of the published config.json files that determine the arithmetic.
COMMON = {
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "torch_dtype": "bfloat16",
    "vocab_size": 262144, "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256,
    "query_pre_attn_scalar": 256, "sliding_window": 512, "sliding_window_pattern": 6, "rope_theta": 1000000,
    "rope_local_base_freq": 10000, "rope_scaling": None, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
    "hidden_activation": "gelu_pytorch_tanh", "attention_bias": False, "attention_dropout": 0.0,
    "attn_logit_softcapping": None, "final_logit_softcapping": None, "initializer_range": 0.02,
    "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "use_cache": True,
}
CONFIGS = {
    "gemma3-270m": COMMON | {"hidden_size": 640, "intermediate_size": 2048, "num_hidden_layers": 18},
    "gemma3-1b": COMMON | {"hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26},
}
PARAMETERS = {"gemma3-270m": 268_098_176, "gemma3-1b": 999_885_952}  # like the published checkpoints


def tensor_shapes(config):
    """The checkpoint's tensors, by name."""
    c = config
    h, p, d = c["hidden_size"], c["intermediate_size"], c["head_dim"]
    q, kv = c["num_attention_heads"] * d, c["num_key_value_heads"] * d
    shapes = {"model.embed_tokens.weight": (c["vocab_size"], h), "model.norm.weight": (h,)}
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        for norm in ("input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm",
                     "post_feedforward_layernorm"):
            shapes[f"{layer}{norm}.weight"] = (h,)
        attention = {"q_proj": (q, h), "k_proj": (kv, h), "v_proj": (kv, h), "o_proj": (h, q), "q_norm": (d,),
                     "k_norm": (d,)}
        shapes |= {f"{layer}self_attn.{name}.weight": shape for name, shape in attention.items()}
        mlp = {"gate_proj": (p, h), "up_proj": (p, h), "down_proj": (h, p)}
        shapes |= {f"{layer}mlp.{name}.weight": shape for name, shape in mlp.items()}
    return shapes


def make_model(name, directory):
    """Writes the model of CONFIGS unless it exists, with a small tokenizer like Gemma's.

    Norms are near the identity, the rest is initialised as usual.
    """
    if (directory / "config.json").is_file():
        return
    import torch
    from safetensors.torch import save_file

    config = CONFIGS[name]
    torch.manual_seed(1)
    directory.mkdir(parents=True)
    tensors = {tensor: torch.empty(shape, dtype=torch.bfloat16).normal_(0, config["initializer_range"])
               for tensor, shape in tensor_shapes(config).items()}
    assert sum(tensor.numel() for tensor in tensors.values()) == PARAMETERS[name]
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(ROOT / "tests/golden/tokenizers/gemma-test.model", directory / "tokenizer.model")
    (directory / "config.json").write_text(json.dumps(config, indent=2) + "\n")
