"""Every shipped run config is valid, and trains."""

import json
import os
from pathlib import Path

import pytest

CONFIGS = sorted((Path(os.environ.get("EXPANDFT_SOURCE", Path(__file__).parents[2])) / "configs").glob("*.json"))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_validates(expandft, config):
    result = expandft("validate", config)
    assert result.rc == 0, result.stderr


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: path.name)
def test_trains_two_steps(expandft, config, tmp_path):
    model = config.parent / json.loads(config.read_text())["model"]
    if not model.is_dir():
        pytest.skip(f"its model {model.name} is not shipped")
    run = tmp_path / "run"
    result = expandft("train", "--config", config, "--set", "training.max_steps=2", "--set", f"output={run}",
                      "--device", "cpu", timeout=600)
    assert result.rc == 0, result.stderr
    steps = [event for event in map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
             if "learning_rate" in event]
    assert [event["step"] for event in steps] in ([0, 1], [1, 2]), steps
    assert (run / "adapter/adapter_model.safetensors").is_file()
    assert (run / "merged/config.json").is_file()


def test_there_are_configs():
    assert CONFIGS
