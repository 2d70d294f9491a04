#!/usr/bin/env python3
"""Runs every command on a model with the exact shape of Gemma 3 1B and random weights, on the CPU.

    scripts/gemma3-1b --scratch /big/disk/gemma

Makes the checkpoint (2 GB), then inspects, expands, dry-runs, trains three steps and merges, and
prints a Markdown table: seconds, CPU seconds of all threads, peak memory beyond mapped files, peak
resident memory, and the seconds that a copy of the written weights takes on the same disk (dd,
synced) right afterwards. Training needs about 10 GB of memory; the folder, 14 GB. Fails when a merge
or an expansion exceeds --limit.
"""

import argparse
import filecmp
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

from watch import run_watched, timed_copy

ROOT = Path(__file__).resolve().parents[1]
DISK_BYTES = 14e9
PARAMETERS = 999_885_952  # like the published checkpoint

# The fields of the published config.json that determine the arithmetic.
CONFIG = {
    "architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "torch_dtype": "bfloat16",
    "vocab_size": 262144, "hidden_size": 1152, "intermediate_size": 6912, "num_hidden_layers": 26,
    "num_attention_heads": 4, "num_key_value_heads": 1, "head_dim": 256, "query_pre_attn_scalar": 256,
    "sliding_window": 512, "sliding_window_pattern": 6, "rope_theta": 1000000, "rope_local_base_freq": 10000,
    "rope_scaling": None, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06,
    "hidden_activation": "gelu_pytorch_tanh", "attention_bias": False, "attention_dropout": 0.0,
    "attn_logit_softcapping": None, "final_logit_softcapping": None, "initializer_range": 0.02,
    "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0, "use_cache": True,
}


def parse_arguments():
    parser = argparse.ArgumentParser(prog="scripts/gemma3-1b", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path,
                        default=os.environ.get("EXPANDFT_BINARY", ROOT / "build/release/bin/expandft"),
                        help="the expandft program (default: $EXPANDFT_BINARY, or the release preset's)")
    parser.add_argument("--scratch", type=Path,
                        help="folder to work in; the model made there stays and is used again (default: a "
                             "temporary one)")
    parser.add_argument("--steps", type=int, default=3, help="of training (default: 3)")
    parser.add_argument("--length", type=int, default=64, help="tokens of a sequence (default: 64)")
    parser.add_argument("--batch", type=int, default=2, help="sequences of a step (default: 2)")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--limit", type=float, default=1.3,
                        help="GB beyond mapped files that expand and merge may take (default: 1.3)")
    parser.add_argument("--only", default="inspect,expand,dry-run,train,merge",
                        help="steps to run (default: all of inspect,expand,dry-run,train,merge)")
    options = parser.parse_args()
    options.binary = Path(options.binary).resolve()
    if not options.binary.is_file():
        parser.error(f"{options.binary} does not exist: cmake --workflow --preset release builds it, or give --binary")
    return options


def tensor_shapes():
    """The checkpoint's tensors, by name."""
    c = CONFIG
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


