"""Runs a program and measures its time and memory from outside."""

import os
import resource
import subprocess
import threading
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Watched:
    """Measurements of a run. Memory is in bytes."""
    returncode: int = 0
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0  # of all its threads, including system time
    anonymous: int = 0  # peak, without mapped files
    resident: int = 0  # peak, with mapped files


def memory_of(pid):
    """(anonymous, resident) bytes of a process now, or None when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return None
    numbers = {key: int(value.split()[0]) * 1024 for key, _, value in (line.partition(":") for line in lines)
               if key in ("RssAnon", "RssShmem", "VmRSS")}
    if len(numbers) < 3:
        return None  # it has ended but was not waited for yet
    return numbers["RssAnon"] + numbers["RssShmem"], numbers["VmRSS"]


def children_cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run_watched(command, interval=0.003):
    seen = Watched()
    start, cpu_before = time.monotonic(), children_cpu_seconds()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               text=True)

    def watch():
        while (memory := memory_of(process.pid)) is not None:
            seen.anonymous = max(seen.anonymous, memory[0])
            seen.resident = max(seen.resident, memory[1])
            time.sleep(interval)

    watcher = threading.Thread(target=watch)
    watcher.start()
    seen.stdout, seen.stderr = process.communicate()
    seen.seconds = time.monotonic() - start
    watcher.join()
    seen.cpu_seconds = children_cpu_seconds() - cpu_before
    seen.returncode = process.returncode
    return seen


def timed_copy(source, target):
    """Seconds that dd takes to copy a file and sync it to disk. The copy is removed."""
    start = time.monotonic()
    subprocess.run(["dd", f"if={source}", f"of={target}", "bs=16M", "conv=fsync", "status=none"], check=True)
    seconds = time.monotonic() - start
    os.remove(target)
    return seconds
