"""The cache of the frozen layers' states: same results wherever it is stored and whenever it was filled."""

import json
import signal

import pytest

from live_runs import start, wait_for
from training import events, train, write_config

# Three epochs of a short text, a few steps each.
RUN = dict(training__max_steps=None, training__epochs=3, training__checkpoint_every=2, evaluation=None,
           retention={"weight": 0.5, "samples": 6, "sample_length": 24, "batch_size": 4})
ADAPTER = "adapter/adapter_model.safetensors"


def run(expandft, folder, model, name, *arguments, **settings):
    """Trains into folder/name; returns that folder and the program's result."""
    config = write_config(folder, model, f"{name}.json", output=name, **(RUN | settings))
    (folder / "train.txt").write_text("".join(f"Speaker {i}: {'word ' * (i % 40)}\n" for i in range(90)))
    result = train(expandft, config, *arguments)
    return folder / name, result


def losses(run):
    return [(line["loss"], line["retention"]) for line in events(run, "train")]


def test_a_run_with_a_cache_learns_what_one_without_does(expandft, tmp_path, stories):
    without, _ = run(expandft, tmp_path, stories, "without")
    memory, result = run(expandft, tmp_path, stories, "memory", training__cache_prefix="memory")
    disk, _ = run(expandft, tmp_path, stories, "disk", training__cache_prefix="disk")
    assert "examples of the training data are kept in memory" in result.stderr
    assert "6 of 6 examples of the retention text are kept in memory" in result.stderr
    first_epoch = len(losses(without)) // 3
    assert first_epoch > 4
    assert losses(memory)[:first_epoch - 1] == losses(without)[:first_epoch - 1]  # bit for bit
    for found, expected in zip(losses(memory), losses(without), strict=True):
        assert found == pytest.approx(expected, abs=1e-6)
    assert (memory / ADAPTER).read_bytes() == (disk / ADAPTER).read_bytes()
    assert losses(memory) == losses(disk)
    assert sorted(p.name for p in disk.iterdir()) == sorted(p.name for p in without.iterdir())


@pytest.mark.parametrize("settings", [
    dict(training__cache_prefix="memory"), dict(training__cache_prefix="disk"),
    dict(training__cache_prefix="memory", training__cache_prefix_limit="1MB")], ids=["memory", "disk", "limit"])
def test_a_killed_run_ends_in_the_same_weights(expandft, binary, tmp_path, stories, settings):
    alone, result = run(expandft, tmp_path, stories, "alone", **settings)
    [kept, total] = [int(n) for n in result.stderr.split(" examples of the training data")[0].split()[-3::2]]
    assert 0 < kept < total if "training__cache_prefix_limit" in settings else kept == total
    config = write_config(tmp_path, stories, "killed.json", output="killed", **(RUN | settings))
    (tmp_path / "train.txt").write_text("".join(f"Speaker {i}: {'word ' * (i % 40)}\n" for i in range(90)))
    process = start(binary, config)
    middle, metrics = len(losses(alone)) // 2, tmp_path / "killed/metrics.jsonl"
    wait_for(lambda: metrics.exists() and len(events(tmp_path / "killed", "train")) >= middle, process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    train(expandft, config, "--resume")
    assert (tmp_path / "killed" / ADAPTER).read_bytes() == (alone / ADAPTER).read_bytes()
    assert losses(tmp_path / "killed") == losses(alone)


@pytest.mark.parametrize("settings, why", [
    (dict(expansion__layers="all"), "there is no frozen layer below the trained ones"),
    (dict(method="full"), "there is no frozen layer below the trained ones"),
    (dict(training__epochs=1, retention=None), "in a single epoch no example is computed twice")])
def test_a_cache_that_would_hold_nothing_is_warned_of(expandft, tmp_path, stories, settings, why):
    _, result = run(expandft, tmp_path, stories, "out", training__cache_prefix="memory", **settings)
    assert f"training.cache_prefix has no effect: {why}" in result.stderr


def test_checkpointing_changes_no_bit(expandft, tmp_path, stories):
    plain, _ = run(expandft, tmp_path, stories, "plain")
    saving, _ = run(expandft, tmp_path, stories, "saving", training__gradient_checkpointing=True)
    assert losses(saving) == losses(plain)
    assert (saving / ADAPTER).read_bytes() == (plain / ADAPTER).read_bytes()


def test_both_may_change_on_resuming(expandft, tmp_path, stories):
    run(expandft, tmp_path, stories, "out", training__epochs=1)
    folder, result = run(expandft, tmp_path, stories, "out", "--resume", training__cache_prefix="memory",
                         training__gradient_checkpointing=True)
    assert "resuming after step" in result.stderr
    assert json.loads((folder / "config.resolved.json").read_text())["training"]["cache_prefix"] == "memory"
