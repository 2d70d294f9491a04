#!/usr/bin/env python3
"""What each method learns and forgets on the small real model, at equal token budgets.

    scripts/study                  # runs what is missing, then writes docs/results.md and docs/results.svg
    scripts/study --only lora      # some methods only; writes nothing

Each method runs at several learning rates with one seed. The rate with the lowest loss on held-out text of the new
domain then runs with further seeds. All runs see the same tokens in the same batches. Finished runs are cached in
build/study.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import page

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/results.md"
STRENGTHS = (0.25, 0.5, 0.75)
RETENTION_WEIGHTS = (0.0, 1.0)
BUDGET = 0.10  # of forgetting, nats per token


@dataclass(frozen=True)
class Method:
    name: str
    title: str
    settings: dict = field(hash=False)
    rates: tuple


METHODS = (
    Method("full", "full fine-tuning", {"method": "full"}, (3e-4, 1e-3, 3e-3)),
    Method("last2", "last 2 of 5 layers", {"method": "last:2"}, (3e-3, 1e-2)),
    Method("lora", "LoRA, rank 16, all projections", {"method": "lora"}, (3e-3, 1e-2)),
    Method("llama-pro", "LLaMA-Pro, 5 layers added", {"method": "llama-pro", "expansion.layers": "all"}, (3e-3, 1e-2)),
    Method("zero-init", "zero-initialised width, all layers", {"method": "zero-init", "expansion.layers": "all"},
           (3e-3, 1e-2)),
    Method("new", "G-Freeze, all layers", {"method": "new", "expansion.layers": "all"}, (1e-3, 3e-3, 1e-2)),
    Method("new-auto2", "G-Freeze, 2 layers chosen", {"method": "new", "expansion.layers": {"auto": 2}}, (3e-3, 1e-2)),
    Method("new-k3", "G-Freeze, all layers, k = 3", {"method": "new", "expansion.layers": "all", "expansion.copies": 3},
           (3e-3, 1e-2)),
    Method("mlp", "G-Train, all layers", {"method": "mlp", "expansion.layers": "all"}, (1e-3, 3e-3, 1e-2)),
)


@dataclass(frozen=True)
class Outcome:
    """Losses in nats per token; `original` and `new` are the tuned model's at full strength."""

    original_before: float
    new_before: float
    original: float
    new: float
    validation: float
    curve: tuple  # (strength, original, new)

    @property
    def forgetting(self):
        return self.original - self.original_before

    def new_within(self, budget):
        """Loss on the new domain at the largest strength that forgets at most `budget`, by linear interpolation."""
        points = [(original - self.original_before, new) for _, original, new in self.curve]
        if points[-1][0] <= budget:
            return points[-1][1]
        for (low, new_low), (high, new_high) in reversed(list(zip(points, points[1:]))):
            if low <= budget < high:
                return new_low + (budget - low) / (high - low) * (new_high - new_low)
        return self.new_before


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path,
                        default=os.environ.get("EXPANDFT_BINARY", ROOT / "build/release/bin/expandft"))
    parser.add_argument("--only", help="run only these methods, comma-separated")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=ROOT / "build/study")
    options = parser.parse_args()
    options.binary = Path(options.binary).resolve()
    if not options.only and importlib.util.find_spec("matplotlib") is None:
        parser.error(f"the plot needs matplotlib: {sys.executable} -m pip install matplotlib")
    if not options.binary.is_file():
        parser.error(f"{options.binary} does not exist: build expandft first")
    names = [method.name for method in METHODS]
    options.methods = [m for m in METHODS if not options.only or m.name in options.only.split(",")]
    if not options.methods:
        parser.error(f"--only: expected one or more of {', '.join(names)}")
    return options


def run_config(method, rate, retention, seed, steps, output):
    config = {
        "model": str(ROOT / "data/stories260K"), "output": str(output), "method": method.settings["method"],
        "data": {"train": str(ROOT / "data/tinyshakespeare.train.txt"),
                 "validation": str(ROOT / "data/tinyshakespeare.valid.txt"), "max_length": 256},
        "training": {"max_steps": steps, "batch_size": 16, "micro_batch_size": 16, "learning_rate": rate,
                     "lr_scheduler": "cosine", "warmup": 0.05, "seed": seed, "output_checkpoint": "last"},
        "retention": {"weight": retention, "text": "self"},
        "evaluation": {"original_tasks": ["tinystories"], "tasks": ["shakespeare"], "strengths": list(STRENGTHS)},
    }
    for key, value in method.settings.items():
        if "." in key:
            group, name = key.split(".")
            config.setdefault(group, {})[name] = value
    return config


def read_outcome(run):
    summary = json.loads((run / "summary.json").read_text())
    evaluation = summary["evaluation"]
    original, new = evaluation["original_tasks"][0], evaluation["tasks"][0]
    curve = []
    for point in summary["strengths"]:
        losses = {task["original"]: task["loss"] for task in point["tasks"]}
        curve.append((point["strength"], losses[True], losses[False]))
    return Outcome(original["base"]["loss"], new["base"]["loss"], original["tuned"]["loss"], new["tuned"]["loss"],
                   summary["validation_loss_after"], tuple(curve))


