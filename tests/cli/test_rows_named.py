"""Fields of rows and messages are used, refused by name, or named in log, dry run, report and summary."""

import html
import json
import re

import pytest

from evaluation import read_lines, run_eval, write_task
from training import write_config

ALPACA = {"instruction": "And then?", "input": "", "output": "The end."}


def write_rows(file, rows):
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def config_of(folder, model, rows, **changes):
    settings = {"data__train": "rows.jsonl", "data__validation": None, "evaluation": None,
                "training__max_steps": 1} | changes
    config = write_config(folder, model, **settings)
    write_rows(folder / "rows.jsonl", rows)
    return config


def train(expandft, config, *arguments, rc=0):
    result = expandft("train", "--config", config, "--device", "cpu", "--threads", "1", *arguments)
    assert result.rc == rc, result.stderr
    return result


def warnings(text):
    return [line for line in text.splitlines() if line.startswith("warning")]


def epoch(result):
    """Number of tokens and learned tokens in the first epoch."""
    found = re.search(r"an epoch +(\d+) tokens \((\d+) learned\)", result.stdout)
    return int(found[1]), int(found[2])


def test_unread_fields_are_named_everywhere(expandft, tmp_path, stories):
    rows = [{"prompt": "Once", "completion": " upon", "id": i, "tools": []} for i in range(5)]
    rows[2]["url"] = "x"
    config = config_of(tmp_path, stories, rows)
    said = "nothing reads the fields id (5 times), url (once)"
    dry = train(expandft, config, "--dry-run")
    assert said in warnings(dry.stdout)[0] and "rows.jsonl" in warnings(dry.stdout)[0]
    assert said in "".join(warnings(dry.stderr))
    result = train(expandft, config)
    assert result.stderr.count(said) == 1
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert len(summary["warnings"]) == 1 and said in summary["warnings"][0]
    assert summary["data"]["training"]["sources"][0]["unread_fields"] == {"id": 5, "url": 1}
    assert said in html.unescape((tmp_path / "out/report.html").read_text())
    strict = train(expandft, config, "--restart", "--strict", rc=2)
    assert said in strict.stderr and "--strict" in strict.stderr


def test_each_source_is_named_once(expandft, tmp_path, stories):
    rows = [{"text": "Once upon a time.", "id": 1}]
    (tmp_path / "more").mkdir()
    for name in ("a", "b"):
        write_rows(tmp_path / f"more/{name}.jsonl", rows)
    config = config_of(tmp_path, stories, rows, data__train=["rows.jsonl", "more"])
    lines = warnings(train(expandft, config, "--dry-run").stdout)
    assert len(lines) == 2
    assert "rows.jsonl: nothing reads the fields id (once)" in lines[0]
    assert "more: nothing reads the fields id (2 times)" in lines[1]


def test_what_a_template_leaves_out_is_no_warning(expandft, tmp_path, stories):
    config = config_of(tmp_path, stories, [{"q": "What?", "a": "It.", "note": "n"}],
                       data__template={"prompt": "{q}", "completion": " {a}"})
    result = train(expandft, config, "--strict")
    assert "the template leaves out the fields note (once)" in result.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["warnings"] == []
    assert summary["data"]["training"]["sources"][0]["unread_fields"] == {"note": 1}


@pytest.mark.parametrize("row, words", [
    (ALPACA | {"tools": [{"name": "f"}]}, ["the row has tools"]),
    ({"prompt": "a", "completion": "b", "system": "x"}, ["the row has system", "data.template"]),
    ({"prompt": "a", "completion": "b", "weight": 0.5}, ["weight is 0.5"]),
    (ALPACA | {"history": [["a"]]}, ["history.0"]),
])
def test_what_would_change_the_result_is_refused(expandft, tmp_path, stories, row, words):
    result = train(expandft, config_of(tmp_path, stories, [ALPACA, row]), rc=2)
    assert "rows.jsonl:2" in result.stderr and all(word in result.stderr for word in words), result.stderr
    assert not (tmp_path / "out").exists()


