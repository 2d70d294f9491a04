"""The time that cached outputs of the frozen prefix save in later epochs, compared with the arithmetic saved."""

import dataclasses
import statistics
import sys
from dataclasses import dataclass, field

import device
import measuring
import programs
import tables
import work

KEY = "cache_prefix"
MODES = ("none", "memory", "disk")
EPOCHS = 3
WANTED = 0.9
WANTED_SPEED = 1.25  # of later epochs relative to the first, for published models


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


def beginning(job, steps):
    """The part of the job's data that gives about this many steps."""
    text = job.text.read_text(encoding="utf-8")
    if job.rows:
        return "".join(text.splitlines(keepends=True)[:steps * job.rows.rows_per_step])
    tokens = job.ids.stat().st_size / 4
    return text[:int(len(text) * steps * job.batch * job.length / tokens)]


def job_of(model, kind, options):
    """Trains on the beginning of the data, so that an epoch has the model's number of steps."""
    job = measuring.prepare(model, options, kind)
    wanted = model.goals_for(kind, job.device, device.has_amx()).precision
    if wanted in model.precisions(options.precision, options.device):
        job = dataclasses.replace(job, precision=wanted)
    file = job.folder / f"prefix-cache{'.jsonl' if job.rows else '.txt'}"
    file.write_text(beginning(job, model.epoch_steps), encoding="utf-8")
    return dataclasses.replace(job, text=file, step_limit=None)


def measure(model, kind, options):
    """(name, model, job, shapes, {mode: Speeds})."""
    job = job_of(model, kind, options)
    name = f"{model.name}, {kind}" if len(model.kinds) > 1 else model.name
    found = {mode: Speeds() for mode in MODES}
    for number in range(1, options.rounds + 1):
        for mode, speeds in found.items():
            programs.settle(options.pause)
            metrics, peak = programs.train(options.binary, job, {"max_steps": None, "epochs": EPOCHS, KEY: mode})
            first, later = speeds_of(metrics)
            speeds.first.append(first)
            speeds.later.append(later)
            speeds.peak_bytes.append(peak)
            print(f"{name}, prefix cache, round {number}, {mode}: {first:.0f} tokens/s in the first epoch, "
                  f"{later:.0f} later", file=sys.stderr, flush=True)
    return name, model, job, measuring.shapes_of(job), found


def saved_share(job, shapes):
    """The cached prefix's share of a step's multiply-adds."""
    lowest, _ = work.selected(job.layers, shapes.layers)
    return work.frozen_prefix(shapes, job.length, lowest) / measuring.multiply_adds("expandft", shapes, job)


def reached_gain(without, later, share):
    """The share of time saved in later epochs, relative to the arithmetic's prediction: 1 is all of it."""
    return (1 - without / later) / share


def table(name, model, job, shapes, found):
    share, body = saved_share(job, shapes), []
    without = statistics.median(found["none"].later)
    tokens = job.batch * job.length
    for mode, speeds in found.items():
        later = statistics.median(speeds.later)
        compared = [""] * 4
        if mode != "none":
            gain = reached_gain(without, later, share)
            compared = [f"{1 - without / later:.1%}", f"{share:.1%}", f"{gain:.0%}", "yes" if gain >= WANTED else "no"]
            if model.published:
                speed = later / statistics.median(speeds.first)
                compared[3] = f"{speed:.2f} ({'yes' if speed >= WANTED_SPEED else 'no'})"
        body.append([f"`{mode}`", tables.spread([1000 * tokens / speed for speed in speeds.first], 0),
                     tables.spread([1000 * tokens / speed for speed in speeds.later], 0),
                     *compared, tables.spread([peak / 2**20 for peak in speeds.peak_bytes], 0)])
    head = [f"`{KEY}`", "step in epoch 1, ms", f"in epochs 2 to {EPOCHS}, ms", "time saved", "arithmetic saved",
            "share of the predicted gain",
            f"later / first epoch ≥ {WANTED_SPEED}" if model.published else f"≥ {WANTED:.0%}", "peak memory, MiB"]
    rounds = tables.counted(len(found["none"].later))
    return (f"{name}, {tables.layers_text(job.layers)} of {shapes.layers}, k = {job.copies}, "
            f"{job.batch} × {job.length} tokens per step, {job.threads} threads, {job.precision}; "
            f"median (least–most) of {rounds}.\n\n"
            + tables.rows(head, body))
