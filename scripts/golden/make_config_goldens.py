#!/usr/bin/env python3
"""Makes tests/golden/configs: edits every field of every family's config.json, and records what transformers computes.

    python scripts/golden/make_config_goldens.py [--output tests/golden/configs] [MODEL …]

Reads the checkpoints that make_model_goldens.py wrote. Takes about ten minutes on one core for all of them.
Needs torch, transformers and safetensors. tests/golden/configs/README.md describes the files.
"""

import argparse
import copy
import json
import os
import resource
import tempfile
import warnings
from pathlib import Path

import torch
from transformers import AutoConfig
from transformers.utils import logging

from reference import auto_class

BASES = ["gqa", "bias", "llama3-rope", "linear-rope", "mistral", "gemma", "gemma2", "gemma3", "gemma3-nested",
         "gemma3-multimodal", "qwen2", "qwen3", "phi3", "ministral", "ministral3", "seed-oss", "cwm", "internlm3",
         "smollm3-windows", "vaultgemma", "granite", "mistral3", "llava", "smolvlm", "qwen2-vl", "qwen2-5-vl", "qwen3-vl",
         "gemma4", "gemma4-unified"]
ABSENT = {"absent": True}  # instead of a value: removes the field
FAMILIES = ["llama", "mistral", "gemma", "gemma2", "gemma3_text", "gemma3", "qwen2", "qwen3", "phi3"]
LENGTHS = (40, 12)  # longer and shorter than every window and LongRoPE's original context
# transformers' own bookkeeping, and fields that load other code or depend on what is installed.
NOT_EDITED = {"model_type", "attn_implementation", "_attn_implementation", "auto_map"}
ACTIVATIONS = ["silu", "swish", "gelu", "gelu_new", "gelu_pytorch_tanh", "quick_gelu", "relu", "none"]
LINEAR, LLAMA3 = {"rope_type": "linear", "factor": 4.0}, {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16, "rope_theta": 10000.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
DEFAULT = {"rope_type": "default", "rope_theta": 500.0}
# Values to try for a field, besides those derived from its present value.
VALUES = {
    "hidden_act": ACTIVATIONS, "hidden_activation": ACTIVATIONS, "rms_norm_eps": [0.05], "sliding_window": [3, 9, "3"],
    "head_dim": [6, 8, 10, 12, 16], "num_key_value_heads": [1, 2, 3, 4], "max_position_embeddings": [64, 512],
    "original_max_position_embeddings": [8, 64], "max_window_layers": [0, 1, 2], "partial_rotary_factor": [0.5, 1, 2.0],
    "rope_theta": [500, 500.0, "500"], "rope_local_base_freq": [77.0, "77"], "sliding_window_pattern": [2, 3],
    "query_pre_attn_scalar": [7, 9.5], "attn_logit_softcapping": [1.5], "final_logit_softcapping": [1.5],
    "pad_token_id": [3, 10**6, -1], "bos_token_id": [3, 10**6, -1], "eos_token_id": [3, [3, 4], 10**6, -1],
    "dtype": ["bfloat16", "float16", "torch.float32", "unknown"], "torch_dtype": ["bfloat16", "unknown"],
    "is_causal": [True, False, None, 0, 1, "", "false"], "use_bidirectional_attention": [True, False, 0, "true"],
    "tie_word_embeddings": [True, False, 0], "use_sliding_window": [True, False, 1], "sliding_window_size": [3],
    "rope_scaling": [LINEAR, LLAMA3, YARN, DEFAULT, {"type": "linear", "factor": 4.0}, {"type": "dynamic", "factor": 4.0},
                     {"rope_type": "proportional", "partial_rotary_factor": 0.5}, {"rope_type": "mrope"}, {"factor": 4.0},
                     {"type": "default", "mrope_section": [1, 2, 2]}, {**YARN, "mscale": 0.7, "mscale_all_dim": 0.4},
                     {**YARN, "mscale": 0.7}, {**YARN, "attention_factor": 1.3}, {**YARN, "truncate": False},
                     {**YARN, "beta_fast": 8, "beta_slow": 2}, {**YARN, "beta_fast": None}, {**YARN, "unknown": 3},
                     {**LINEAR, "rope_theta": 333.0}, {**LINEAR, "unknown": 3}, {**LINEAR, "type": "yarn"},
                     {**LINEAR, "factor": "4.0"}, {**LINEAR, "factor": None}, {**LINEAR, "factor": -1.0},
                     {**LINEAR, "factor": 0}, {**LINEAR, "factor": 0.5}, {**LINEAR, "partial_rotary_factor": 0.5},
                     {**LINEAR, "original_max_position_embeddings": 16}, {**LLAMA3, "low_freq_factor": 4.0},
                     {"full_attention": LINEAR, "sliding_attention": DEFAULT}, {"full_attention": LINEAR}],
    "layer_types": [["full_attention"], ["full_attention"] * 2, ["full_attention"] * 3, ["full_attention"] * 4,
                    ["sliding_attention"] * 2, ["sliding_attention"] * 3, ["sliding_attention"] * 4,
                    ["full_attention", "sliding_attention"], ["full_attention", "sliding_attention", "full_attention"],
                    ["full_attention", "chunked_attention", "full_attention"], ["attention"] * 3, "full_attention"],
    "per_layer_config": [{"0": {"intermediate_size": 20}}, {"1": {"rms_norm_eps": 0.05}}, {"0": {"hidden_act": "gelu"}},
                         {"0": {"skip": ["mlp"]}}, {"0": {}}, []],
    "quantization_config": [{"quant_method": "gptq", "bits": 4}, {}], "problem_type": ["regression", "unknown"],
    "id2label": [{"0": "A", "1": "B"}], "num_labels": [3], "architectures": [["Other"], "Other", []],
    "attention_chunk_size": [4], "num_hidden_layers": [1, 2, 3, 4],
}
# Fields that no family here has: those of other families, of other programs, and invented ones.
FOREIGN = {
    "num_experts": 4, "num_local_experts": 4, "n_routed_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 8,
    "decoder_sparse_step": 2, "mlp_only_layers": [0], "router_aux_loss_coef": 0.1, "output_router_logits": True,
    "logit_scale": 0.5, "logits_scaling": 2.0, "embedding_multiplier": 2.0, "residual_multiplier": 0.5,
    "attention_multiplier": 0.5, "scale_emb": 12, "scale_depth": 1.4, "dim_model_base": 16, "clip_qkv": 8.0,
    "qk_layernorm": True, "use_qk_norm": True, "alibi": True, "no_rope_layers": [0, 1, 1], "no_rope_layer_interval": 2,
    "attn_temperature_tuning": True, "use_mrope": True, "q_lora_rank": 8, "kv_lora_rank": 8, "rope_interleaved": True,
    "use_parallel_residual": True, "parallel_attn": True, "layer_norm_eps": 1e-5, "norm_eps": 1e-5, "lm_head_bias": True,
    "bias": True, "qkv_bias": True, "use_bias": True, "add_cross_attention": True, "is_decoder": True,
    "is_encoder_decoder": True, "cross_attention_hidden_size": 8, "num_kv_shared_layers": 1, "rotary_dim": 4,
    "rotary_pct": 0.5, "position_embedding_type": "absolute", "attention_sink_size": 4, "sink_token": True,
    "layerdrop": 0.5, "hidden_dropout": 0.1, "resid_pdrop": 0.1, "embd_pdrop": 0.1, "attention_dropout": 0.1,
    "initializer_range": 0.5, "use_cache": False, "pretraining_tp": 2, "return_dict": False, "torchscript": True,
    "output_hidden_states": True, "output_attentions": True, "gradient_checkpointing": True, "_name_or_path": "x/y",
    "name_or_path": "x/y", "transformers_version": "4.1", "cache_implementation": "hybrid", "temperature": 0.5,
    "max_length": 20, "num_nextn_predict_layers": 1, "chunk_size_feed_forward": 4, "tie_encoder_decoder": True,
    "classifier_dropout": 0.1, "task_specific_params": {"a": 1}, "finetuning_task": "x", "unsloth_version": "2025.1",
    "use_flash_attn": True, "model_max_length": 64, "sep_token_id": 3, "compression_config": {"format": "dense"},
    "adapter_config": {"r": 4}, "fused_experts": True, "_sliding_window_pattern": 3, "is_causal": False,
    "rope_scaling": LINEAR, "rope_parameters": LINEAR, "rope_theta": 500.0, "partial_rotary_factor": 0.5,
    "rope_local_base_freq": 500.0, "sliding_window_pattern": 3, "per_layer_config": {"0": {"intermediate_size": 20}},
    "attention_chunk_size": 4, "quantization_config": {"bits": 4}, "torch_dtype": "bfloat16", "dtype": "bfloat16",
    "num_labels": 3, "mtp_layer_types": ["full_attention"], "layer_intermediate": [1], "nobody_knows": 3,
    "nobody_knows_either": "text", "nor_this": {"a": 1}, "use_deterministic_attn": True,
    "transformers_weights": "other.safetensors", "configuration_files": ["config.4.0.0.json"],
    "text_config": {"hidden_size": 8}, "decoder": {"hidden_size": 8}, "vision_config": {"hidden_size": 8},
}
# Without a text_config, multimodal models have billions of parameters. No weights fit them, so an edit that needs more
# memory than this is refused either way.
MEMORY = 6 << 30
BY_DEFAULT = {"is_causal": True}  # fields that transformers reads and no config class has


def fields_of(model_type):
    """Every field that transformers' config class of a family has, with its default."""
    fields = json.loads(json.dumps(AutoConfig.for_model(model_type).to_dict()))
    return {key: value for key, value in fields.items() if key not in NOT_EDITED | {"text_config", "vision_config"}}


def other_values(key, value):
    """Values to try instead of `value`."""
    out = list(VALUES.get(key, []))
    if isinstance(value, bool):
        out += [not value, str(value).lower(), int(value)]
    elif isinstance(value, int):
        out += [value + 1, value * 2, 0, -value, float(value), str(value)]
    elif isinstance(value, float):
        out += [value * 2, 0.0, -value, str(value), int(value)]
    elif isinstance(value, str):
        out += ["unknown", "", 1]
    elif isinstance(value, list):
        out += [[], value[:-1], value + value[-1:], "text"] + ([[str(value[0])] + value[1:], [-1.0] + value[1:]] if value else [])
    elif isinstance(value, dict):
        out += [{}, "text", [1], {**value, "unknown": 3}]
    else:
        out += [1.0 if key.endswith("softcapping") else 1, 0.5, True, "text"]
    return out + [None, [], ABSENT]


def path_of(*keys):
    return "".join("/" + key for key in keys)


def nested_edits(config, prefix):
    """Edits inside the RoPE objects."""
    for key, value in config.items():
        if not key.startswith("rope_") or not isinstance(value, dict):
            continue
        for inner, old in value.items():
            if isinstance(old, dict):
                yield {path_of(*prefix, key, inner): None}
                yield {path_of(*prefix, key, inner): ABSENT}
                for part, oldest in {**old, "factor": 3.0, "partial_rotary_factor": 0.5}.items():
                    for new in other_values(part, oldest):
                        yield {path_of(*prefix, key, inner, part): new}
            else:
                for new in other_values(inner, old):
                    yield {path_of(*prefix, key, inner): new}
        for foreign in ["factor", "rope_theta", "mscale", "attention_factor", "beta_fast", "truncate", "short_factor",
                        "partial_rotary_factor", "original_max_position_embeddings", "type", "rope_type"]:
            new = {"truncate": False, "short_factor": [1.0], "type": "yarn", "rope_type": "yarn",
                   "original_max_position_embeddings": 8}.get(foreign, 0.5)
            if foreign not in value:
                yield {path_of(*prefix, key, foreign): new}


def joint_edits(prefix):
    """Combinations of fields that belong together or contradict each other."""
    def at(**fields):
        return {path_of(*prefix, key): value for key, value in fields.items()}

    nested = {"full_attention": {**LINEAR, "rope_theta": 400.0}, "sliding_attention": DEFAULT}
    yield at(rope_scaling=LINEAR, rope_parameters=DEFAULT)
    yield at(rope_scaling=LINEAR, rope_parameters={**LINEAR, "rope_theta": 500.0})
    yield at(rope_scaling=LINEAR, rope_parameters=LINEAR)
    yield at(rope_scaling=YARN, rope_parameters=DEFAULT, rope_theta=300.0)
    yield at(rope_scaling={}, rope_parameters=LINEAR)
    yield at(rope_scaling=None, rope_parameters=LINEAR, rope_theta=300.0)
    yield at(rope_scaling=None, rope_parameters=DEFAULT, rope_theta=300.0)
    yield at(rope_scaling=DEFAULT, rope_parameters=LINEAR)
    yield at(rope_scaling=LINEAR, rope_parameters=nested)
    yield at(rope_scaling=None, rope_parameters=nested)
    yield at(rope_scaling=ABSENT, rope_parameters={"full_attention": LINEAR, "sliding_attention": None})
    yield at(rope_scaling=ABSENT, rope_parameters={"full_attention": LINEAR, "sliding_attention": LINEAR, "other": 3})
    yield at(rope_scaling=ABSENT, rope_parameters={"full_attention": {**YARN}, "sliding_attention": LLAMA3})
    yield at(rope_scaling=YARN, original_max_position_embeddings=16)
    yield at(rope_scaling={"rope_type": "yarn", "factor": 4.0}, rope_parameters=ABSENT, original_max_position_embeddings=16)
    yield at(rope_scaling={"rope_type": "yarn", "factor": 4.0}, rope_parameters=ABSENT)
    yield at(hidden_act="silu", hidden_activation="gelu")
    yield at(hidden_act="gelu", hidden_activation="silu")
    yield at(hidden_act="gelu", hidden_activation="gelu_pytorch_tanh")
    yield at(hidden_act=ABSENT, hidden_activation="silu")
    yield at(hidden_act="silu", hidden_activation=ABSENT)
    yield at(torch_dtype="float16", dtype="bfloat16")
    yield at(use_sliding_window=True, sliding_window=5, max_window_layers=1)
    yield at(use_sliding_window=True, sliding_window=5, max_window_layers=0)
    yield at(use_sliding_window=True, sliding_window=None, max_window_layers=1)
    for layers in (2, 3, 4):
        types = ["sliding_attention", "full_attention"] * 2
        yield at(layer_types=types[:layers], sliding_window=5)
        yield at(layer_types=types[:layers], sliding_window=5, use_sliding_window=True)
        yield at(layer_types=types[:layers], sliding_window=None)
        yield at(layer_types=types[:layers], sliding_window_pattern=3, _sliding_window_pattern=3)
    if prefix:
        for inner in (True, False):
            for outer in (True, False, None, ABSENT):
                yield {"/tie_word_embeddings": outer, **at(tie_word_embeddings=inner)}


def edits_of(config):
    """Every edit of a config.json, each once: {JSON pointer: value}, ABSENT to remove a field."""
    foreign = dict(FOREIGN)
    for family in FAMILIES:
        for key, value in fields_of(family).items():
            foreign.setdefault(key, value)
    parts = [((), config["model_type"], config)]
    if "text_config" in config:
        parts.append((("text_config",), config["text_config"]["model_type"], config["text_config"]))
    found = []
    for prefix, model_type, part in parts:
        own = {**fields_of(model_type), **BY_DEFAULT, **part}
        for key, value in own.items():
            if key in NOT_EDITED | {"text_config", "vision_config"}:
                continue
            found += [{path_of(*prefix, key): new} for new in other_values(key, value)]
        for key, value in foreign.items():
            if key not in own:
                found += [{path_of(*prefix, key): new} for new in [value, *VALUES.get(key, [])]]
        if prefix or "text_config" not in config:
            found += [*nested_edits(part, prefix), *joint_edits(prefix)]
    if "text_config" in config:
        found += [{"/text_config": value} for value in (None, {}, "text", ABSENT)]
        found += [{"/text_config/model_type": value} for value in ("llama", None, ABSENT)]
    unique = {json.dumps(edit, sort_keys=True): edit for edit in found}
    return [edit for edit in unique.values() if edited(config, edit) != config]


def edited(config, edit):
    config = copy.deepcopy(config)
    for pointer, value in edit.items():
        *parents, key = pointer.split("/")[1:]
        place = config
        for parent in parents:
            place = place[parent]
        if value == ABSENT:
            place.pop(key, None)
        else:
            place[key] = copy.deepcopy(value)
    return config


def log_probs(directory, ids):
    """The log-probability of each next token; None if transformers refuses the config or a weight is missing."""
    try:
        config = json.loads(Path(directory, "config.json").read_text())
        model, report = auto_class(config).from_pretrained(
            directory, dtype=torch.float32, attn_implementation="eager", trust_remote_code=False, output_loading_info=True)
        if report["missing_keys"] or report["mismatched_keys"]:
            return None
        with torch.no_grad():
            found = []
            for sequence in ids:
                logits = model.eval()(sequence[None], use_cache=False, return_dict=True).logits[0].float()
                found.append(logits.log_softmax(-1)[:-1].gather(1, sequence[1:, None])[:, 0])
            return torch.cat(found)
    except Exception:  # any error: the user gets no logits
        return None


def write_goldens(model, output):
    torch.manual_seed(0)
    config = json.loads((model / "config.json").read_text())
    vocabulary = config.get("text_config", config)["vocab_size"]
    ids = [torch.randint(3, min(vocabulary, 60), (length,)) for length in LENGTHS]
    outcomes = {"same": [], "refused": [], "changed": []}
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(model / "model.safetensors", Path(folder, "model.safetensors"))

        def outcome_of(text):
            Path(folder, "config.json").write_text(text)
            return log_probs(folder, ids)

        unedited = outcome_of(json.dumps(config))
        for edit in edits_of(config):
            found = outcome_of(json.dumps(edited(config, edit)))
            if found is None or not found.isfinite().all():
                outcomes["refused"].append(edit)
            elif torch.equal(found, unedited):
                outcomes["same"].append(edit)
            else:
                outcomes["changed"].append([edit, [round(number, 4) for number in found.tolist()]])
    write_lines(output / f"{model.name}.json", ids, unedited, outcomes)
    print(f"{model.name}: " + ", ".join(f"{len(edits)} {kind}" for kind, edits in outcomes.items()), flush=True)


def write_lines(file, ids, unedited, outcomes):
    """JSON with one line per edit."""
    def text(value):
        return json.dumps(value, separators=(",", ":"))

    parts = [f'"ids":{text([sequence.tolist() for sequence in ids])}',
             f'"unedited":{text([round(number, 4) for number in unedited.tolist()])}']
    parts += [f'"{kind}":[\n' + ",\n".join(text(edit) for edit in edits) + "]" for kind, edits in outcomes.items()]
    file.write_text("{" + ",\n".join(parts) + "}\n")


def main():
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=BASES, help="of tests/golden/models")
    parser.add_argument("--output", type=Path, default=root / "tests/golden/configs")
    arguments = parser.parse_args()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name in arguments.models:
        write_goldens(root / "tests/golden/models" / name, arguments.output)
    size = sum(file.stat().st_size for file in arguments.output.glob("*.json"))
    print(f"{arguments.output}: {size // 1000} kB")


if __name__ == "__main__":
    main()
