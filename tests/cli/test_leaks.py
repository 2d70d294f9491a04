"""Memory over many steps: a small leak per step would end long jobs after days."""

import json
import statistics
import time

import psutil
import pytest

from live_runs import start
from training import write_config

STEPS = 1200


def resident(process):
    """Resident bytes of a process; None if it has ended."""
    try:
        return psutil.Process(process).memory_info().rss
    except psutil.NoSuchProcess:
        return None


def last_step(metrics):
    lines = metrics.read_text().splitlines() if metrics.exists() else []
    steps = [json.loads(line)["step"] for line in lines[-3:-1]]  # the last line may be incomplete
    return max(steps, default=0)


@pytest.mark.bounded_memory
def test_memory_is_flat_over_a_thousand_steps(binary, stories, tmp_path):
    """Training, retention, validation and snapshots, each many times."""
    config = write_config(tmp_path, stories, training__max_steps=STEPS, training__batch_size=2,
                          training__micro_batch_size=1, training__validate_every=50, training__checkpoint_every=100,
                          data__max_length=32, retention={"weight": 1.0, "text": "stories.txt"}, evaluation=None)
    process = start(binary, config)
    seen = []  # (step, bytes)
    while process.poll() is None:
        step, size = last_step(tmp_path / "out/metrics.jsonl"), resident(process.pid)
        if step and size:
            seen.append((step, size))
        time.sleep(0.02)
    assert process.returncode == 0, process.stderr.read()
    early = [size for step, size in seen if 150 <= step < 350]
    late = [size for step, size in seen if STEPS - 200 <= step < STEPS]
    assert len(early) > 5 and len(late) > 5, "too few samples"
    grown = statistics.median(late) / statistics.median(early) - 1
    print(f"memory after {STEPS} steps: {statistics.median(late) / 2**20:.1f} MiB, {grown:+.2%}")
    assert abs(grown) < 0.01, f"memory grew by {grown:.2%} over {STEPS - 300} steps"
