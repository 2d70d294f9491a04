"""expandft eval: where data is found, errors in task files and rows, prompts that do not fit."""

import gzip
import json
import shutil

import pytest

from evaluation import choice_task, evaluate, read_lines, run_eval, write_rows, write_task

ROWS = [{"country": "Peru", "cities": ["Cusco", "Lima"], "capital": "Lima"},
        {"country": "Chile", "cities": ["Santiago", "Arica"], "capital": "Santiago"},
        {"country": "Kenya", "cities": ["Mombasa", "Nairobi", "Kisumu"], "capital": "Nairobi"}]
CHOICE = {"type": "choice", "prompt": "The capital of {country} is", "choices": "{cities}", "target": "{capital}",
          "labels": "{cities}"}
WRITES = {"type": "generate", "prompt": "The capital of {country} is", "reference": "{capital}",
          "metrics": ["exact_match"], "max_tokens": 8}
CONTINUES = {"type": "continuation", "prompt": "The capital of {country} is", "continuation": "{capital}"}


def row(**changes):
    """Changes the second row; a field that is None is removed."""
    return {key: value for key, value in (ROWS[1] | changes).items() if value is not None}


def refused(expandft, stories, file, *arguments, **settings):
    """stderr of a command that exits with 2 and prints nothing."""
    result = run_eval(expandft, "--model", stories, "--tasks", file, *arguments, rc=2, **settings)
    assert result.stdout == ""
    assert result.stderr.count("error: ") == 1
    return result.stderr


@pytest.mark.parametrize("keys, words", [
    (CHOICE | {"promt": "x"}, ["promt", "prompt"]),
    (CHOICE | {"choices": 3}, ["choices"]),
    (CHOICE | {"metrics": "acc"}, ["metrics"]),
    (CHOICE | {"metrics": [3]}, ["metrics[0]"]),
    (CHOICE | {"delimiter": 1}, ["delimiter"]),
    (CHOICE | {"fewshot": {"count": "two"}}, ["fewshot.count"]),
    (CHOICE | {"fewshot": {"cuont": 2}}, ["fewshot.cuont", "count"]),
    (CHOICE | {"type": "choise"}, ["type", "choice"]),
    (CHOICE | {"metrics": ["acc_nrom"]}, ["metrics[0]", "acc_norm"]),
    (WRITES | {"metrics": ["blue"]}, ["metrics[0]", "bleu"]),
    (WRITES | {"metrics": []}, ["metrics"]),
    (WRITES | {"metrics": [{"exact_match": {"extract": "(["}}]}, ["metrics[0].exact_match.extract"]),
    (WRITES | {"max_tokens": "many"}, ["max_tokens"]),
    (CHOICE | {"prompt": "The capital of {country is"}, ["prompt", '"}"']),
    (CHOICE | {"prompt": "The capital of {} is"}, ["prompt", "{}"]),
    (CHOICE | {"prompt": "{country|captialize}"}, ["prompt", "captialize", "capitalize"]),
    (CHOICE | {"prompt": "{country|before}"}, ["prompt", "before"]),
])
def test_task_file(expandft, stories, tmp_path, keys, words):
    """The error names the file, the JSON path and the nearest known name."""
    error = refused(expandft, stories, write_task(tmp_path, "capitals", ROWS, **keys))
    assert "capitals.json" in error
    assert all(word in error for word in words), error


def test_all_problems_of_a_file_at_once(expandft, stories, tmp_path):
    file = write_task(tmp_path, "capitals", ROWS, **CHOICE | {"promt": "x", "delimiter": 1, "metrics": ["acc_nrom"]})
    error = refused(expandft, stories, file)
    assert all(word in error for word in ("promt", "delimiter", "acc_nrom"))


@pytest.mark.parametrize("missing", ["name", "type", "data", "prompt", "choices", "target"])
def test_key_is_missing(expandft, stories, tmp_path, missing):
    file = write_task(tmp_path, "capitals", ROWS, **CHOICE)
    keys = json.loads(file.read_text())
    del keys[missing]
    file.write_text(json.dumps(keys))
    error = refused(expandft, stories, file)
    assert "capitals.json" in error and missing in error


