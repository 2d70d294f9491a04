"""Injects faults at one point of a run, with a preloaded library (fault_shim.cpp)."""

import contextlib
import functools
import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

FAULTS = ("kill", "term", "int", "full", "deny", "cut")
SIGNALS = {"kill": 9, "term": 15, "int": 2}

# For each command, the stages where a fault can happen: what it is about to do, and the operation that marks it.
STAGES = {
    "expand": {
        "reads the weights": "open model/model.safetensors",
        "creates the folder": "mkdir .grown.partial",
        "writes the first tensor": "write .grown.partial/model.safetensors",
        "is halfway through": "write .grown.partial/model.safetensors #24",
        "writes config.json": "write .grown.partial/.config.json.partial",
        "checks the output": "open .grown.partial/model.safetensors",
        "syncs it to disk": "sync .grown.partial/model.safetensors",
        "renames it into place": "rename grown",
    },
    "merge": {
        "reads the weights": "open model/model.safetensors",
        "reads the adapter": "open adapter/adapter_model.safetensors",
        "creates the folder": "mkdir .merged.partial",
        "writes the first tensor": "write .merged.partial/model.safetensors",
        "is halfway through": "write .merged.partial/model.safetensors #24",
        "checks the output": "open .merged.partial/model.safetensors",
        "syncs it to disk": "sync .merged.partial/model.safetensors",
        "renames it into place": "rename merged",
    },
    "train": {
        "reads the weights": "open model/model.safetensors",
        "reads the data": "open train.txt",
        "creates the run directory": "mkdir .run.partial",
        "renames the run directory": "rename run",
        "creates metrics.jsonl": "create run/metrics.jsonl",
        "logs a step": "write run/metrics.jsonl #4",
        "writes a snapshot": "write run/checkpoints/.step-000002.partial/parameters.safetensors #3",
        "finishes a snapshot": "rename run/checkpoints/step-000002",
        "writes a second snapshot": "write run/checkpoints/.step-000004.partial/optimizer.safetensors #5",
        "writes the interim report": "write run/.report.html.partial",
        "writes the adapter": "write run/.adapter.partial/adapter_model.safetensors",
        "finishes the adapter": "rename run/adapter",
        "writes the merged model": "write run/.merged.partial/model.safetensors #24",
        "finishes the merged model": "rename run/merged",
        "writes the report": "write run/.report.html.partial #2",
        "writes summary.json": "rename run/summary.json",
    },
    "eval": {
        "reads the weights": "open tuned/model.safetensors",
        "reads the texts": "open stories.txt",
        "creates the cache": "mkdir cache",
        "caches the base's outputs": "write cache/evaluation/stories-*.jsonl",
        "caches the tuned model's outputs": "write cache/evaluation/stories-*.jsonl #3",
        "writes the result": "write .result.json.partial",
        "renames it into place": "rename result.json",
    },
}
OUTPUTS = {"expand": "grown", "merge": "merged", "train": "run", "eval": "result.json"}
THEIR_OWN = {"seconds", "tokens_per_second", "peak_memory_bytes", "time", "started"}  # differ between runs


class Fault(NamedTuple):
    kind: str
    stage: str  # an operation, as in STAGES


def build_shim(folder):
    library = folder / "fault_shim.so"
    source = Path(__file__).with_name("fault_shim.cpp")
    subprocess.run([os.environ.get("CXX", "c++"), "-std=c++20", "-shared", "-fPIC", source, "-o", library, "-ldl"],
                   check=True)
    return library


def arguments_of(command):
    """Arguments for a command that runs in the inputs folder."""
    return {
        "expand": ["expand", "--model", "model", "--layers", "all", "--output", "grown"],
        "merge": ["merge", "--model", "model", "--adapter", "adapter", "--output", "merged"],
        "train": ["train", "--config", "run.json", "--threads", "1"],
        "eval": ["eval", "--original-tasks", "--model", "tuned", "--base", "model", "--tasks", "stories.json",
                 "--json", "result.json"],
    }[command] + ["--device", "cpu", "--quiet"]


@functools.cache
def sanitizer_of(binary):
    """The runtime library of the program's sanitizer, which must be loaded before any other."""
    libraries = subprocess.run(["ldd", binary], check=True, text=True, capture_output=True).stdout
    return re.findall(r"=> (\S*/lib[at]san\.so\S*)", libraries)


def run(binary, folder, arguments, shim=None, fault=None):
    """Runs a command in the folder. Returns (exit code, stderr, whether the fault happened)."""
    environment = os.environ | {"EXPANDFT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    log = folder.with_name(folder.name + ".log")
    log.unlink(missing_ok=True)
    if fault:
        files = {"cut": "model/model.safetensors", "fill": "filler"}
        kind = f"{fault.kind} {folder / files[fault.kind]}" if fault.kind in files else fault.kind
        environment |= {"LD_PRELOAD": ":".join([*sanitizer_of(binary), str(shim)]), "FAULT_ROOT": str(folder),
                        "FAULT_LOG": str(log), "FAULT_AT": fault.stage, "FAULT": kind}
    done = subprocess.run([binary, *arguments], cwd=folder, env=environment, stdin=subprocess.DEVNULL, text=True,
                          capture_output=True, timeout=300)
    return done.returncode, done.stderr, log.exists() and "FAULT\n" in log.read_text()


def state(path):
    """The content of a path: {name: digest} of its files, ignoring times and speeds."""
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    return {str(file.relative_to(path)): digest(file) for file in files if file.is_file()}


def digest(file):
    data = file.read_bytes()
    if file.name in ("summary.json", "result.json"):
        data = json.dumps(without_times(json.loads(data))).encode()
    if file.name == "state.json":  # if a signal ends a step, it is validated after resuming, not before its snapshot
        data = json.dumps({k: v for k, v in json.loads(data).items() if k != "validations"}).encode()
    if file.name == "metrics.jsonl":
        data = json.dumps(measured(file)).encode()
    return "" if file.name == "report.html" else hashlib.sha256(data).hexdigest()


def without_times(value):
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k not in THEIR_OWN}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def measured(metrics):
    """The measurements of a run, without `start`, which a resumed run logs again."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    return [without_times(line) for line in lines if line["event"] in ("train", "validation", "evaluation")]


def fresh_copy(inputs, folder):
    """Makes the folder contain the inputs and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(inputs, folder, dirs_exist_ok=True)


@contextlib.contextmanager
def small_disk(folder, size):
    """Makes the folder a separate file system of that size ("48m"); skips the test where mounting is not allowed."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)
