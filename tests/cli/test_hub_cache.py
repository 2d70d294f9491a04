"""Models in the Hugging Face cache: by hub name, cache entry and snapshot, in every command and in run configs."""

import json
import shutil
from pathlib import Path

import pytest
from training import write_config

COMMIT = "0123456789abcdef"


@pytest.fixture
def cache(tmp_path, stories):
    """A cache with org/name (blobs, links into them, refs/main), as hf download creates it."""
    entry = tmp_path / "hub/models--org--name"
    snapshot = entry / "snapshots" / COMMIT
    for folder in (entry / "blobs", entry / "refs", snapshot / "step-1000"):
        folder.mkdir(parents=True)
    (entry / "refs/main").write_text(COMMIT)
    for i, file in enumerate(sorted(Path(stories).iterdir())):
        shutil.copy(file, entry / "blobs" / str(i))
        (snapshot / file.name).symlink_to(f"../../blobs/{i}")
        (snapshot / "step-1000" / file.name).symlink_to(f"../../../blobs/{i}")
    return tmp_path / "hub"


@pytest.fixture
def score(expandft, tmp_path):
    ids = tmp_path / "ids.json"
    ids.write_text(json.dumps([1, 403, 407, 261, 378]))

    def run(model, **environment):
        return expandft("score", "--model", model, "--ids", ids, "--device", "cpu", env=environment)

    return run


def test_each_way_to_name_a_model_is_the_same_model(score, cache, stories):
    expected = score(stories)
    assert expected.rc == 0, expected.stderr
    entry = cache / "models--org--name"
    home = {"HF_HUB_CACHE": "", "HF_HOME": str(cache.parent)}  # whose hub/ is the cache
    for model, environment in [
        ("org/name", {"HF_HUB_CACHE": str(cache)}), (f"org/name@{COMMIT}", {"HF_HUB_CACHE": str(cache)}),
        ("org/name@main", home), (entry, {}), (f"{entry}/", {}), (entry / "snapshots" / COMMIT, {}),
        (entry / "snapshots" / COMMIT / "step-1000", {}),
    ]:
        result = score(model, **environment)
        assert result.rc == 0, result.stderr
        assert result.stdout == expected.stdout
    assert f"org/name: found in the Hugging Face cache, {entry}" in score("org/name", HF_HUB_CACHE=str(cache)).stderr


def test_a_model_that_is_not_there_gets_the_download_command(expandft, score, cache, tmp_path):
    environment = {"HF_HUB_CACHE": str(cache)}
    name = "google/gemma-3-270m"
    task = tmp_path / "stories.json"
    task.write_text(json.dumps({"name": "stories", "type": "perplexity", "data": "stories.txt", "block_length": 64}))
    (tmp_path / "stories.txt").write_text("Once upon a time there was a little girl. " * 20)
    for result in (score(name, **environment), expandft("inspect", name, env=environment),
                   expandft("generate", "--model", name, "--prompt", "a", env=environment),
                   expandft("expand", "--model", name, "--layers", "all", "--output", tmp_path / "out", env=environment),
                   expandft("eval", "--model", name, "--tasks", task, env=environment),
                   expandft("unmerge", "--model", name, "--output", tmp_path / "out", env=environment)):
        assert result.rc == 2 and f"hf download {name}" in result.stderr, result.stderr
        assert str(cache) in result.stderr


def test_an_unclear_or_unfinished_entry_is_told(score, cache):
    environment = {"HF_HUB_CACHE": str(cache)}
    entry = cache / "models--org--name"
    (entry / "refs/main").unlink()
    (entry / "snapshots/other").mkdir()
    result = score("org/name", **environment)
    assert result.rc == 2 and COMMIT in result.stderr and "other" in result.stderr, result.stderr
    (entry / "snapshots" / COMMIT / "model.safetensors").unlink()
    (entry / "blobs/77.incomplete").touch()
    result = score(f"org/name@{COMMIT}", **environment)
    assert result.rc == 2 and "not finished" in result.stderr, result.stderr
    assert "hf download org/name" in result.stderr


def test_a_run_config_names_a_model_of_the_hub(expandft, cache, tmp_path):
    environment = {"HF_HUB_CACHE": str(cache)}
    config = write_config(tmp_path, "org/name", method="lora")
    result = expandft("train", "--config", config, "--device", "cpu", env=environment)
    assert result.rc == 0, result.stderr
    out = tmp_path / "out"
    snapshot = cache / "models--org--name/snapshots" / COMMIT
    assert json.loads((out / "config.resolved.json").read_text())["model"] == str(snapshot)
    assert json.loads((out / "adapter/adapter_config.json").read_text())["base_model_name_or_path"] == "org/name"
    assert "base_model: org/name\n" in (out / "merged/README.md").read_text()
    merged = expandft("merge", "--model", "org/name", "--adapter", out / "adapter", "--output", tmp_path / "merged",
                      "--device", "cpu", env=environment)
    assert merged.rc == 0, merged.stderr
    assert f"org/name ({snapshot})" in merged.stdout

    config = write_config(tmp_path, "org/none")
    for command in (["validate", config], ["train", "--config", config, "--dry-run"]):
        result = expandft(*command, env=environment)
        assert result.rc == 2 and "hf download org/none" in result.stderr, result.stderr