@pytest.mark.parametrize("keys, bad, words", [
    (CHOICE, '{"country": "Chile", ', ["JSON"]),
    (CHOICE, "[1, 2]", ["object"]),
    (CHOICE, row(country=None), ["country"]),
    (CHOICE, row(country=None, contry="Chile"), ["country", 'did you mean "contry"?']),
    (CHOICE, row(country=["Chile"]), ["country", "array"]),
    (CHOICE, row(country={"name": "Chile"}), ["country", "object"]),
    (CHOICE | {"prompt": "{country|before:e}"}, row(country="Mali"), ["country"]),
    (CHOICE, row(cities="Santiago"), ["found 1 choice", "list"]),
    (CHOICE, row(cities={"0": "Santiago", "1": "Arica"}), ["cities"]),
    (CHOICE, row(cities=["Santiago"]), ["found 1 choice"]),
    (CHOICE, row(cities=[]), ["found 0 choices"]),
    (CHOICE, row(cities=["Santiago", ""]), ["choice 1 is empty"]),
    (CHOICE, row(cities=["Santiago", ["Arica"]]), ["cities"]),
    (CHOICE, row(capital="Lima"), ['"Lima"', "Santiago, Arica"]),
    (CHOICE | {"labels": ["Lima", "Santiago", "Nairobi"]}, row(capital="Nairobi"), ['"Nairobi"', "from 0 to 1"]),
    (CONTINUES, row(capital=""), ["empty"]),
    (CONTINUES, row(capital="word " * 700), ["tokens", "512"]),
    (CHOICE | {"labels": ["Lima", "Santiago", "Nairobi"]}, row(cities=["Arica", "word " * 700]), ["tokens", "512"]),
    (WRITES | {"reference": "{names}"}, row(names=[]), ["reference"]),
    (WRITES, row(capital={"name": "Santiago"}), ["capital"]),
    (CONTINUES, row(capital=["Santiago"]), ["capital", "array"]),
    ({"type": "rolling", "text": "{country}"}, row(country=""), ["empty"]),
])
def test_row(expandft, stories, tmp_path, keys, bad, words):
    """The error names the file and line."""
    first = ROWS[0] | ({"names": ["Lima"]} if keys.get("reference") == "{names}" else {})
    error = refused(expandft, stories, write_task(tmp_path, "capitals", [first, bad, ROWS[2]], **keys))
    assert "capitals.jsonl:2" in error
    assert all(word in error for word in words), error


@pytest.mark.parametrize("target", [2, -1, "Lima", 0.5, ""])
def test_target_is_none_of_the_choices(expandft, stories, tmp_path, target):
    keys = {key: value for key, value in CHOICE.items() if key != "labels"}
    file = write_task(tmp_path, "capitals", [ROWS[0] | {"capital": 1}, row(capital=target)], **keys)
    error = refused(expandft, stories, file)
    assert "capitals.jsonl:2" in error and "from 0 to 1" in error


@pytest.mark.parametrize("target, right", [(1, 1), ("1", 1), (True, 1), (False, 0)])
def test_target_is_an_index(expandft, stories, tmp_path, target, right):
    keys = {key: value for key, value in CHOICE.items() if key != "labels"}
    file = write_task(tmp_path, "capitals", [ROWS[0] | {"capital": target}], **keys)
    evaluate(expandft, "--model", stories, "--tasks", file, "--examples", tmp_path / "lines")
    assert read_lines(tmp_path / "lines")[0]["target"] == right


def test_no_form_fits(expandft, stories, tmp_path):
    form = {key: value for key, value in CHOICE.items() if key != "type"}
    file = write_task(tmp_path, "capitals", [{"q": "Peru", "cities": ["a", "b"], "capital": "a"}], type="choice",
                      forms=[form, form | {"prompt": "{query}"}])
    error = refused(expandft, stories, file)
    assert all(word in error for word in ("capitals.jsonl:1", "forms[0]: country", "forms[1]: query"))


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_no_rows(expandft, stories, tmp_path, content):
    file = write_task(tmp_path, "capitals", [], **CHOICE)
    (tmp_path / "capitals.jsonl").write_text(content)
    error = refused(expandft, stories, file)
    assert "capitals.jsonl" in error and "no row" in error


@pytest.mark.parametrize("sampling", ["random", "first"])
def test_too_few_solved_examples(expandft, stories, tmp_path, sampling):
    write_rows(tmp_path / "solved.jsonl", ROWS[:2])
    fewshot = {"data": "solved.jsonl", "count": 3, "sampling": sampling}
    error = refused(expandft, stories, write_task(tmp_path, "capitals", ROWS, **CHOICE, fewshot=fewshot))
    assert "capitals.json: fewshot.count" in error and "solved.jsonl has 2 rows, expected 3" in error


def test_damaged_solved_example(expandft, stories, tmp_path):
    write_rows(tmp_path / "solved.jsonl", [ROWS[0], row(capital="Lima")])
    fewshot = {"data": "solved.jsonl", "count": 2}
    error = refused(expandft, stories, write_task(tmp_path, "capitals", ROWS, **CHOICE, fewshot=fewshot))
    assert "solved.jsonl:2" in error


@pytest.mark.parametrize("max_tokens", [512, 5000])
def test_no_room_for_a_prompt(expandft, stories, tmp_path, max_tokens):
    file = write_task(tmp_path, "capitals", ROWS, **WRITES | {"max_tokens": max_tokens})
    error = refused(expandft, stories, file)
    assert f"max_tokens of {max_tokens}" in error and "512" in error and "capitals.jsonl:1" in error


