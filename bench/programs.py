"""Runs each program once, in its own process, and returns what it reached."""

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from device import GpuMemory

BENCH = Path(__file__).resolve().parent


@dataclass
class Run:
    tokens_per_second: float  # median over the steps after warm-up
    first_step_at: float      # seconds from launch to the beginning of the first step
    peak_bytes: int           # peak memory: resident, or in use on the GPU


@dataclass(frozen=True)
class Job:
    """The settings that all programs share, and which layers are expanded."""

    model: Path
    text: Path
    ids: Path
    folder: Path
    layers: str
    batch: int
    length: int
    steps: int
    warmup_steps: int
    threads: int
    rank: int
    copies: int
    device: str = "cpu"
    precision: str = "float32"
    full_weights: str = "float32"


def run_measured(command, threads, log, device="cpu"):
    """Runs a command to its end; returns its standard output and its peak memory in bytes."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    with open(log, "w") as errors, contextlib.nullcontext() if device == "cpu" else GpuMemory(device) as gpu:
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors,
                                   env=environment, text=True)
        output = process.stdout.read()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        tail = "\n".join(Path(log).read_text().splitlines()[-20:])
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{tail}")
    return output, gpu.used if gpu else usage.ru_maxrss * 1024


def run_peer(method, job):
    """A Run, or None if the GPU's memory was too small."""
    command = [sys.executable, BENCH / "peer_train.py", "--method", method, "--model", job.model, "--ids", job.ids,
               "--steps", job.steps, "--warmup-steps", job.warmup_steps, "--batch", job.batch,
               "--length", job.length, "--rank", job.rank, "--threads", job.threads, "--device", job.device,
               "--precision", job.precision, "--full-weights", job.full_weights]
    output, peak = run_measured(command, job.threads, job.folder / f"{method}.log", job.device)
    result = json.loads(output.splitlines()[-1])
    if result.get("out_of_memory"):
        return None
    return Run(result["tokens_per_second"], result["first_step_at"], peak)


def run_config(job, output):
    return {
        "model": str(job.model), "output": str(output),
        "expansion": {"layers": job.layers, "copies": job.copies}, "method": "new",
        "data": {"train": str(job.text), "max_length": job.length, "packing": True},
        "training": {"max_steps": job.steps, "batch_size": job.batch, "micro_batch_size": job.batch,
                     "learning_rate": 1e-4, "lr_scheduler": "constant", "warmup": 0, "weight_decay": 0.0,
                     "max_grad_norm": 1.0, "precision": job.precision, "seed": 7, "log_every": 1},
    }


def read_events(file, kind):
    """The events of one kind in a metrics.jsonl; at least one."""
    events = [json.loads(line) for line in Path(file).read_text().splitlines()]
    found = [event for event in events if event["event"] == kind]
    if not found:
        raise SystemExit(f"{file}: no event {kind!r} found, expected at least one")
    return found


def train(binary, job, changes=None):
    """Trains with expandft; returns the metrics.jsonl and the peak memory in bytes. `changes`: to the config's
    `training`."""
    output = job.folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    config = run_config(job, output)
    for key, value in (changes or {}).items():
        config["training"][key] = value
    file = job.folder / "run.json"
    file.write_text(json.dumps(config, indent=2) + "\n")
    _, peak = run_measured([binary, "train", "--config", file, "--device", job.device, "--quiet"], job.threads,
                           job.folder / "expandft.log", job.device)
    return output / "metrics.jsonl", peak


def run_expandft(binary, job):
    metrics, peak = train(binary, job)
    rates = [event["tokens_per_second"] for event in read_events(metrics, "train")][job.warmup_steps:]
    if not rates:
        raise SystemExit(f"{metrics}: no training step found after the first {job.warmup_steps}, expected at least one")
    return Run(statistics.median(rates), read_events(metrics, "start")[0]["seconds_since_launch"], peak)


def measure_products(products, threads, log, device="cpu", dtype="float32", seconds=0.15):
    """{Product: billions of multiply-adds per second}."""
    names = {",".join(map(str, product)): product for product in products}
    command = [sys.executable, BENCH / "gemm_rate.py", "--threads", threads, "--device", device, "--dtype", dtype,
               "--seconds", seconds]
    for name in names:
        command += ["--product", name]
    output, _ = run_measured(command, threads, log, device)
    return {names[name]: rate for name, rate in json.loads(output).items()}


def settle(seconds):
    """Lets the machine settle between runs."""
    time.sleep(seconds)
