"""Every shipped run config is valid, and trains."""

import json
import os
from pathlib import Path

import pytest

# Configs whose model is not shipped, and a shape that fits: theirs are tested with a random model of that shape.
NOT_SHIPPED = {"gemma.json": dict(num_hidden_layers=6, max_position_embeddings=1024)}
CONFIGS = sorted((Path(os.environ.get("EXPANDFT_SOURCE", Path(__file__).parents[2])) / "configs").glob("*.json"))


@pytest.fixture(params=CONFIGS, ids=lambda path: path.name)
def config(request):
    return request.param


@pytest.fixture
def settings(config, tiny_model):
    """Options that make the config work here."""
    if config.name not in NOT_SHIPPED:
        return []
    model = tiny_model(**NOT_SHIPPED[config.name])
    return ["--set", f"model={model}"]


def test_validates(expandft, config, settings):
    result = expandft("validate", config, *settings)
    assert result.rc == 0, result.stderr


def test_trains_two_steps(expandft, config, settings, tmp_path):
    run = tmp_path / "run"
    result = expandft("train", "--config", config, "--set", "training.max_steps=2", "--set", f"output={run}",
                      *settings, "--device", "cpu", timeout=900)
    assert result.rc == 0, result.stderr
    steps = [event for event in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
             if "learning_rate" in event]
    assert [event["step"] for event in steps] in ([0, 1], [1, 2]), steps
    assert (run / "adapter/adapter_model.safetensors").is_file()
    assert (run / "merged/config.json").is_file()


def test_there_are_configs():
    assert CONFIGS