def outcome_of(method, rate, retention, seed, options):
    name = f"{method.name}-{rate:g}-retention{retention:g}-seed{seed}-steps{options.steps}"
    folder = options.cache.resolve() / name
    run = folder / "run"
    if not (run / "summary.json").is_file():
        print(f"running {name}", file=sys.stderr, flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "run.json"
        config.write_text(json.dumps(run_config(method, rate, retention, seed, options.steps, run), indent=2))
        subprocess.run([options.binary, "train", "--config", config, "--restart", "--quiet",
                        "--threads", str(options.threads)], check=True, stdout=subprocess.DEVNULL,
                       env=os.environ | {"OMP_NUM_THREADS": str(options.threads)})
    return read_outcome(run)


def study(options):
    """(method, retention) -> (rate taken, outcomes of all seeds at that rate, outcome at each rate with seed 1)."""
    results = {}
    for method in options.methods:
        for retention in RETENTION_WEIGHTS:
            by_rate = {rate: outcome_of(method, rate, retention, 1, options) for rate in method.rates}
            best = min(by_rate, key=lambda rate: by_rate[rate].validation)
            outcomes = [outcome_of(method, best, retention, seed, options) for seed in range(1, options.seeds + 1)]
            results[method, retention] = (best, outcomes, by_rate)
    return results


def spread_text(values, sign):
    """Mean and standard deviation; a single value as it is."""
    mean = format(statistics.mean(values), sign + ".3f")
    return f"{mean} ± {statistics.stdev(values):.3f}" if len(values) > 1 else mean


def is_dominated(point, others):
    """Whether another point is at least as good in forgetting and in learning, and better in one of them."""
    return any(x <= point[0] and y <= point[1] and (x, y) != point for x, y in others)


def table(results):
    points = {key: (statistics.mean(o.forgetting for o in outcomes), statistics.mean(o.new for o in outcomes))
              for key, (_, outcomes, _) in results.items()}
    lines = [f"| method | retention | rate | new domain | forgetting | new domain at {BUDGET:.2f} forgetting | front |",
             "|---|---|---|---|---|---|---|"]
    for (method, retention), (rate, outcomes, _) in results.items():
        within = statistics.mean(o.new_within(BUDGET) for o in outcomes)
        key = (method, retention)
        front = "" if is_dominated(points[key], [p for k, p in points.items() if k != key]) else "yes"
        lines.append(f"| {method.title} | {retention:g} | {rate:g} | {spread_text([o.new for o in outcomes], '')} | "
                     f"{spread_text([o.forgetting for o in outcomes], '+')} | {within:.3f} | {front} |")
    return "\n".join(lines)


def sweep_table(results):
    lines = [f"| method | retention | rate | new domain | forgetting | new domain at {BUDGET:.2f} forgetting |",
             "|---|---|---|---|---|---|"]
    for (method, retention), (_, _, by_rate) in results.items():
        for rate, outcome in by_rate.items():
            lines.append(f"| {method.title} | {retention:g} | {rate:g} | {outcome.new:.3f} | "
                         f"{outcome.forgetting:+.3f} | {outcome.new_within(BUDGET):.3f} |")
    return "\n".join(lines)


def plot(results, file):
    """New skill against forgetting: the mean over the seeds, and each method's strengths as a line."""
    import matplotlib
    matplotlib.use("svg")
    matplotlib.rcParams["svg.hashsalt"] = "expandft"  # the same file for the same results
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5.5))
    colours = pyplot.get_cmap("tab10")
    for i, method in enumerate(dict.fromkeys(method for method, _ in results)):
        for retention in RETENTION_WEIGHTS:
            if (method, retention) not in results:
                continue
            _, outcomes, _ = results[method, retention]
            steps = range(len(outcomes[0].curve))
            line = [(statistics.mean(o.curve[k][1] - o.original_before for o in outcomes),
                     statistics.mean(o.curve[k][2] for o in outcomes)) for k in steps]
            axes.plot(*zip(*line), color=colours(i), lw=1, ls="-" if retention else ":", alpha=0.7)
            axes.plot(*line[-1], color=colours(i), ls="", marker="o" if retention else "s",
                      mfc=colours(i) if retention else "none", label=method.title if retention else None)
    axes.set_xlabel("forgetting: rise of the loss on the original domain (nats per token)")
    axes.set_ylabel("loss on the new domain (nats per token)")
    axes.set_title("Filled: with retention 1. Hollow: without. Lines: strengths from 0 to 1.", fontsize=9)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})


def write_page(results):
    any_outcome = next(iter(results.values()))[1][0]
    seeds = len(next(iter(results.values()))[1])
    body = (f"Seeds: {seeds}. Before training: new domain {any_outcome.new_before:.3f}, original domain "
            f"{any_outcome.original_before:.3f} nats per token.\n\n{table(results)}\n\n"
            f"### All learning rates, seed 1\n\n{sweep_table(results)}\n")
    page.write_between(PAGE, "study", body)


def main():
    options = parse_arguments()
    results = study(options)
    print(table(results))
    if not options.only:
        plot(results, PAGE.with_suffix(".svg"))
        write_page(results)


if __name__ == "__main__":
    main()
