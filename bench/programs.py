"""Runs each program once as a process of its own, and says what it reached."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent


@dataclass
class Run:
    tokens_per_second: float  # median over the steps after warm-up
    first_step_at: float      # seconds from launch to the beginning of the first step
    peak_bytes: int           # greatest resident size


@dataclass(frozen=True)
class Job:
    """What all programs do alike."""

    model: Path
    text: Path
    ids: Path
    folder: Path
    batch: int
    length: int
    steps: int
    warmup_steps: int
    threads: int
    rank: int
    copies: int


def run_measured(command, threads, log):
    """Runs a command to its end; returns its standard output and its peak resident size in bytes."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads),
                                "CUDA_VISIBLE_DEVICES": ""}
    with open(log, "w") as errors:
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors,
                                   env=environment, text=True)
        output = process.stdout.read()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = "\n".join(Path(log).read_text().splitlines()[-20:])
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{tail}")
    return output, usage.ru_maxrss * 1024


def run_peer(method, job):
    command = [sys.executable, BENCH / "peer_train.py", "--method", method, "--model", job.model, "--ids", job.ids,
               "--steps", job.steps, "--warmup-steps", job.warmup_steps, "--batch", job.batch,
               "--length", job.length, "--rank", job.rank, "--threads", job.threads]
    output, peak = run_measured(command, job.threads, job.folder / f"{method}.log")
    result = json.loads(output.splitlines()[-1])
    return Run(result["tokens_per_second"], result["first_step_at"], peak)


def run_config(job, output):
    return {
        "model": str(job.model), "output": str(output),
        "expansion": {"layers": "all", "copies": job.copies}, "train": "new",
        "data": {"train": str(job.text), "max_length": job.length, "packing": True},
        "training": {"max_steps": job.steps, "batch_size": job.batch, "micro_batch_size": job.batch,
                     "learning_rate": 1e-4, "schedule": "constant", "warmup": 0, "weight_decay": 0.0,
                     "clip_norm": 1.0, "precision": "float32", "seed": 7, "log_every": 1},
    }


def read_metrics(file, warmup_steps):
    """Median tokens a second after warm-up, and when the first step began."""
    events = [json.loads(line) for line in Path(file).read_text().splitlines()]
    rates = [event["tokens_per_second"] for event in events if event["event"] == "train"][warmup_steps:]
    starts = [event["seconds_since_launch"] for event in events if event["event"] == "start"]
    if not rates or not starts:
        raise SystemExit(f"{file}: {len(rates)} measured training steps and {len(starts)} start events found, "
                         f"expected at least one of each")
    return statistics.median(rates), starts[0]


def run_expandft(binary, job):
    output = job.folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    config = job.folder / "run.json"
    config.write_text(json.dumps(run_config(job, output), indent=2) + "\n")
    _, peak = run_measured([binary, "train", "--config", config, "--device", "cpu"], job.threads,
                           job.folder / "expandft.log")
    rate, first_step_at = read_metrics(output / "metrics.jsonl", job.warmup_steps)
    return Run(rate, first_step_at, peak)


def measure_products(shapes, threads, log):
    """Shape (rows, inner, columns) -> billions of multiply-adds a second."""
    command = [sys.executable, BENCH / "gemm_rate.py", "--threads", threads]
    for shape in shapes:
        command += ["--shape", ",".join(map(str, shape))]
    output, _ = run_measured(command, threads, log)
    return dict(zip(shapes, json.loads(output).values()))


def settle(seconds):
    """Lets the machine come to rest between runs."""
    time.sleep(seconds)