def make_model(directory):
    """Writes the model unless it exists. Norms are near the identity, the rest is initialised as usual."""
    if (directory / "config.json").is_file():
        return
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(1)
    directory.mkdir(parents=True)
    tensors = {name: torch.empty(shape, dtype=torch.bfloat16).normal_(0, CONFIG["initializer_range"])
               for name, shape in tensor_shapes().items()}
    assert sum(tensor.numel() for tensor in tensors.values()) == PARAMETERS
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    shutil.copy(ROOT / "tests/golden/tokenizers/gemma-test.model", directory / "tokenizer.model")
    (directory / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n")


def write_config(folder, model, options):
    file = folder / "run.json"
    file.write_text(json.dumps({
        "model": str(model), "output": str(folder / "run"),
        "expansion": {"layers": "last:9", "copies": 2}, "method": "new",
        "data": {"train": str(ROOT / "data/tinyshakespeare.train.txt"), "max_length": options.length},
        "training": {"max_steps": options.steps, "batch_size": options.batch, "learning_rate": 1e-4,
                     "seed": 1}}, indent=2) + "\n")
    return file


class Table:
    """Runs the commands and records a row for each."""

    def __init__(self, options, scratch):
        self.options, self.scratch, self.rows, self.over = options, scratch, [], []

    def step(self, name, *arguments, output=None, limited=False):
        """`output`: the model directory that the command writes."""
        if name not in self.options.only.split(","):
            return
        print(f"==> {name}", file=sys.stderr, flush=True)
        command = [self.options.binary, *arguments, "--device", "cpu", "--threads", self.options.threads]
        seen = run_watched(command)
        if seen.returncode != 0:
            sys.exit(f"error: {name} ended with {seen.returncode}\n{seen.stderr}")
        print(seen.stdout, file=sys.stderr, flush=True)
        row = [name, f"{seen.seconds:.1f}", f"{seen.cpu_seconds:.1f}", f"{seen.anonymous / 1e9:.2f}",
               f"{seen.resident / 1e9:.2f}"]
        if output:
            weights = output / "model.safetensors"
            copying = timed_copy(weights, self.scratch / "copy")
            row += [f"{weights.stat().st_size / 1e9:.2f}", f"{copying:.1f}", f"{seen.seconds / copying:.2f}"]
        self.rows.append(row + [""] * (8 - len(row)))
        print(self.line(self.rows[-1]), file=sys.stderr, flush=True)
        if limited and seen.anonymous > self.options.limit * 1e9:
            self.over.append(f"{name} took {seen.anonymous / 1e9:.2f} GB beyond mapped files")

    def text(self):
        head = ["step", "seconds", "CPU seconds", "beyond mapped files, GB", "resident, GB", "written, GB",
                "copy, seconds", "step / copy"]
        return "\n".join(map(self.line, [head, ["---"] * len(head), *self.rows]))

    @staticmethod
    def line(cells):
        return "| " + " | ".join(cells) + " |"


def run_steps(options, scratch):
    free = shutil.disk_usage(scratch).free
    if free < DISK_BYTES:
        sys.exit(f"error: {free / 1e9:.1f} GB free in {scratch}, expected {DISK_BYTES / 1e9:.0f} GB")
    model = scratch / "model"
    print("==> the model", file=sys.stderr, flush=True)
    make_model(model)
    config = write_config(scratch, model, options)
    table = Table(options, scratch)
    expanded, merged, run = scratch / "out/expanded", scratch / "out/merged", scratch / "run"
    (scratch / "out").mkdir(exist_ok=True)

    table.step("inspect", "inspect", model)
    table.step("expand", "expand", "--model", model, "--layers", "last:9", "--output", expanded, "--force",
               output=expanded, limited=True)
    shutil.rmtree(expanded, ignore_errors=True)
    table.step("dry-run", "train", "--dry-run", "--config", config)
    table.step("train", "train", "--restart", "--config", config, output=run / "merged")
    table.step("merge", "merge", "--model", model, "--adapter", run / "adapter", "--output", merged, "--force",
               output=merged, limited=True)
    if merged.is_dir() and (run / "merged").is_dir():
        same = filecmp.cmp(merged / "model.safetensors", run / "merged/model.safetensors", shallow=False)
        print(f"merge and train wrote {'the same' if same else 'DIFFERENT'} weights", file=sys.stderr)
    shutil.rmtree(scratch / "out")
    print(table.text())
    if table.over:
        sys.exit("error: " + "; ".join(table.over))


def main():
    options = parse_arguments()
    if options.scratch:
        options.scratch.mkdir(parents=True, exist_ok=True)
        run_steps(options, options.scratch.resolve())
        return
    with tempfile.TemporaryDirectory(prefix="gemma3-1b-") as scratch:
        run_steps(options, Path(scratch))


if __name__ == "__main__":
    main()
