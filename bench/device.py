"""The machine that a benchmark runs on: its name, free memory, and the GPU memory in use."""

import ctypes
import os
import platform
import shutil
import subprocess
import threading
from pathlib import Path


def cpu_name():
    return next((line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines()
                 if line.startswith("model name")), platform.machine())


def has_amx():
    """Whether the processor multiplies matrices of bfloat16."""
    return "amx_bf16" in Path("/proc/cpuinfo").read_text()


def gpu_index(device):
    """The index in "cuda" and "cuda:1"."""
    return int(device.partition(":")[2] or 0)


def gpu_name(device="cuda"):
    """The GPU's name; None if there is no such GPU."""
    if not shutil.which("nvidia-smi"):
        return None
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader", "-i", str(gpu_index(device))]
    found = subprocess.run(command, capture_output=True, text=True)
    return found.stdout.strip() if found.returncode == 0 and found.stdout.strip() else None


def machine(device="cpu"):
    """One line for the page."""
    gpu = f"{gpu_name(device)}; " if device != "cpu" else ""
    return (f"Machine: {gpu}{cpu_name()}, {os.cpu_count()} logical processors; "
            f"load {os.getloadavg()[0]:.1f} before the runs.")


def free_bytes():
    """Memory available to programs now."""
    lines = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    return int(lines["MemAvailable"].split()[0]) * 1024


class MemoryInfo(ctypes.Structure):
    """nvmlMemory_t, in bytes."""

    _fields_ = [(name, ctypes.c_ulonglong) for name in ("total", "free", "used")]


class GpuMemory:
    """Peak GPU memory in use during this context, beyond what was in use before.

    Read from the driver (NVML), in the same way for all programs. The GPU should do nothing else.
    """

    def __init__(self, device, interval=0.01):
        self.interval, self.ended = interval, threading.Event()
        self.nvml, self.handle = ctypes.CDLL("libnvidia-ml.so.1"), ctypes.c_void_p()
        self.check(self.nvml.nvmlInit_v2())
        self.check(self.nvml.nvmlDeviceGetHandleByIndex_v2(gpu_index(device), ctypes.byref(self.handle)))

    @staticmethod
    def check(status):
        if status != 0:
            raise SystemExit(f"the driver does not say what memory the GPU has in use: NVML status {status}")

    def in_use(self):
        info = MemoryInfo()
        self.check(self.nvml.nvmlDeviceGetMemoryInfo(self.handle, ctypes.byref(info)))
        return info.used

    def watch(self):
        while not self.ended.wait(self.interval):
            self.peak = max(self.peak, self.in_use())

    def __enter__(self):
        self.before = self.peak = self.in_use()
        self.watcher = threading.Thread(target=self.watch)
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.watcher.join()

    @property
    def used(self):
        return self.peak - self.before
