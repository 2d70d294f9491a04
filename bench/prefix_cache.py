"""The time that cached outputs of the frozen prefix save in later epochs, compared with the arithmetic saved."""

import json
import statistics
import sys
from dataclasses import dataclass, field

import bench_models
import measuring
import programs
import tables
import work

KEY = "cache_prefix"
MODES = ("none", "memory", "disk")
EPOCHS = 3
CHARACTERS = 36_000  # of the text: about ten steps per epoch
WANTED = 0.9


@dataclass
class Speeds:
    """Tokens per second, the median over the steps of one or several epochs; one number per round."""

    first: list = field(default_factory=list)
    later: list = field(default_factory=list)
    peak_bytes: list = field(default_factory=list)


def speeds_of(metrics):
    """(first epoch, later epochs), without the first step."""
    rates = [event["tokens_per_second"] for event in programs.read_events(metrics, "train")]
    steps = programs.read_events(metrics, "start")[0]["total_steps"] // EPOCHS
    if len(rates) <= steps or steps < 2:
        raise SystemExit(f"{metrics}: {len(rates)} steps found, expected {EPOCHS} epochs of at least two")
    return statistics.median(rates[1:steps]), statistics.median(rates[steps:])


def measure(options):
    """(job, shapes, {mode: Speeds})."""
    model = bench_models.find("random27M")
    job = measuring.prepare(model, options)
    text = job.folder / "prefix-cache.txt"
    text.write_text(options.text.read_text(encoding="utf-8")[:CHARACTERS], encoding="utf-8")
    job = programs.Job(**job.__dict__ | {"text": text})
    found = {mode: Speeds() for mode in MODES}
    for number in range(1, options.rounds + 1):
        for mode, speeds in found.items():
            programs.settle(options.pause)
            metrics, peak = programs.train(options.binary, job, {"max_steps": None, "epochs": EPOCHS, KEY: mode})
            first, later = speeds_of(metrics)
            speeds.first.append(first)
            speeds.later.append(later)
            speeds.peak_bytes.append(peak)
            print(f"prefix cache, round {number}, {mode}: {first:.0f} tokens/s in the first epoch, {later:.0f} later",
                  file=sys.stderr, flush=True)
    return job, measuring.shapes_of(job), found


def saved_share(job, shapes):
    """The cached prefix's share of a step's multiply-adds."""
    lowest, _ = work.selected(job.layers, shapes.layers)
    return work.frozen_prefix(shapes, job.length, lowest) / measuring.multiply_adds("expandft", shapes, job)


def reached_gain(without, later, share):
    """The share of time saved in later epochs, relative to the arithmetic's prediction: 1 is all of it."""
    return (1 - without / later) / share


def table(job, shapes, found):
    share, body = saved_share(job, shapes), []
    without = statistics.median(found["none"].later)
    tokens = job.batch * job.length
    for mode, speeds in found.items():
        later = statistics.median(speeds.later)
        compared = [""] * 4
        if mode != "none":
            gain = reached_gain(without, later, share)
            compared = [f"{1 - without / later:.1%}", f"{share:.1%}", f"{gain:.0%}", "yes" if gain >= WANTED else "no"]
        body.append([f"`{mode}`", tables.spread([1000 * tokens / speed for speed in speeds.first], 0),
                     tables.spread([1000 * tokens / speed for speed in speeds.later], 0),
                     *compared, tables.spread([peak / 2**20 for peak in speeds.peak_bytes], 0)])
    head = [f"`{KEY}`", "step in epoch 1, ms", f"in epochs 2 to {EPOCHS}, ms", "time saved", "arithmetic saved",
            "share of the predicted gain", f"≥ {WANTED:.0%}", "peak memory, MiB"]
    rounds = tables.counted(len(found["none"].later))
    return (f"random27M, last 3 of {shapes.layers} layers, k = {job.copies}, {job.batch} × {job.length} tokens per step, "
            f"{job.threads} threads, {job.precision}; median (least–most) of {rounds}.\n\n"
            + tables.rows(head, body))
