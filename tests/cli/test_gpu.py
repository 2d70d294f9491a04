"""Tests that need a GPU; skipped without one. scripts/gpu-check runs only these."""

import json

import pytest

from training import events, write_config

pytestmark = pytest.mark.gpu


def logprobs(expandft, model, ids, device, precision):
    result = expandft("score", "--model", model, "--ids", ids, "--device", device, "--precision", precision)
    assert result.rc == 0, result.stderr
    return [json.loads(line)["logprob"] for line in result.stdout.splitlines()[1:]]


@pytest.mark.parametrize("precision, tolerance", [("float32", 1e-3), ("bfloat16", 0.3)])
def test_scores_as_the_cpu_does(expandft, tmp_path, stories, precision, tolerance):
    ids = tmp_path / "ids.json"
    ids.write_text(json.dumps([1, 403, 407, 261, 378, 432, 419, 292]))
    expected = logprobs(expandft, stories, ids, "cpu", "float32")
    assert logprobs(expandft, stories, ids, "cuda", precision) == pytest.approx(expected, abs=tolerance)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_expands_bit_for_bit(expandft, tmp_path, tiny_model, dtype):
    result = expandft("expand", "--model", tiny_model(dtype=dtype), "--output", tmp_path / "out", "--layers", "0,2",
                      "--copies", "3", "--device", "cuda", "--json")
    assert result.rc == 0, result.stderr
    assert json.loads(result.stdout)["split_form"]["identical"] is True


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_trains_as_the_cpu_does(expandft, tmp_path, stories, precision):
    losses = {}
    for device in ("cpu", "cuda"):
        config = write_config(tmp_path, stories, f"{device}.json", output=device, evaluation=None,
                              training__precision=precision if device == "cuda" else "float32")
        result = expandft("train", "--config", config, "--device", device)
        assert result.rc == 0, result.stderr
        losses[device] = [line["loss"] for line in events(tmp_path / device, "train")]
    assert losses["cuda"] == pytest.approx(losses["cpu"], abs=2e-3 if precision == "float32" else 0.1)
