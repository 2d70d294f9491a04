"""Helpers for the tests on tests/golden/models: loading with transformers, logits, copies in other dtypes."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

MODELS = Path(__file__).parent / "models"
NAMES = sorted(directory.name for directory in MODELS.iterdir() if directory.is_dir())
# One of each way in which checkpoints store MLPs: plain, with biases, under a prefix, fused.
STORED_APART = ["gqa", "bias", "gemma3-multimodal", "phi3"]

sys.path.append(str(Path(__file__).parents[2] / "scripts/golden"))
from reference import auto_class, flat_logits  # noqa: E402

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def read_config(directory):
    return json.loads((Path(directory) / "config.json").read_text())


def intermediate_size(directory):
    config = read_config(directory)
    return config.get("text_config", config)["intermediate_size"]


def golden(name):
    """ids (N), offsets (S + 1) and the base's logits (N, V)."""
    return load_file(MODELS / name / "golden.safetensors")


def load_in_transformers(directory):
    """The model in stock transformers, float32, no remote code; every tensor must be used."""
    model, report = auto_class(read_config(directory)).from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", trust_remote_code=False,
        output_loading_info=True)
    assert {kind: found for kind, found in report.items() if found} == {}
    return model.eval()


@torch.no_grad()
def logits_of(directory, ids, offsets):
    return flat_logits(load_in_transformers(directory), ids, offsets)


def cast_model(source, target, dtype):
    """Writes the model directory `source` as `target`, its tensors and config in another dtype."""
    target.mkdir()
    config = read_config(source)
    config["dtype" if "dtype" in config else "torch_dtype"] = dtype
    (target / "config.json").write_text(json.dumps(config))
    tensors = {name: tensor.to(DTYPES[dtype]) for name, tensor in load_file(source / "model.safetensors").items()}
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return target


def tensors_of(directory):
    """All tensors of a model directory, sharded or not."""
    tensors = {}
    for file in sorted(Path(directory).glob("model*.safetensors")):
        tensors |= load_file(file)
    assert tensors, f"{directory} holds no weights"
    return tensors


def describe_difference(expected, found):
    """'' if two tensors have the same dtype, shape and bytes, else what differs."""
    if expected.dtype != found.dtype or expected.shape != found.shape:
        return f"{expected.dtype} {tuple(expected.shape)} became {found.dtype} {tuple(found.shape)}"
    if torch.equal(expected.contiguous().view(torch.uint8), found.contiguous().view(torch.uint8)):
        return ""
    changed = expected != found
    if not changed.any():
        return "zeros changed sign"
    return (f"{int(changed.sum())} of {changed.numel()} values differ, by at most "
            f"{(expected.double() - found.double()).abs().max():.3g}; the greatest of them is "
            f"{expected[changed].abs().max():.3g}")