@pytest.mark.parametrize("keys", [CHOICE, CONTINUES, WRITES])
def test_prompts_that_do_not_fit_are_counted(expandft, stories, tmp_path, keys):
    """The model reads only the end of the prompt; the text before it does not matter."""
    far = "far away " * 300 + "Chile"
    long = [ROWS[0], row(country=far), row(country="near by " * 10 + far)]
    file = write_task(tmp_path, "capitals", long, **keys)
    result = run_eval(expandft, "--model", stories, "--tasks", file, "--json", "-", "--examples", tmp_path / "lines")
    (found,) = json.loads(result.stdout)["tasks"]
    assert found["truncated"] == 2 and found["examples"] == 3
    (warning,) = [line for line in result.stderr.splitlines() if line.startswith("warning")]
    assert "capitals" in warning and "2 of 3" in warning and "512" in warning
    lines = read_lines(tmp_path / "lines")
    assert [line["truncated"] for line in lines] == [False, True, True]
    if "text" in lines[0]:
        assert lines[1]["text"] == lines[2]["text"]
    else:
        assert lines[1]["log_probs"] == pytest.approx(lines[2]["log_probs"], abs=1e-4)


def test_long_documents_are_not_truncated(expandft, stories, tmp_path):
    file = write_task(tmp_path, "pages", [{"page": "Once upon a time. " * 300}], type="rolling", text="{page}")
    (found,) = evaluate(expandft, "--model", stories, "--tasks", file)["tasks"]
    assert found["truncated"] == 0 and found["tokens"] > 1000


def test_limit(expandft, stories, source, tmp_path):
    """Only the first rows are read."""
    file = choice_task(tmp_path, source, count=8)
    evaluate(expandft, "--model", stories, "--tasks", file, "--examples", tmp_path / "all")
    with (tmp_path / "ending.jsonl").open("a") as data:
        data.write('{"text": 1}\n')
    (found,) = evaluate(expandft, "--model", stories, "--tasks", file, "--limit", "3",
                        "--examples", tmp_path / "three")["tasks"]
    assert found["examples"] == 3
    three, whole = (read_lines(tmp_path / name) for name in ("three", "all"))
    assert [line["line"] for line in three] == [1, 2, 3]
    for one, other in zip(three, whole):
        assert one["log_probs"] == pytest.approx(other["log_probs"], abs=1e-4)


@pytest.mark.parametrize("limit", ["0", "-1", "few"])
def test_wrong_limits(expandft, stories, source, tmp_path, limit):
    assert "--limit" in refused(expandft, stories, choice_task(tmp_path, source, count=4), f"--limit={limit}")


@pytest.fixture
def slices(source, tmp_path):
    """A folder with the data of arc_easy only."""
    folder = tmp_path / "slices"
    folder.mkdir()
    shutil.copy(source / "tests/golden/tasks/arc_easy.jsonl", folder)
    return folder


@pytest.mark.parametrize("how", ["option", "second option", "variable", "gz", "beside"])
def test_where_data_is_found(expandft, stories, tmp_path, slices, how):
    (tmp_path / "empty").mkdir()
    if how == "gz":
        plain = slices / "arc_easy.jsonl"
        (slices / "arc_easy.jsonl.gz").write_bytes(gzip.compress(plain.read_bytes()))
        plain.unlink()
    if how == "beside":
        slices.rename(tmp_path / "data")
    arguments = {"second option": ["--task-data", tmp_path / "empty", "--task-data", slices], "variable": [],
                 "beside": []}.get(how, ["--task-data", slices])
    environment = {"EXPANDFT_TASK_DATA": f"{tmp_path / 'empty'}:{slices}" if how == "variable" else ""}
    (found,) = evaluate(expandft, "--model", stories, "--tasks", "arc_easy", *arguments, env=environment,
                        cwd=tmp_path)["tasks"]
    assert found["examples"] == 10


def test_gz_and_plain_data_give_the_same(expandft, stories, tmp_path, slices):
    plain = evaluate(expandft, "--model", stories, "--tasks", "arc_easy", "--task-data", slices, "--no-cache")
    data = slices / "arc_easy.jsonl"
    (slices / "arc_easy.jsonl.gz").write_bytes(gzip.compress(data.read_bytes()))
    data.unlink()
    assert evaluate(expandft, "--model", stories, "--tasks", "arc_easy", "--task-data", slices, "--no-cache") == plain


def test_damaged_gz(expandft, stories, slices):
    data = slices / "arc_easy.jsonl"
    (slices / "arc_easy.jsonl.gz").write_bytes(gzip.compress(data.read_bytes())[:-200])
    data.unlink()
    assert "arc_easy.jsonl.gz" in refused(expandft, stories, "arc_easy", "--task-data", slices)


def test_data_is_missing(expandft, stories, tmp_path, slices):
    error = refused(expandft, stories, "sciq", "--task-data", slices, cwd=tmp_path,
                    env={"EXPANDFT_TASK_DATA": str(tmp_path / "more")})
    for place in (slices, tmp_path / "more", tmp_path, tmp_path / "data", tmp_path / "tasks"):
        assert str(place / "sciq.jsonl") in error
    assert "allenai/sciq" in error and "docs/evaluation.md" in error
    assert "loaded" not in error, "found before anything is computed"


def test_data_of_the_solved_examples_is_missing(expandft, stories, tmp_path):
    file = write_task(tmp_path, "capitals", ROWS, **CHOICE, fewshot={"data": "solved.jsonl", "count": 1})
    error = refused(expandft, stories, file)
    assert "fewshot.data" in error and str(tmp_path / "solved.jsonl") in error
