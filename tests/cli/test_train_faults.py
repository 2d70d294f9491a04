"""Faults while a run trains: kills, full disks, damaged snapshots. The result is that of an undisturbed run."""

import json
import os
import random
import resource
import shutil
import signal
import subprocess
import time

import pytest

from faults import small_disk
from live_runs import start, starts, wait_for, wait_until_it_trains
from training import events, train, write_config

# Frequent snapshots and validations, and a fluctuating loss, so that the best step is not the last.
RUN = dict(training__max_steps=150, training__lr_scheduler="constant", training__learning_rate=2e-2,
           training__validate_every=5, training__checkpoint_every=2, evaluation__every=50)
OUTPUTS = ("adapter/adapter_model.safetensors", "merged/model.safetensors", "merged/README.md")
THEIR_OWN = {"seconds", "tokens_per_second", "peak_memory_bytes", "warnings"}  # these name files


def summary_of(run):
    summary = json.loads((run / "summary.json").read_text())
    for data in summary["data"].values():
        for source in data["sources"]:
            del source["path"]  # each run has its data in its own folder
    return {k: v for k, v in summary.items() if k not in THEIR_OWN}


def what_was_measured(run):
    """The events without times: (kind, step, values)."""
    kept = ("train", "validation", "evaluation", "outlier")
    return [{k: v for k, v in line.items() if k not in THEIR_OWN} for line in events(run) if line["event"] in kept]


def check_same(run, undisturbed):
    for file in OUTPUTS:
        assert (run / file).read_bytes() == (undisturbed / file).read_bytes(), file
    assert summary_of(run) == summary_of(undisturbed)
    assert what_was_measured(run) == what_was_measured(undisturbed)


@pytest.fixture(scope="module")
def finished(expandft, tmp_path_factory, stories):
    """An undisturbed run. Tests must not write there."""
    folder = tmp_path_factory.mktemp("finished")
    train(expandft, write_config(folder, stories, output="alone", **RUN))
    summary = summary_of(folder / "alone")
    assert 0 < summary["best_step"] < summary["steps"], "the last step is the best: less is tested"
    return folder / "alone"


@pytest.fixture
def undisturbed(tmp_path, stories, finished):
    """A copy of that run with its config at alone.json, and the config of an identical run."""
    shutil.copytree(finished, tmp_path / "alone")
    write_config(tmp_path, stories, "alone.json", output="alone", **RUN)
    return tmp_path / "alone", write_config(tmp_path, stories, "faulty.json", output="faulty", **RUN)


def finished_too_early(run, alone):
    """A machine that holds this process up lets a run finish before it is disturbed. The result is checked and removed:
    the next run begins anew."""
    check_same(run, alone)
    shutil.rmtree(run)


