"""The machine that a benchmark runs on: its name, its free memory, and what a GPU's memory is used for."""

import os
import platform
import shutil
import subprocess
import threading
from pathlib import Path


def cpu_name():
    return next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                 if line.startswith("model name")), platform.machine())


def gpu_name():
    """Of the first GPU, or None where there is none."""
    if not shutil.which("nvidia-smi"):
        return None
    found = subprocess.run(["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", "-i", "0"], capture_output=True,
                           text=True)
    return found.stdout.strip() if found.returncode == 0 and found.stdout.strip() else None


def machine(device="cpu"):
    """One line for the page."""
    gpu = f"{gpu_name()}; " if device != "cpu" else ""
    return (f"Machine: {gpu}{cpu_name()}, {os.cpu_count()} logical processors; load {os.getloadavg()[0]:.1f} before the "
            "runs.")


def free_bytes():
    """Memory that programs can have now."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


class GpuMemory:
    """The most memory of the first GPU that was in use while this lasts, beyond what was before.

    Asked from outside every 20 ms, alike for all programs: the GPU should do nothing else.
    """

    QUERY = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", "-i", "0"]

    def __enter__(self):
        self.before = self.peak = self.number(subprocess.run(self.QUERY, capture_output=True, text=True).stdout)
        self.process = subprocess.Popen([*self.QUERY, "-lms", "20"], stdout=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        return self

    @staticmethod
    def number(line):
        return int(line) * 2**20  # MiB

    def read(self):
        for line in self.process.stdout:
            if line.strip().isdigit():
                self.peak = max(self.peak, self.number(line))

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.reader.join()
        self.process.stdout.close()

    @property
    def used(self):
        return self.peak - self.before
