#!/usr/bin/env python3
"""Measures expandft's evaluation against lm-evaluation-harness with transformers, on the CPU.

    scripts/bench-eval --data DIR --rows 100 --write
    scripts/bench-eval --model DIR --data DIR --rows 200

Each round runs both programs in turn on the same rows with the same threads: expandft once per task in each of
--precisions, the harness once for each batch size of --batch-sizes and each of --dtypes; for each task, the best of
each counts. The model
is that of --model, or a random one of 15 M weights. The time of both is that from reading the rows to the metrics,
without loading the model; the table also has the time of expandft's whole process. Prints a Markdown table; --write
also puts it between the markers in docs/performance.md. Fails if the two do not find the same log-likelihoods in
float32.

--data is a folder of <task>.jsonl, with the fields of the published data sets or with ready-made prompts. The default is
the slices in tests/golden/tasks, which are too small for published figures.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

import device
import eval_inputs
import page
import programs
import tables

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/performance.md"
PLACE = "eval-bench"
ORACLE = ROOT / "tests/golden/lm_eval_oracle.py"
# The largest difference of a log-likelihood, in nats, that counts as equal.
SAME = 1e-2


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path,
                        default=os.environ.get("EXPANDFT_BINARY", ROOT / "build/release/bin/expandft"),
                        help="the expandft program (default: $EXPANDFT_BINARY, or the release preset's)")
    parser.add_argument("--data", type=Path, default=ROOT / "tests/golden/tasks")
    parser.add_argument("--model", type=Path, help="a Hugging Face model directory (default: a random model)")
    parser.add_argument("--rows", type=int, default=100, help="number of rows per task, from the first")
    parser.add_argument("--tasks", default=",".join(eval_inputs.TASKS))
    parser.add_argument("--batch-sizes", default="1,16,auto", help="batch sizes of the harness")
    parser.add_argument("--dtypes", default="float32", help="dtypes of the harness's model")
    parser.add_argument("--precisions", default="float32", help="precisions of expandft, float32 among them")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between runs")
    parser.add_argument("--cache", type=Path, default=ROOT / "build/bench")
    parser.add_argument("--write", action="store_true", help="write the table into docs/performance.md")
    options = parser.parse_args()
    options.binary, options.data = Path(options.binary).resolve(), options.data.resolve()
    options.tasks, options.batch_sizes = options.tasks.split(","), options.batch_sizes.split(",")
    # What the harness is run with; float32 first.
    options.ways = [(size, dtype) for dtype in options.dtypes.split(",") for size in options.batch_sizes]
    options.precisions = options.precisions.split(",")
    if "float32" not in options.precisions:
        parser.error("--precisions must have float32, in which log-likelihoods are compared")
    for name in options.tasks:
        if name not in eval_inputs.TASKS:
            parser.error(f"{name!r} found, expected one of {', '.join(eval_inputs.TASKS)}")
    if not options.binary.is_file():
        parser.error(f"{options.binary} does not exist: build expandft first")
    if options.model and not options.model.is_dir():
        parser.error(f"{options.model} is no directory")
    if options.write and (missing := page.missing_markers(PAGE, [PLACE])):
        parser.error(missing)
    return options


def prepare(options):
    """Makes the rows, and the model unless there is one; returns the folders of both, and the number of rows by task."""
    model, data = (options.cache.resolve() / name for name in ("eval-model", "eval-data"))
    for directory in (model, data):
        directory.mkdir(parents=True, exist_ok=True)
    rows = {task: eval_inputs.prepare(task, options.data, data, options.rows) for task in options.tasks}
    if options.model:
        return options.model.resolve(), data, rows
    command = [sys.executable, programs.BENCH / "make_inputs.py", "--name", "random15M", "--model", model,
               "--text", ROOT / "data/tinyshakespeare.valid.txt", "--ids", data / "ids.npy"]
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    command = [sys.executable, programs.BENCH / "tokenizer_json.py", model]
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    return model, data, rows


def run_expandft(task, precision, model, data, options):
    """(seconds of the evaluation, of the process, log-likelihoods in the rows' order)."""
    examples = data / f"{task}.examples.jsonl"
    command = [options.binary, "eval", "--model", model, "--tasks", task, "--task-data", data, "--no-cache",
               "--examples", examples, "--device", "cpu", "--precision", precision, "--threads", options.threads]
    start = time.monotonic()
    programs.run_measured(command, options.threads, data / "expandft.log")
    seconds = time.monotonic() - start
    # "task: 100 examples, … (0.05 s)" and "MODEL on task: acc … (1.02 s)".
    parts = re.findall(rf"\b{task}: .*\(([0-9.]+) s\)$", (data / "expandft.log").read_text(), re.MULTILINE)
    if len(parts) != 2:
        raise SystemExit(f"two durations expected in {data / 'expandft.log'}, found {len(parts)}")
    return sum(map(float, parts)), seconds, [json.loads(line)["log_probs"] for line in examples.read_text().splitlines()]


def run_harness(batch_size, dtype, model, data, options):
    """({task: seconds of its evaluation}, {task: log-likelihoods}, seconds of the process)."""
    output = data / "harness.json"
    command = [sys.executable, ORACLE, "--model", model, "--data", data, "--tasks", ",".join(options.tasks),
               "--output", output, "--batch-size", batch_size, "--dtype", dtype, "--threads", options.threads]
    start = time.monotonic()
    programs.run_measured(command, options.threads, data / "harness.log")
    seconds = time.monotonic() - start
    tasks = json.loads(output.read_text())["tasks"]
    return ({task: found["seconds"] for task, found in tasks.items()},
            {task: [example["log_probs"] for example in found["examples"]] for task, found in tasks.items()}, seconds)


def check_same(task, ours, theirs):
    if [len(row) for row in ours] != [len(row) for row in theirs]:
        raise SystemExit(f"{task}: {len(ours)} and {len(theirs)} examples found, or other numbers of choices")
    difference = max(abs(a - b) for row, other in zip(ours, theirs) for a, b in zip(row, other))
    if difference > SAME:
        raise SystemExit(f"{task}: log-likelihoods differ by {difference:.3g} nats, expected at most {SAME}")


def measure(options):
    """Seconds of each round: {task: {precision: […]}} for expandft's evaluation and for its whole process; {task: {way: […]}} for the harness; rows by task."""
    model, data, rows = prepare(options)
    ours, whole = ({task: {precision: [] for precision in options.precisions} for task in options.tasks} for _ in range(2))
    theirs = {task: {way: [] for way in options.ways} for task in options.tasks}
    for number in range(1, options.rounds + 1):
        found = {}
        for task in options.tasks:
            for precision in options.precisions:
                programs.settle(options.pause)
                seconds, process, log_probs = run_expandft(task, precision, model, data, options)
                if precision == "float32":
                    found[task] = log_probs
                ours[task][precision].append(seconds)
                whole[task][precision].append(process)
                print(f"round {number}, {task}, expandft, {precision}: {seconds:.2f} s, whole process {process:.2f} s",
                      file=sys.stderr)
        for size, dtype in options.ways:
            programs.settle(options.pause)
            seconds, log_probs, process = run_harness(size, dtype, model, data, options)
            for task in options.tasks:
                if dtype == "float32":
                    check_same(task, found[task], log_probs[task])
                theirs[task][size, dtype].append(seconds[task])
            print(f"round {number}, harness, {dtype}, batch size {size}: " + ", ".join(
                f"{task} {seconds[task]:.2f} s" for task in options.tasks) + f"; whole process {process:.1f} s",
                file=sys.stderr)
    return ours, whole, theirs, rows


def table(ours, whole, theirs, rows, options):
    name = options.model.resolve().name if options.model else "random15M"
    lines = [f"{device.machine()} {name}, {options.threads} threads; seconds, median (least–most) of {options.rounds} "
             f"round{'s' if options.rounds > 1 else ''}.", "",
             "| task | rows | expandft | its precision | lm-evaluation-harness | its batch size and dtype | "
             "harness / expandft | expandft, whole process |", "|---|---|---|---|---|---|---|---|"]
    totals = [0.0, 0.0]
    for task in options.tasks:
        own, best = (min(times, key=lambda way, times=times: statistics.median(times[way]))
                     for times in (ours[task], theirs[task]))
        medians = statistics.median(ours[task][own]), statistics.median(theirs[task][best])
        totals = [total + median for total, median in zip(totals, medians)]
        lines.append(f"| {task} | {rows[task]} | {tables.spread(ours[task][own], 2)} | {own} | "
                     f"{tables.spread(theirs[task][best], 2)} | {', '.join(best)} | {medians[1] / medians[0]:.1f} | "
                     f"{statistics.median(whole[task][own]):.2f} |")
    lines.append(f"| all | {sum(rows.values())} | {totals[0]:.2f} | | {totals[1]:.2f} | | {totals[1] / totals[0]:.1f} | |")
    return "\n".join(lines)


def main():
    options = parse_arguments()
    text = table(*measure(options), options)
    print(text)
    if options.write:
        page.write_between(PAGE, PLACE, text)


if __name__ == "__main__":
    main()
