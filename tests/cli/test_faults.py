"""Every stage of expand, merge, train and eval × every fault: nothing is lost, and no partial output looks complete."""

import json
import os
import shutil

import pytest

import faults
from evaluation import damage
from faults import FAULTS, OUTPUTS, SIGNALS, STAGES, Fault, arguments_of, fresh_copy, run, small_disk, state
from training import train, write_config

TABLE = os.environ.get("EXPANDFT_FAULT_TABLE")  # a file that gets a line for each result (scripts/faults)


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    return faults.build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="module")
def inputs(expandft, tmp_path_factory, stories):
    """A folder with all inputs of the commands. Tests copy it."""
    folder = tmp_path_factory.mktemp("inputs")
    damage(stories, folder / "tuned", amount=0.1)
    fresh_copy(stories, folder / "model")
    config = write_config(folder, "model", output="run", training__max_steps=4, training__checkpoint_every=2,
                          training__validate_every=2, training__lr_scheduler="constant")
    train(expandft, config)
    (folder / "run/adapter").rename(folder / "adapter")
    shutil.rmtree(folder / "run")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Every command runs here, because outputs name the paths of their inputs."""
    return tmp_path_factory.mktemp("work") / "work"


@pytest.fixture(scope="module")
def undisturbed(binary, inputs, folder):
    """What each command writes without a fault: {command: state of its output}."""
    made = {}
    for command in STAGES:
        fresh_copy(inputs, folder)
        code, stderr, _ = run(binary, folder, arguments_of(command))
        assert code == 0, stderr
        made[command] = state(folder / OUTPUTS[command])
    return made


def leftovers(folder):
    return [p for p in folder.rglob("*") if ".partial" in p.name or p.name.endswith(".lock") or ".expandft-" in p.name]


def check_nothing_half(command, output, whole):
    """Checks that the output is complete or absent, and each part of a run as well. Returns which."""
    if not output.exists():
        return "nothing"
    if command != "train":
        assert state(output) == whole
        return "whole"
    for part in ("adapter", "merged", "summary.json"):
        for name, digest in state(output / part).items() if (output / part).exists() else ():
            assert whole[name if part == name else f"{part}/{name}" if name != "." else part] == digest
    for line in (output / "metrics.jsonl").read_text().splitlines() if (output / "metrics.jsonl").exists() else ():
        json.loads(line)
    steps = sorted(int(p.name.removeprefix("step-")) for p in (output / "checkpoints").glob("step-*"))
    if (output / "summary.json").exists():
        return "whole"
    return f"step {steps[-1]}" if steps else "step 0"


def check_told(fault, code, stderr, left):
    """The exit code reports the fault, and an error says what happened and where."""
    if code == 0:
        assert left == "whole", "the fault was passed over, and the output is not there"
        return
    if fault in SIGNALS:
        assert code in (-SIGNALS[fault], 128 + SIGNALS[fault]) and code != 128 + 9, stderr
        return
    assert code in (1, 2), f"{code}: {stderr}"
    assert "error: " in stderr and "\n  where: " in stderr, stderr
    reasons = {"full": ["No space left", " free, expected"], "deny": ["Permission denied"],
               "cut": ["model/model.safetensors"]}
    assert any(reason in stderr for reason in reasons[fault]), stderr


def check_ended_in_order(stage, number, code, stderr, left, folder):
    """A run that a signal ended says so, and names a report of the run so far and the command that resumes it."""
    stages = list(STAGES["train"])
    if left == "whole" or stages.index(stage) < stages.index("logs a step"):
        return
    assert code == 128 + number, stderr
    assert "; everything is saved" in stderr or "; training is done, and saved" in stderr, stderr
    assert "continue with: expandft train --config run.json --resume" in stderr
    assert f"{folder}/run/report.html" in stderr and (folder / "run/report.html").exists()


def check_repeat(binary, folder, command, left, whole):
    """The command repeated (with --resume if there is a run) completes the output."""
    output, arguments = folder / OUTPUTS[command], arguments_of(command)
    if command == "train" and output.exists():
        arguments.append("--resume")
    if left != "whole" or command == "train":
        code, stderr, _ = run(binary, folder, arguments)
        assert code == 0, stderr
    assert state(output) == whole
    assert not leftovers(folder)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command, stage", [(command, stage) for command in STAGES for stage in STAGES[command]])
def test_nothing_is_lost_and_nothing_half_is_whole(binary, shim, inputs, folder, undisturbed, command, stage, fault):
    fresh_copy(inputs, folder)
    before = state(inputs)

    fault_at = Fault(fault, STAGES[command][stage])
    code, stderr, happened = run(binary, folder, arguments_of(command), shim, fault_at)
    assert happened, f"nothing did {STAGES[command][stage]!r}: the stage has another name now"
    left = check_nothing_half(command, folder / OUTPUTS[command], undisturbed[command])
    check_told(fault, code, stderr, left)
    if command == "train" and fault in ("term", "int"):
        check_ended_in_order(stage, SIGNALS[fault], code, stderr, left, folder)
    if fault == "full" or (fault in ("term", "int") and command in ("expand", "merge")):
        assert not leftovers(folder)
    if command != "train" and "ended by a signal: " in stderr:
        assert (" is whole" in stderr) == (left == "whole"), stderr
    if fault == "cut":
        shutil.copy(inputs / "model/model.safetensors", folder / "model")
    assert {name: digest for name, digest in state(folder).items() if name in before} == before

    check_repeat(binary, folder, command, left, undisturbed[command])
    if TABLE:
        with open(TABLE, "a") as table:
            print(json.dumps([command, stage, fault, code if code >= 0 else 128 - code, left]), file=table)


@pytest.mark.parametrize("signal", ["term", "int"])
def test_a_signal_removes_what_unmerge_has_written_and_made(binary, shim, inputs, folder, signal):
    fresh_copy(inputs, folder)
    assert run(binary, folder, arguments_of("merge"))[0] == 0
    arguments = ["unmerge", "--model", "merged", "--output", "new/folders/base"]
    half_way = Fault(signal, "write new/folders/.base.partial/model.safetensors #24")
    code, stderr, happened = run(binary, folder, arguments, shim, half_way)
    assert happened and code == -SIGNALS[signal]
    assert "ended by a signal: " in stderr and "new/folders/base is not written" in stderr
    assert not (folder / "new").exists()


@pytest.fixture
def disk(folder):
    """Makes the folder a separate file system."""
    shutil.rmtree(folder, ignore_errors=True)
    with small_disk(folder, "64m"):
        yield folder


@pytest.mark.parametrize("command, stage", [
    ("expand", "writes the first tensor"), ("expand", "writes config.json"), ("merge", "creates the folder"),
    ("train", "renames the run directory"), ("train", "logs a step"), ("train", "writes the adapter"),
    ("eval", "caches the base's outputs"), ("eval", "writes the result")])
def test_a_disk_that_is_full(binary, shim, inputs, undisturbed, disk, command, stage):
    """A real error: another file fills up a small disk."""
    fresh_copy(inputs, disk)
    fault = Fault("fill", STAGES[command][stage])
    code, stderr, happened = run(binary, disk, arguments_of(command), shim, fault)
    assert happened
    left = check_nothing_half(command, disk / OUTPUTS[command], undisturbed[command])
    check_told("full", code, stderr, left)
    (disk / "filler").unlink()
    check_repeat(binary, disk, command, left, undisturbed[command])
