"""Training runs that a test watches while they run."""

import os
import subprocess
import time

NOTHING = (0, 0)  # `starts` of a run that has not begun


def start(binary, config, *arguments, quiet=True, **settings):
    command = [binary, "train", "--config", config, "--device", "cpu", "--threads", "1", *arguments]
    return subprocess.Popen(command + ["--quiet"] * quiet, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                            **settings)


def wait_for(condition, process, may_finish=False):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and not condition():
        time.sleep(0.001)
    assert process.poll() is None or (may_finish and process.returncode == 0), process.stderr.read()


def starts(run):
    """Tells the start of one training process from another's; a restarted run has another file."""
    try:
        with open(run / "metrics.jsonl") as metrics:  # a restarted run removes it
            return os.fstat(metrics.fileno()).st_ino, metrics.read().count('"start"')
    except FileNotFoundError:
        return NOTHING


def has_step(run, step):
    metrics = run / "metrics.jsonl"
    return metrics.exists() and f'"step":{step},' in metrics.read_text().replace(" ", "")


def wait_until_it_trains(run, process, before=NOTHING, lines=0):
    """Waits until the process has begun to train and has logged `lines` more events (steps, snapshots, validations), or
    has finished; the caller decides whether it may. `before`: the value of `starts` when it was started."""
    wait_for(lambda: starts(run) != before and starts(run)[1] > 0, process, may_finish=True)
    metrics = run / "metrics.jsonl"
    target = metrics.read_bytes().count(b"\n") + lines
    wait_for(lambda: metrics.read_bytes().count(b"\n") >= target, process, may_finish=True)
