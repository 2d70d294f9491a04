"""expandft validate, tasks and schema."""

import json

import pytest


@pytest.fixture
def config(tmp_path, stories):
    """Writes a run config: config(model="…") changes keys of a valid one; None removes a key."""
    (tmp_path / "text.txt").write_text("Once upon a time.\n")

    def write(name="run.json", **changes):
        values = {"model": str(stories), "output": "run", "expansion": {"layers": "all"},
                  "data": {"train": "text.txt"}, "evaluation": {"original_tasks": ["tinystories"]}} | changes
        values["data"] = {"max_length": 512} | values["data"]
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
    good, bad = config(), config("bad.json", method=7)
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


ROWS = [{"prompt": f"Q{i}", "completion": f"A{i} is the answer"} for i in range(20)]


def write_rows(file, rows):
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def problems(expandft, *arguments, rc=2):
    result = expandft("validate", *arguments)
    assert result.rc == rc, result.stderr
    return result.stderr


@pytest.mark.parametrize("changes, words", [
    ({"expansion": {"layers": "7"}}, ["7"]),
    ({"expansion": {"layers": {"auto": 9}}}, ["9"]),
    ({"expansion": {"layers": "0"}, "layout": "native"}, ["that every layer grows"]),
    ({"expansion": {"layers": {"auto": 2}}, "layout": "native"}, ["that every layer grows"]),
    ({"expansion": {"layers": "all", "copies": 3}, "method": "zero-init"}, ["copies"]),
    ({"method": "last:9"}, ["last:9", "5"]),
    ({"method": "lora", "lora": {"targets": ["q_proj", "wq"]}}, ['"wq"', "down_proj"]),
    ({"method": "full", "training": {"shard_base": True}}, ["shard_base"]),
    ({"data": {"train": "text.txt", "max_length": 513}}, ["513", "512 positions"]),
])
def test_the_model_shape(expandft, config, changes, words):
    """As in train, which checks the same before it loads weights."""
    file = config(**changes)
    said = problems(expandft, file)
    assert all(word in said for word in words), said
    trained = expandft("train", "--config", file, "--device", "cpu")
    assert trained.rc == 2 and all(word in trained.stderr for word in words)


def test_everything_is_listed_at_once(expandft, config, tmp_path):
    write_rows(tmp_path / "rows.jsonl", [ROWS[0], '{"prompt": "Q", ', ROWS[1]])
    write_rows(tmp_path / "valid.jsonl", [ROWS[0], {"prompt": "Q"}])
    write_rows(tmp_path / "quiz.jsonl", [{"text": "a", "options": ["b", "c"], "answer": 0}, {"text": "a"}])
    (tmp_path / "quiz.json").write_text(json.dumps({
        "name": "quiz", "type": "choice", "data": "quiz.jsonl", "prompt": "{text}", "choices": "{options}",
        "target": "{answer}"}))
    file = config(expansion={"layers": "9"}, data={"train": "rows.jsonl", "validation": "valid.jsonl",
                                                   "max_length": 600},
                  evaluation={"original_tasks": ["quiz"], "tasks": ["none-such"], "max_drop": 2})
    said = problems(expandft, file)
    for part in ("rows.jsonl:2", "valid.jsonl:2", "quiz.jsonl:2", "9", "600", "0.02 or 2%", "none-such"):
        assert part in said, part
    assert said.count("none-such") == said.count("evaluation.tasks[0]: ")
    listed = [line for line in said.splitlines() if line.startswith("  - ")]
    assert len(listed) == 7 and said.startswith("error: 7 problems")


def test_a_missing_model_does_not_hide_the_rest(expandft, config, tmp_path):
    write_rows(tmp_path / "rows.jsonl", [ROWS[0], "{"])
    said = problems(expandft, config(model="none", data={"train": "rows.jsonl", "validation": "away.txt"}))
    assert all(part in said for part in ("none", "rows.jsonl:2", "away.txt")) and said.count("away.txt") == 1


def test_rows_whose_answers_do_not_fit(expandft, config, tmp_path):
    write_rows(tmp_path / "rows.jsonl", [*ROWS, {"prompt": "Q", "completion": "word " * 500}])
    said = problems(expandft, config(data={"train": "rows.jsonl", "max_length": 64}))
    assert "1 row whose answer alone" in said and "line 21" in said
    assert expandft("validate", "--skip-data", config(data={"train": "rows.jsonl", "max_length": 64})).rc == 0


@pytest.mark.parametrize("batch, words", [({"batch_size": 64}, ["training.batch_size", "64 sequences"]),
                                          ({"batch_tokens": 99999}, ["training.batch_tokens", "99999 tokens"])])
def test_a_batch_larger_than_the_epoch(expandft, config, tmp_path, batch, words):
    write_rows(tmp_path / "rows.jsonl", ROWS)
    file = config(data={"train": "rows.jsonl"}, training=batch)
    said = problems(expandft, file, rc=0)
    assert said.startswith("warning: ") and all(word in said for word in [*words, str(file)])
    assert all(word in problems(expandft, "--strict", file) for word in words)
    assert json.loads(expandft("validate", "--json", file).stdout)[0]["warnings"]
    dry = expandft("train", "--dry-run", "--strict", "--config", file, "--device", "cpu")
    assert dry.rc == 0 and "more than an epoch has" in dry.stderr, "a trial on a few rows is no mistake"


def test_other_warnings(expandft, config):
    said = problems(expandft, config(expansion={"layers": "all", "copies": 3, "noise": 0}), rc=0)
    assert "expansion.noise" in said and "no better than 2" in said


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
        # Benchmark data comes from the user; the data of the two texts is in the repository.
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
