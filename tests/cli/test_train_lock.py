"""Only one run at a time writes to a run directory."""

import signal

import pytest

from live_runs import start, starts, wait_until_it_trains
from training import write_config

COMMON = ("--device", "cpu", "--threads", "1")


@pytest.fixture
def running(binary, stories, tmp_path):
    """A run that does not end on its own: (process, config, its directory, its lock)."""
    config = write_config(tmp_path, stories, training__max_steps=1000000, evaluation=None)
    process = start(binary, config, quiet=False)
    wait_until_it_trains(tmp_path / "out", process)
    yield process, config, tmp_path / "out", tmp_path / ".out.lock"
    process.kill()
    process.communicate()


@pytest.mark.parametrize("arguments", [[], ["--resume"], ["--restart"]])
def test_a_second_run_is_refused_and_told_who_holds_it(expandft, running, arguments):
    process, config, run, lock = running
    result = expandft("train", "--config", config, *COMMON, *arguments)
    assert result.rc == 2
    assert f"another run is writing here: process {process.pid} on " in result.stderr
    assert str(run) in result.stderr
    assert process.poll() is None and lock.exists()
    assert expandft("train", "--config", config, *COMMON, "--dry-run").rc == 0


def test_a_lock_goes_with_its_run(running):
    process, _, _, lock = running
    assert lock.exists()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143 and not lock.exists()


def test_what_a_killed_run_leaves_is_taken_over(binary, running):
    killed, config, run, lock = running
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert lock.exists()
    before = starts(run)
    process = start(binary, config, "--restart", quiet=False)
    wait_until_it_trains(run, process, before)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 143
    assert f"info: process {killed.pid} on " in errors and "was writing here, and is gone" in errors
    assert not lock.exists()
