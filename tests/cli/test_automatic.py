"""Training settings that are "auto": what they stand for is said, kept in config.resolved.json, and kept by --resume."""

import json
import re

import pytest

from ranks import run_ranks
from training import train, write_config

SETTINGS = dict(training__precision="auto", training__micro_batch_size="auto", training__max_steps=2,
                training__checkpoint_every=1, data__validation=None, evaluation=None)


def resolved(run):
    return json.loads((run / "config.resolved.json").read_text())["training"]


def adapter(run):
    return (run / "adapter/adapter_model.safetensors").read_bytes()


def test_the_choice_is_said_and_kept(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, **SETTINGS)
    result = train(expandft, config)
    precision = re.search(r"precision: (\w+) \((on a GPU|the processor has .+)\)\n", result.stderr)[1]
    assert re.search(r"micro_batch_size: 4 \(\d+ tokens: training takes up to .* more, and .* are free; a step has no "
                     r"more\)\n", result.stderr)
    kept = resolved(tmp_path / "out")
    assert kept["precision"] == precision and precision in ("float32", "bfloat16")
    assert kept["micro_batch_size"] == 4


def test_it_computes_as_with_the_same_values_given(expandft, tmp_path, stories):
    train(expandft, write_config(tmp_path, stories, "auto.json", output="auto", **SETTINGS))
    kept = resolved(tmp_path / "auto")
    given = SETTINGS | {f"training__{key}": kept[key] for key in ("precision", "micro_batch_size")}
    train(expandft, write_config(tmp_path, stories, "given.json", output="given", **given))
    assert resolved(tmp_path / "given") == kept
    assert adapter(tmp_path / "auto") == adapter(tmp_path / "given")


def test_a_resumed_run_keeps_it(expandft, tmp_path, stories):
    first = SETTINGS | dict(training__precision="bfloat16", training__micro_batch_size=2)
    train(expandft, write_config(tmp_path, stories, **first))
    config = write_config(tmp_path, stories, **SETTINGS | dict(training__max_steps=4))
    result = train(expandft, config, "--resume")
    assert "precision: bfloat16 (as before)" in result.stderr
    assert "micro_batch_size: 2 (as before)" in result.stderr
    kept = resolved(tmp_path / "out")
    assert (kept["precision"], kept["micro_batch_size"]) == ("bfloat16", 2)
    train(expandft, write_config(tmp_path, stories, output="whole", **first | dict(training__max_steps=4)))
    assert adapter(tmp_path / "out") == adapter(tmp_path / "whole")


@pytest.mark.parametrize("key, value", [("precision", "float16"), ("micro_batch_size", 1)])
def test_a_snapshot_knows_what_was_chosen(expandft, tmp_path, stories, key, value):
    train(expandft, write_config(tmp_path, stories, **SETTINGS))
    chosen = resolved(tmp_path / "out")[key]
    changed = SETTINGS | {"training__max_steps": 4, f"training__{key}": value}
    result = train(expandft, write_config(tmp_path, stories, **changed), "--resume", rc=2)
    assert f"training.{key}: {json.dumps(chosen)} in the snapshot, {json.dumps(value)} now" in result.stderr


def test_a_run_of_a_version_that_kept_auto_resumes(expandft, tmp_path, stories):
    """There it meant float32 on every CPU."""
    train(expandft, write_config(tmp_path, stories, **SETTINGS | dict(training__precision="float32")))
    files = [tmp_path / "out/config.resolved.json", *(tmp_path / "out/checkpoints").glob("*/state.json")]
    assert len(files) > 1
    for file in files:
        text = file.read_text()
        assert re.search(r'"precision": ?"float32"', text)
        file.write_text(re.sub(r'"precision": ?"float32"', '"precision": "auto"', text))
    config = write_config(tmp_path, stories, **SETTINGS | dict(training__max_steps=4))
    result = train(expandft, config, "--resume")
    assert "resuming after step 2 of 4" in result.stderr
    assert resolved(tmp_path / "out")["precision"] == "auto"


def test_the_dry_run_tells(expandft, tmp_path, stories):
    result = train(expandft, write_config(tmp_path, stories, **SETTINGS), "--dry-run")
    assert re.search(r"^precision +(float32|bfloat16) \(", result.stdout, re.MULTILINE)
    assert re.search(r"^micro_batch_size +4 \(", result.stdout, re.MULTILINE)
    assert re.search(r"^training.micro_batch_size +4 +\(auto\)$", result.stdout, re.MULTILINE)


def test_ranks_choose_the_same(binary, tmp_path, stories):
    config = write_config(tmp_path, stories, **SETTINGS)
    run_ranks(binary, 2, "train", "--config", config)
    kept = resolved(tmp_path / "out")
    assert kept["micro_batch_size"] == 2  # each rank's half of a step
    assert kept["precision"] in ("float32", "bfloat16")
