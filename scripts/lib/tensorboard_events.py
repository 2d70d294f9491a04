#!/usr/bin/env python3
"""Converts the metrics.jsonl of runs to TensorBoard event files; view them with `tensorboard --logdir FOLDER`.

    scripts/tensorboard runs/a runs/b --output runs/tensorboard

Needs the package tensorboardX (pip install tensorboardX). Each run gets a folder of its own name, which is replaced.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

# The numbers of each event that are plotted over the steps.
SCALARS = {"train": ("loss", "learning_rate", "grad_norm", "tokens_per_second", "weighted_loss", "retention",
                     "retention_loss", "data_retention"),
           "validation": ("loss",)}


def scalars(event):
    """(tag, value) of each number of an event. A value is None where the file has null, for NaN."""
    kind = event["event"]
    for key in SCALARS.get(kind, ()):
        yield f"{kind}/{key}", event.get(key)
    if kind == "evaluation":
        for task in event["tasks"]:
            yield f"{'original' if task['original'] else 'new'}/{task['task']}", task["loss"]


def read_events(run):
    file = run / "metrics.jsonl"
    if not file.is_file():
        sys.exit(f"{file}: no such file; expected a run directory that expandft train wrote")
    for number, line in enumerate(file.read_text().splitlines(), start=1):
        try:
            event = json.loads(line)
            event["step"], event["event"]
        except (ValueError, KeyError, TypeError):
            print(f"{file}, line {number}: damaged, left out", file=sys.stderr)
            continue
        yield event


def convert(run, output):
    from tensorboardX import SummaryWriter

    shutil.rmtree(output, ignore_errors=True)
    count = 0
    with SummaryWriter(str(output)) as writer:
        for event in read_events(run):
            for tag, value in scalars(event):
                if value is not None:
                    writer.add_scalar(tag, value, event["step"])
                    count += 1
    print(f"{output}: {count} numbers")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--output", type=Path, default=Path("runs/tensorboard"))
    options = parser.parse_args()
    for run in options.runs:
        convert(run, options.output / run.resolve().name)


if __name__ == "__main__":
    main()
