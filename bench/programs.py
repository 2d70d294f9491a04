"""Runs each program once, in its own process, and returns what it reached."""

import contextlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import instruct
from device import GpuMemory

BENCH = Path(__file__).resolve().parent


@dataclass
class Run:
    tokens_per_second: float  # median over the steps after warm-up
    first_step_at: float      # seconds from launch to the beginning of the first step
    peak_bytes: int           # peak memory: resident, or in use on the GPU


OUT_OF_MEMORY = "out of memory"


class NotMeasured(Exception):
    """Why a program has no result on this machine."""


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
    attention: str = "sdpa"            # of the peers
    rows: instruct.Rows | None = None  # of prompt and answer; `text` holds the same ones
    step_limit: float | None = None    # seconds

    @property
    def too_slow(self):
        return f"not measured: > {self.step_limit:.0f} s a step"


def run_measured(command, threads, log, device="cpu", limit=None):
    """Runs a command to its end; returns its standard output and its peak memory in bytes.

    Throws NotMeasured if the system ends it for lack of memory, and TimeoutError after `limit` seconds.
    """
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    if device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    with open(log, "w") as errors, contextlib.nullcontext() if device == "cpu" else GpuMemory(device) as gpu:
        process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors,
                                   env=environment, text=True)
        ended = threading.Event()
        watch = threading.Timer(limit or threading.TIMEOUT_MAX, lambda: (ended.set(), process.kill()))
        watch.daemon = True
        watch.start()
        output = process.stdout.read()
        process.stdout.close()
        _, status, usage = os.wait4(process.pid, 0)
        watch.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
    if ended.is_set():
        raise TimeoutError(f"{command[0]} ran for more than {limit} seconds")
    if process.returncode == -signal.SIGKILL:  # by the system: nobody else ends it in this way
        raise NotMeasured(OUT_OF_MEMORY)
    if process.returncode != 0:
        tail = "\n".join(Path(log).read_text().splitlines()[-20:])
        raise SystemExit(f"{' '.join(map(str, command))}\nended with {process.returncode}:\n{tail}")
    return output, gpu.used if gpu else usage.ru_maxrss * 1024


def run_peer(method, job):
    """A Run. Throws NotMeasured."""
    command = [sys.executable, BENCH / "peer_train.py", "--method", method, "--model", job.model, "--ids", job.ids,
               "--steps", job.steps, "--warmup-steps", job.warmup_steps,
               "--batch", job.rows.rows_per_step if job.rows else job.batch,
               "--length", job.length, "--rank", job.rank, "--threads", job.threads, "--device", job.device,
               "--precision", job.precision, "--full-weights", job.full_weights, "--attention", job.attention]
    command += ["--rows", job.rows.file] if job.rows else []
    command += ["--step-limit", job.step_limit] if job.step_limit else []
    output, peak = run_measured(command, job.threads, job.folder / f"{method}.log", job.device)
    result = json.loads(output.splitlines()[-1])
    if result.get("out_of_memory"):
        raise NotMeasured(OUT_OF_MEMORY)
    if result.get("too_slow"):
        raise NotMeasured(job.too_slow)
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
    `training`. Throws NotMeasured, also if all steps together take longer than the job's limit for that many."""
    output = job.folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    config = run_config(job, output)
    for key, value in (changes or {}).items():
        config["training"][key] = value
    file = job.folder / "run.json"
    file.write_text(json.dumps(config, indent=2) + "\n")
    try:
        _, peak = run_measured([binary, "train", "--config", file, "--device", job.device, "--quiet"], job.threads,
                               job.folder / "expandft.log", job.device,
                               job.step_limit and job.step_limit * job.steps)
    except TimeoutError:
        raise NotMeasured(job.too_slow) from None
    return output / "metrics.jsonl", peak


def check_rows(job):
    """That expandft read the tokens that the peers get, and learns the same of them."""
    found = json.loads((job.folder / "run/summary.json").read_text())["data"]["training"]
    read, expected = (found["tokens"], found["targets"]), (job.rows.tokens, job.rows.learned)
    if read != expected:
        raise SystemExit(f"{job.text}: expandft found {read[0]} tokens of which {read[1]} are learned, expected the "
                         f"{expected[0]} and {expected[1]} that the peers get")


def run_expandft(binary, job):
    """A Run. Throws NotMeasured."""
    metrics, peak = train(binary, job)
    if job.rows:
        check_rows(job)
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