def test_instructions_have_a_system_text_and_a_history(expandft, tmp_path, stories):
    def counts(**more):
        return epoch(train(expandft, config_of(tmp_path, stories, [ALPACA | more]), "--dry-run", "--strict"))

    tokens, learned = counts()
    assert counts(system="", history=[]) == (tokens, learned)
    with_system = counts(system="Be brief.")
    assert with_system[0] > tokens and with_system[1] == learned
    told = counts(system="Be brief.", history=[["Tell a story", "Once upon a time"]])
    assert told[0] > with_system[0] and told[1] > learned


def test_validation_that_is_trained_on_is_named(expandft, tmp_path, stories):
    (tmp_path / "ds/data").mkdir(parents=True)
    rows = [{"prompt": f"What is {i}?", "completion": f" It is {i}."} for i in range(8)]
    write_rows(tmp_path / "ds/train.jsonl", rows[:5])
    write_rows(tmp_path / "ds/data/validation.jsonl", rows[5:])
    config = config_of(tmp_path, stories, [], data__train="ds", data__validation="ds/data/validation.jsonl")
    line, = warnings(train(expandft, config, "--dry-run").stdout)
    assert "data.validation" in line and "all of its 3 sequences are in data.train too" in line
    assert "its file" in line and "validation.jsonl" in line
    assert "all of its 3" in train(expandft, config, "--dry-run", "--strict", rc=2).stderr
    # A row in another file.
    write_rows(tmp_path / "other.jsonl", rows[4:5] + [{"prompt": "New", "completion": " one"}])
    other = train(expandft, config, "--dry-run", "--set", "data.validation=" + str(tmp_path / "other.jsonl"))
    assert "1 of its 2 sequences is in data.train too" in warnings(other.stdout)[0]
    (tmp_path / "ds/data/validation.jsonl").unlink()
    write_rows(tmp_path / "other.jsonl", rows[6:])
    apart = train(expandft, config, "--dry-run", "--strict", "--set",
                  "data.validation=" + str(tmp_path / "other.jsonl"))
    assert warnings(apart.stdout) == []


def test_a_task_on_training_data_is_named(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, data__train=["train.txt", "stories.txt"], data__validation=None,
                          training__max_steps=1)
    line, = warnings(train(expandft, config, "--dry-run").stdout)
    assert "the task stories is measured on this file, which data.train reads too" in line and "stories.txt" in line
    config = write_config(tmp_path, stories, retention={"weight": 1.0, "text": "stories.txt"}, data__validation=None,
                          training__max_steps=1)
    line, = warnings(train(expandft, config, "--dry-run").stdout)
    assert "which retention.text reads too" in line


def test_numbers_keep_their_digits(expandft, tmp_path, stories):
    """A number gives the same tokens as its digits in quotes, in training rows and in tasks."""
    numbers = ["1180591620717411303424", "-18446744073709551616", "1.10", "1e5", "0.1000000000000000055", "-0", "7"]
    form = {"prompt": "{q}:", "completion": " {a}"}
    config = config_of(tmp_path, stories, [], data__template=form)
    counts, log_probs = [], []
    for name, quote in (("number", ""), ("text", '"')):
        rows = "".join(f'{{"q": "id", "a": {quote}{number}{quote}}}\n' for number in numbers)
        (tmp_path / "rows.jsonl").write_text(rows)
        counts.append(epoch(train(expandft, config, "--dry-run")))
        task = write_task(tmp_path, name, [], type="continuation", prompt="{q}:", continuation="{a}")
        (tmp_path / f"{name}.jsonl").write_text(rows)
        out = tmp_path / f"{name}.out"
        run_eval(expandft, "--model", stories, "--tasks", task, "--no-cache", "--examples", out)
        log_probs.append([row["log_probs"] for row in read_lines(out)])
    assert counts[0] == counts[1]
    assert log_probs[0] == log_probs[1] and len(log_probs[0]) == len(numbers)
