"""scripts/study on a model of the user's: a short round on the smallest one, and the choice of strengths."""

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[2] / "bench"
sys.path.append(str(BENCH))
import real_study_methods  # noqa: E402
import real_study_page  # noqa: E402

NAMES = ("piqa", "boolq")


@pytest.fixture
def material(tmp_path):
    """Texts and tasks of a dozen rows."""
    folder = tmp_path / "material"
    (folder / "text/multi30k").mkdir(parents=True)
    (folder / "tasks").mkdir()
    for name in ("train", "val", "test_2016_flickr"):
        for language, words in (("en", "A dog runs"), ("fr", "Un chien court")):
            text = "".join(f"{words} {i}.\n" for i in range(12))
            (folder / f"text/multi30k/{name}.{language}.gz").write_bytes(gzip.compress(text.encode()))
    choice = {"query": "Question: which one?\n", "choices": ["this", "that"], "gold": 1}
    rows = {name: choice for name in ("piqa", "arc_easy")} | {
        "boolq": choice | {"query": "Passage: a cat.\nQuestion: is it?\n", "choices": ["no", "yes"]},
        "winogrande": {"context_options": ["A cat", "A dog"], "continuation": "runs away.", "gold": 0},
        "lambada_openai": {"context": "Once upon a", "continuation": "time"}}
    for name, row in rows.items():
        (folder / f"tasks/{name}.jsonl").write_text((json.dumps(row) + "\n") * 8)
    return folder


def study(source, binary, *arguments):
    return subprocess.run([source / "scripts/study", "--binary", binary, *map(str, arguments)], capture_output=True,
                          text=True, timeout=600, env=os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"})


def test_finished_runs_are_rows_that_a_later_call_keeps(source, binary, stories, material, tmp_path):
    results = tmp_path / "results.jsonl"
    arguments = ["--model", stories, "--material", material, "--work", tmp_path / "work", "--results", results, "--steps",
                 2, "--rows", 3, "--only", "new-every3"]
    first = study(source, binary, *arguments)
    assert first.returncode == 0, first.stderr
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    rates = {trial.name: trial.rates for trial in real_study_methods.TRIALS}["new-every3"]
    assert [row["rate"] for row in rows] == list(rates)
    assert all([point["strength"] for point in row["curve"]] == [0, 0.5, 0.75, 1] for row in rows)
    assert all(point["tasks"]["piqa_dial"]["kl"] > 0 for point in rows[0]["curve"][1:])
    assert first.stdout.count("G-Freeze, every third layer") == len(rates)
    again = study(source, binary, *arguments)
    assert again.returncode == 0 and "running" not in again.stderr
    assert again.stdout == first.stdout and len(results.read_text().splitlines()) == len(rows)


@pytest.mark.parametrize(("arguments", "said"), [
    (["--only", "magic"], "magic"),
    (["--material", "nowhere"], "--material"),
])
def test_wrong_usage(source, binary, stories, material, arguments, said):
    result = study(source, binary, "--model", stories, "--material", material, *arguments)
    assert result.returncode == 2 and said in result.stderr


def point(strength, accuracy, kl):
    """A point of the curve whose dial rows have these values; the reported rows say nothing."""
    tasks = {name: {"value": 0.0, "kl": 9.0} for name in NAMES}
    return {"strength": strength, "tasks": tasks | {f"{name}_dial": {"value": accuracy, "kl": kl} for name in NAMES}}


@pytest.mark.parametrize(("curve", "chosen"), [
    ([point(0, 0.6, 0), point(0.5, 0.6, 0.04), point(1, 0.595, 0.05)], 1),
    ([point(0, 0.6, 0), point(0.5, 0.595, 0.04), point(1, 0.58, 0.05)], 0.5),
    ([point(0, 0.6, 0), point(0.5, 0.6, 0.06), point(1, 0.6, 0.2)], 0),
])
def test_the_strength_is_the_largest_that_keeps_the_dial_rows(curve, chosen):
    assert real_study_page.chosen({"curve": curve}, NAMES)["strength"] == chosen
