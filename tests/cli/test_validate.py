"""expandft validate, tasks and schema."""

import json

import pytest


@pytest.fixture
def config(tmp_path, stories):
    """Writes a run config: config(model="…") changes keys of a good one; None removes a key."""
    (tmp_path / "text.txt").write_text("Once upon a time.\n")

    def write(name="run.json", **changes):
        values = {"model": str(stories), "output": "run", "expansion": {"layers": "all"},
                  "data": {"train": "text.txt"}, "evaluation": {"original_tasks": ["tinystories"]}} | changes
        file = tmp_path / name
        file.write_text(json.dumps({key: value for key, value in values.items() if value is not None}))
        return file

    return write


def test_good_configs(expandft, config):
    first, second = config(), config("second.json")
    result = expandft("validate", first, second)
    assert result.rc == 0, result.stderr
    assert result.stdout.split() == ["ok", str(first), "ok", str(second)]
    assert result.stderr == ""


def test_all_files_and_all_problems_are_named(expandft, config):
    good, bad = config(), config("bad.json", modle="x", training={"learning_rate": -1, "epoch": 3})
    result = expandft("validate", bad, good)
    assert result.rc == 2
    assert result.stdout.split() == ["wrong", str(bad), "ok", str(good)]
    for part in ("modle", "model", "training.learning_rate", "training.epoch", "epochs"):
        assert part in result.stderr


def test_files_that_are_missing(expandft, config):
    result = expandft("validate", config(data={"train": "none.txt"}, evaluation={"tasks": ["tinystory"]}))
    assert result.rc == 2
    assert "data.train" in result.stderr and "none.txt" in result.stderr
    assert "evaluation.tasks[0]" in result.stderr and "tinystories" in result.stderr


def test_json(expandft, config, tmp_path):
    good, bad = config(), config("bad.json", train=7)
    result = expandft("validate", good, bad, tmp_path / "none.json", "--json")
    assert result.rc == 2
    verdicts = json.loads(result.stdout)
    assert [verdict["ok"] for verdict in verdicts] == [True, False, False]
    assert verdicts[0] == {"config": str(good), "ok": True}
    assert set(verdicts[1]["error"]) == {"what", "where", "hint"}
    assert "none.json" in verdicts[2]["error"]["where"] + verdicts[2]["error"]["what"]


def test_overrides(expandft, config):
    file = config()
    assert expandft("validate", "--set", "training.seed=8", file).rc == 0
    result = expandft("validate", file, "--set", "training.seed=x", "--set", "training.sede=1")
    assert result.rc == 2
    assert "training.seed" in result.stderr and "training.sede" in result.stderr


def test_schema_takes_what_validate_takes(expandft, config):
    result = expandft("schema")
    assert result.rc == 0
    schema = json.loads(result.stdout)
    assert "2020-12" in schema["$schema"]
    keys = json.loads(config().read_text())
    assert set(keys) <= set(schema["properties"])
    assert set(schema["required"]) <= set(keys)


def test_schema_as_a_reference(expandft):
    result = expandft("schema", "--markdown")
    assert result.rc == 0
    assert "learning_rate" in result.stdout and "|" in result.stdout


def test_tasks(expandft, source):
    result = expandft("tasks", "--json")
    assert result.rc == 0
    tasks = {task["name"]: task for task in json.loads(result.stdout)}
    for file in (source / "configs/tasks").glob("*.json"):
        task = tasks[json.loads(file.read_text())["name"]]
        assert task["type"] in {"perplexity", "rolling", "choice", "continuation", "generate"}
        # The data of a benchmark is the user's; that of our own texts is in the repository.
        assert task["data_is_there"] is (task["type"] == "perplexity"), task
        assert task["data_is_there"] or task["source"].startswith("Hugging Face") or task["name"] == "translation"
    text = expandft("tasks")
    assert text.rc == 0
    assert "tinystories" in text.stdout and "there" in text.stdout


def test_tasks_beside_a_config(expandft, tmp_path):
    (tmp_path / "own.json").write_text(json.dumps({"name": "own", "type": "perplexity", "data": "none.txt"}))
    tasks = {task["name"]: task for task in json.loads(expandft("tasks", tmp_path, "--json").stdout)}
    assert tasks["own"]["data_is_there"] is False
    assert "missing: " in expandft("tasks", tmp_path).stdout
    assert expandft("tasks", tmp_path / "none").rc == 2