def test_killed_many_times_a_run_ends_in_the_same_weights(expandft, binary, tmp_path, undisturbed):
    alone, config = undisturbed
    run, kills, starts_left, seed = tmp_path / "faulty", 0, 40, random.randrange(10**6)
    chance, seconds_to_train = random.Random(seed), 0
    while kills < 12:
        assert starts_left > 0, f"{kills} kills (seed {seed}): the runs finish before they are killed"
        starts_left -= 1
        before, launch = starts(run), time.monotonic()
        process = start(binary, config, *(["--resume"] if run.exists() else []))
        if kills % 3 < 2:  # while it trains; otherwise before it
            wait_until_it_trains(run, process, before, chance.randrange(12))
            seconds_to_train = time.monotonic() - launch
        else:
            time.sleep(chance.uniform(0, seconds_to_train))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            finished_too_early(run, alone)
        else:
            kills += 1
    train(expandft, config, *(["--resume"] if run.exists() else []))
    check_same(run, alone)
    assert not [p for p in run.rglob("*.partial-*")]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_at_any_moment_do_not_change_what_comes_of_it(expandft, binary, tmp_path, undisturbed, number):
    alone, config = undisturbed
    run, chance, interruptions, starts_left = tmp_path / "faulty", random.Random(), 0, 24
    while interruptions < 6:
        assert starts_left > 0, f"{interruptions} interruptions: the runs finish before the signal"
        starts_left -= 1
        before = starts(run)
        process = start(binary, config, *(["--resume"] if run.exists() else []),
                        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
        wait_until_it_trains(run, process, before, chance.randrange(20))
        process.send_signal(number)
        _, stderr = process.communicate(timeout=120)
        assert process.returncode in (0, 128 + number, -number), stderr
        if process.returncode == 0:
            finished_too_early(run, alone)
        else:
            interruptions += 1
    if not (run / "summary.json").exists():
        train(expandft, config, "--resume")
    check_same(run, alone)


def small_files(limit):
    """A limit on the size of each file, which acts like a full disk: writing beyond it fails."""
    def set_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # otherwise it would end the process
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return set_limit


@pytest.mark.parametrize("file", ["parameters.safetensors", "optimizer.safetensors", "metrics.jsonl"])
def test_a_file_that_cannot_grow(expandft, binary, tmp_path, stories, undisturbed, file):
    alone, config = undisturbed
    run = tmp_path / "faulty"
    snapshot = max((alone / "checkpoints").iterdir())
    limit = 3000 if file == "metrics.jsonl" else (snapshot / file).stat().st_size - 1
    if file == "metrics.jsonl":  # before any snapshot
        config = write_config(tmp_path, stories, "faulty.json", output="faulty", **RUN | {
            "training__checkpoint_every": 100, "training__validate_every": 100})
    process = start(binary, config, preexec_fn=small_files(limit))
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 1, stderr
    assert file in stderr, stderr
    assert "File too large" in stderr or "the disk is full" in stderr, stderr
    assert not list(run.glob("checkpoints/step-*")) and not list(run.rglob("*.partial-*"))
    assert (run / "metrics.jsonl").read_text().endswith("\n")
    if file != "metrics.jsonl":
        train(expandft, config, "--resume")
        check_same(run, alone)


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_disk_that_fills_up_while_training(expandft, binary, tmp_path, undisturbed):
    alone, config = undisturbed
    with small_disk(tmp_path / "disk", "48m") as disk:
        run = disk / "run"
        elsewhere = ["--set", f"output={run}"]
        process = start(binary, config, *elsewhere)
        wait_for(lambda: list(run.glob("checkpoints/step-*")), process)
        filler = disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass  # full
        _, stderr = process.communicate(timeout=120)
        assert process.returncode == 1, stderr
        assert "free" in stderr or "space" in stderr or "disk" in stderr
        assert list(run.glob("checkpoints/step-*")), "the snapshots that were there are there"
        filler.unlink()
        train(expandft, config, "--resume", *elsewhere)
        check_same(run, alone)


def torn_files(snapshot):
    return sorted(p.name for p in snapshot.iterdir())


def test_a_torn_snapshot_is_passed_over(expandft, tmp_path, undisturbed):
    alone, _ = undisturbed
    run, config = alone, tmp_path / "alone.json"
    outputs = {file: (run / file).read_bytes() for file in OUTPUTS}
    complete = tmp_path / "complete"
    shutil.copytree(run, complete)
    newest, before = sorted((run / "checkpoints").iterdir())[-1:-3:-1]
    files = torn_files(newest)
    assert files == [".expandft", "optimizer.safetensors", "parameters.safetensors", "state.json"]
    for file in files:
        shutil.rmtree(run)
        shutil.copytree(complete, run)
        (run / "summary.json").unlink()
        os.truncate(newest / file, (newest / file).stat().st_size // 2)
        result = train(expandft, config, "--resume")
        done = int(before.name.removeprefix("step-"))
        assert f"{newest}: damaged snapshot" in result.stderr and "set aside" in result.stderr, file
        assert f"resuming after step {done}" in result.stderr, file
        assert {name: (run / name).read_bytes() for name in OUTPUTS} == outputs, file
        assert (run / f"checkpoints/{newest.name}.damaged").is_dir()
        assert what_was_measured(run) == what_was_measured(complete), file


def test_when_no_snapshot_is_whole_nothing_is_changed(expandft, tmp_path, undisturbed):
    run, config = undisturbed[0], tmp_path / "alone.json"
    (run / "summary.json").unlink()
    snapshots = list((run / "checkpoints").iterdir())
    for snapshot in snapshots:
        (snapshot / "state.json").write_text("{")
    before = {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}
    result = train(expandft, config, "--resume", rc=2)
    assert "no snapshot of the run is whole" in result.stderr and "--restart" in result.stderr
    assert all(str(snapshot) in result.stderr for snapshot in snapshots)
    assert {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()} == before


def test_a_best_snapshot_that_is_damaged_gives_the_last_weights(expandft, tmp_path, undisturbed, read_tensors):
    run, config = undisturbed[0], tmp_path / "alone.json"
    best = run / f"checkpoints/step-{summary_of(run)['best_step']:06}"
    os.truncate(best / "parameters.safetensors", 1000)
    (run / "summary.json").unlink()
    result = train(expandft, config, "--resume")
    assert best.name in result.stderr and "the last weights, not the best" in result.stderr
    summary = summary_of(run)
    assert summary["output_step"] == summary["steps"] == 150
    last = read_tensors(run / "checkpoints/step-000150/parameters.safetensors")
    assert all(last[name].equal(tensor) for name, tensor in read_tensors(run / "adapter").items())


@pytest.mark.parametrize("key, value", [("training.seed", "9"), ("training.batch_size", "2"),
                                        ("data.max_length", "32"), ("training.learning_rate", "0.5")])
def test_a_changed_config_is_refused_even_past_a_damaged_snapshot(expandft, tmp_path, stories, key, value):
    config = write_config(tmp_path, stories, training__checkpoint_every=2, evaluation=None)
    train(expandft, config)
    run = tmp_path / "out"
    (run / "summary.json").unlink()
    newest = max((run / "checkpoints").iterdir())
    os.truncate(newest / "optimizer.safetensors", 100)
    before = {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()}
    result = train(expandft, config, "--resume", "--set", f"{key}={value}", rc=2)
    assert key in result.stderr and f"{value} now" in result.stderr
    assert {p: p.read_bytes() for p in sorted(run.rglob("*")) if p.is_file()} == before
