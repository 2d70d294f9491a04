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

import gemma3
from watch import run_watched, timed_copy

ROOT = Path(__file__).resolve().parents[1]
DISK_BYTES = 14e9


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
    gemma3.make_model("gemma3-1b", model)
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
