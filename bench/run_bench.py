#!/usr/bin/env python3
"""Measures expandft's training against transformers' full fine-tuning and PEFT's LoRA, on the CPU.

    scripts/bench --rounds 5 --write

Each round runs every program once, in turn, each as a process of its own: the same model, text,
batch, sequence length, precision (float32) and threads. Prints a Markdown table for each model;
--write also puts the tables between the markers in docs/performance.md.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

import programs
import work

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/performance.md"
BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
MODELS = ("stories260K", "random15M")
METHODS = {"expandft": "expandft, `new`, all layers, k = {copies}", "lora": "PEFT LoRA, r = {rank}, all projections",
           "full": "transformers, full fine-tuning"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path,
                        default=os.environ.get("EXPANDFT_BINARY", ROOT / "build/release/bin/expandft"),
                        help="the expandft program (default: $EXPANDFT_BINARY, or the release preset's)")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--methods", default=",".join(METHODS), help="of " + ", ".join(METHODS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, help="of a run (default: 60 for stories260K, 20 for random15M)")
    parser.add_argument("--warmup-steps", type=int, default=5, help="steps of a run that are not measured")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--copies", type=int, default=2)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between runs")
    parser.add_argument("--stories", type=Path, default=ROOT / "data/stories260K")
    parser.add_argument("--tokenizer", type=Path, default=ROOT / "tests/golden/tokenizers/mistral-v1.model",
                        help="of 32000 pieces, for random15M")
    parser.add_argument("--text", type=Path, default=ROOT / "data/tinyshakespeare.train.txt")
    parser.add_argument("--cache", type=Path, default=ROOT / "build/bench")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    options.binary = Path(options.binary).resolve()
    options.models, options.methods = options.models.split(","), options.methods.split(",")
    for chosen, known in ((options.models, MODELS), (options.methods, METHODS)):
        for name in chosen:
            if name not in known:
                parser.error(f"{name!r} found, expected one of {', '.join(known)}")
    if "expandft" in options.methods and not options.binary.is_file():
        parser.error(f"{options.binary} is not there: build expandft first, "
                     "or measure the peers with --methods lora,full")
    if options.write and not has_markers():
        parser.error(f"{PAGE.relative_to(ROOT)} with the lines {BEGIN} and {END} expected")
    return options


def has_markers(begin=BEGIN, end=END):
    text = PAGE.read_text() if PAGE.exists() else ""
    return 0 <= text.find(begin) < text.find(end)


def write_page(tables, begin=BEGIN, end=END):
    """Puts the tables between two lines of docs/performance.md."""
    text = PAGE.read_text()
    PAGE.write_text(text[:text.index(begin) + len(begin)] + "\n" + tables + "\n" + text[text.index(end):])


def prepare(name, options):
    """Makes the model and the token ids where needed; returns the job."""
    folder = options.cache.resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    model, extra = options.stories.resolve(), []
    if name == "random15M":
        model, extra = folder / "model", ["--tokenizer", options.tokenizer]
    command = [sys.executable, programs.BENCH / "make_inputs.py", "--model", model, "--text", options.text,
               "--ids", folder / "ids.npy", *extra]
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    steps = options.steps or {"stories260K": 60, "random15M": 20}[name]
    return programs.Job(model, options.text.resolve(), folder / "ids.npy", folder, options.batch, options.length, steps,
                        options.warmup_steps, options.threads, options.rank, options.copies)


def measure(name, options):
    """Runs all rounds; returns runs by method, product rates by shape, and the model's shapes."""
    job = prepare(name, options)
    shapes = work.Shapes.of_config(json.loads((job.model / "config.json").read_text()))
    tokens = job.batch * job.length
    products = [(tokens, shapes.hidden, shapes.width), (tokens, shapes.hidden, shapes.vocabulary), (1024, 1024, 1024)]
    runs, rates = {method: [] for method in options.methods}, {product: [] for product in products}
    for number in range(1, options.rounds + 1):
        for product, rate in programs.measure_products(products, job.threads, job.folder / "gemm.log").items():
            rates[product].append(rate)
        for method in options.methods:
            programs.settle(options.pause)
            run = programs.run_expandft(options.binary, job) if method == "expandft" else programs.run_peer(method, job)
            runs[method].append(run)
            print(f"{name}, round {number}, {method}: {run.tokens_per_second:.0f} tokens/s, "
                  f"{run.peak_bytes / 2**20:.0f} MiB, first step at {run.first_step_at:.1f} s", file=sys.stderr)
    return runs, rates, shapes


def multiply_adds(method, shapes, options):
    """Per token."""
    if method == "full":
        return work.full_fine_tuning(shapes, options.length)
    if method == "lora":
        return work.lora(shapes, options.length, options.rank)
    return work.new_width(shapes, options.length, lowest=0, expanded=shapes.layers, k=options.copies)


def spread(values, digits):
    """Median and range."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"


def table(name, runs, rates, shapes, options):
    speed = {method: statistics.median(run.tokens_per_second for run in of) for method, of in runs.items()}
    fastest = max(statistics.median(of) for of in rates.values())
    lines = [
        f"**{name}**: batch {options.batch} × {options.length} tokens, {options.threads} threads, float32; "
        f"median (least–most) of {options.rounds} rounds.", "",
        "| | tokens/s | × LoRA | × full | peak memory, MiB | first step, s | multiply-adds a token, M "
        "| reached, G/s | of the product rate |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for method, of in runs.items():
        against = [f"{speed[method] / speed[peer]:.2f}" if peer in speed else "" for peer in ("lora", "full")]
        adds = multiply_adds(method, shapes, options)
        reached = adds * speed[method] / 1e9
        lines.append("| " + " | ".join([
            METHODS[method].format(copies=options.copies, rank=options.rank),
            spread([run.tokens_per_second for run in of], 0), *against,
            spread([run.peak_bytes / 2**20 for run in of], 0), spread([run.first_step_at for run in of], 2),
            f"{adds / 1e6:.2f}", f"{reached:.1f}", f"{reached / fastest:.0%}"]) + " |")
    lines += ["", "Product rate in the same runs, G multiply-adds a second: " + ", ".join(
        f"{statistics.median(of):.1f} for ({rows} × {inner}) · ({inner} × {columns})"
        for (rows, inner, columns), of in rates.items()) + "; the fastest is the one compared with."]
    return "\n".join(lines)


def machine():
    model = next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                  if line.startswith("model name")), platform.machine())
    return f"Machine: {model}, {os.cpu_count()} logical processors; load {os.getloadavg()[0]:.1f} before the runs."


def main():
    options = parse_arguments()
    parts = [machine()]
    for name in options.models:
        parts.append(table(name, *measure(name, options), options))
    tables = "\n\n".join(parts)
    print(tables)
    if options.write:
        write_page(tables)


if __name__ == "__main__":
    main()
