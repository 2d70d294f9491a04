"""Starts several ranks of a command, like a launcher."""

import os
import socket
import subprocess
import sys

COMMON = ["--device", "cpu", "--threads", "1"]
LAUNCHERS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def environment(**changes):
    kept = {key: value for key, value in os.environ.items()
            if key not in LAUNCHERS and not key.startswith(("SLURM_", "TORCHELASTIC_"))}
    return kept | {"OMP_NUM_THREADS": "1"} | {key: str(value) for key, value in changes.items()}


def start_ranks(binary, count, *arguments, address="127.0.0.1", commands=None, only=None, **settings):
    """Processes with torchrun's variables but without torchrun; rank 0 serves the store. `commands`: a prefix for
    each rank's command; `only`: the ranks to start."""
    port = free_port()
    return [subprocess.Popen(
        [*(commands[rank] if commands else []), str(binary), *map(str, arguments), *COMMON],
        env=environment(RANK=rank, WORLD_SIZE=count, LOCAL_RANK=rank, MASTER_ADDR=address, MASTER_PORT=port,
                        **settings),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for rank in (range(count) if only is None else only)]


def finish(processes, timeout=300):
    """(exit codes, stdouts, stderrs) of all ranks, in order."""
    try:
        said = [process.communicate(timeout=timeout) for process in processes]
    finally:
        for process in processes:
            process.kill()
    return [process.returncode for process in processes], [out for out, _ in said], [err for _, err in said]


def run_ranks(binary, count, *arguments, **options):
    """(stdouts, stderrs) of `count` ranks, all of which must succeed. `options` go to start_ranks."""
    codes, outputs, errors = finish(start_ranks(binary, count, *arguments, **options))
    assert codes == [0] * count, errors
    return outputs, errors


def torchrun(binary, count, *arguments, options=()):
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python", "--nproc-per-node", str(count),
         *options, str(binary), *map(str, arguments), *COMMON],
        env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
