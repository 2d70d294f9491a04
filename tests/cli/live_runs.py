"""Runs of training that go on while a test looks at them."""

import os
import subprocess
import time

NOTHING = (0, 0)  # what `starts` says of a run that has not begun


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
    """Tells one process's beginning of training from another's: a run that begins anew has another file."""
    try:
        with open(run / "metrics.jsonl") as metrics:  # which a run that begins anew takes away
            return os.fstat(metrics.fileno()).st_ino, metrics.read().count('"start"')
    except FileNotFoundError:
        return NOTHING


def has_step(run, step):
    metrics = run / "metrics.jsonl"
    return metrics.exists() and f'"step":{step},' in metrics.read_text().replace(" ", "")


def wait_until_it_trains(run, process, before=NOTHING, lines=0):
    """Until the process has begun to train, and has told of `lines` things more (steps, snapshots, validations), or
    has finished: whether it may is for its caller to judge. `before`: `starts` when it was started."""
    wait_for(lambda: starts(run) != before and starts(run)[1] > 0, process, may_finish=True)
    metrics = run / "metrics.jsonl"
    target = metrics.read_bytes().count(b"\n") + lines
    wait_for(lambda: metrics.read_bytes().count(b"\n") >= target, process, may_finish=True)
