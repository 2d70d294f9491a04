"""Speed and memory as ranks are added: one thread each on a CPU, one GPU each, the same step shared out."""

import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
from dataclasses import dataclass

import bench_models
import measuring
import programs
import tables

MODEL = "random27M"
STEPS, WARMUP_STEPS = 10, 3


@dataclass
class Ranked:
    tokens_per_second: float
    peak_bytes: int  # of the rank that took the most


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def train(binary, job, count):
    """Runs the job on so many ranks of this machine, with torchrun's variables."""
    output = job.folder / "ranks"
    shutil.rmtree(output, ignore_errors=True)
    config = programs.run_config(job, output)
    config["training"]["micro_batch_size"] = max(1, job.batch // count)
    file = job.folder / "ranks.json"
    file.write_text(json.dumps(config, indent=2) + "\n")
    port, processes = free_port(), []
    for rank in range(count):
        environment = os.environ | {"OMP_NUM_THREADS": str(job.threads), "MKL_NUM_THREADS": str(job.threads),
                                    "RANK": str(rank), "WORLD_SIZE": str(count), "LOCAL_RANK": str(rank),
                                    "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        log = open(job.folder / f"rank{rank}.log", "w")
        processes.append(subprocess.Popen([binary, "train", "--config", file, "--device", job.device, "--quiet"],
                                          env=environment, stdout=subprocess.DEVNULL, stderr=log))
    peak = 0
    for rank, process in enumerate(processes):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise SystemExit(f"rank {rank} of {count} ended with {process.returncode}: "
                             + (job.folder / f"rank{rank}.log").read_text())
        peak = max(peak, usage.ru_maxrss * 1024)
    rates = [event["tokens_per_second"] for event in programs.read_events(output / "metrics.jsonl", "train")]
    return Ranked(statistics.median(rates[job.warmup_steps:]), peak)


def measure(options):
    """{ranks: [Ranked]}, each once a round; and the job."""
    model = bench_models.find(MODEL)
    job = measuring.prepare(model, options, threads=1, layers="all", batch=8,
                            steps=options.steps or STEPS,
                            warmup_steps=min(measuring.warmup_steps(model, options), WARMUP_STEPS))
    found = {count: [] for count in options.ranks}
    for number in range(1, options.rounds + 1):
        for count, runs in found.items():
            programs.settle(options.pause)
            runs.append(train(options.binary, job, count))
            print(f"ranks, round {number}: {count}: {runs[-1].tokens_per_second:.0f} tokens/s, "
                  f"{runs[-1].peak_bytes / 2**20:.0f} MiB", file=sys.stderr, flush=True)
    return job, found


def table(job, found):
    fewest = min(found)
    base = statistics.median(run.tokens_per_second for run in found[fewest]) / fewest
    body = []
    for count, runs in found.items():
        speed = statistics.median(run.tokens_per_second for run in runs)
        body.append([str(count), tables.spread([run.tokens_per_second for run in runs], 0),
                     f"{speed / (count * base):.0%}", tables.spread([run.peak_bytes / 2**20 for run in runs], 0)])
    rounds = tables.counted(len(found[fewest]))
    return (f"{MODEL}, all layers, k = {job.copies}, {job.batch} × {job.length} tokens per step over all ranks, one "
            f"thread per rank, {job.precision}; median (least–most) of {rounds}.\n\n"
            + tables.rows(["ranks", "tokens/s", "efficiency", "peak memory per rank, MiB"], body))
