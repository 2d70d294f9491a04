"""Task types other than perplexity in `train`, its report, and `merge --max-drop`."""

import json
from types import SimpleNamespace

import pytest

from evaluation import choice_task, generate_task, run_eval
from training import events, train, write_config


@pytest.fixture(scope="module")
def trained(expandft, stories, source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    for name in ("one", "two"):
        (folder / name).mkdir()
    choice, generate = choice_task(folder, source, count=12), generate_task(folder, source, count=8)
    config = write_config(folder, stories, training__max_steps=2, training__learning_rate=2e-2,
                          evaluation={"original_tasks": [f"./{choice.name}", f"./{generate.name}", "./stories.json"],
                                      "every": 1, "max_drop": {"ending": "900%"}})
    train(expandft, config)
    run = folder / "out"
    return SimpleNamespace(folder=folder, run=run, tasks=[choice, generate, folder / "stories.json"],
                           summary=json.loads((run / "summary.json").read_text()))


def test_summary(trained):
    evaluation = trained.summary["evaluation"]
    ending, word, stories = evaluation["original_tasks"]
    assert (ending["type"], ending["metric"]) == ("choice", "acc")
    assert (word["type"], word["metric"]) == ("generate", "exact_match")
    assert set(ending["base"]) == {"acc", "acc_norm", "loss"}
    assert set(word["tuned"]) == {"exact_match", "contains"}
    assert 0 <= word["base"]["exact_match"] <= word["base"]["contains"] <= 1
    assert ending["flips"]["answers"] == 12 and word["flips"]["answers"] == 8
    assert ending["verdict"] == "within budget" and stories["budget"] is None
    assert evaluation["within_budget"] is True
    assert evaluation["forgetting"]["divergence"] > 0


def test_metrics(trained):
    found = [event for event in events(trained.run) if "tasks" in event]
    assert [event["step"] for event in found] == [0, 1, 2]
    for event in found:
        ending, word, stories = event["tasks"]
        assert (ending["metric"], word["metric"], stories["metric"]) == ("acc", "exact_match", "perplexity")
        assert ending["loss"] > 0 and word["loss"] is None and stories["loss"] > 0
        assert 0 <= ending["value"] <= 1 and ending["higher_is_better"] is True
        assert stories["higher_is_better"] is False and ending["original"] is True
    evaluation = trained.summary["evaluation"]["original_tasks"]
    for which, event in (("base", found[0]), ("tuned", found[-1])):
        for task, point in zip(evaluation, event["tasks"]):
            assert point["value"] == pytest.approx(task[which][point["metric"]], rel=1e-6)


def test_report(trained):
    text = (trained.run / "report.html").read_text()
    assert all(word in text for word in ("ending", "written_word", "acc", "exact_match", "perplexity"))


def test_eval_agrees_with_the_summary(expandft, trained):
    """The merged model against the base, on the config's tasks."""
    report = json.loads(run_eval(expandft, "--config", trained.folder / "run.json", "--json", "-").stdout)
    assert report["max_drop"] == {"ending": "900%"}
    for found, task in zip(report["original_tasks"], trained.summary["evaluation"]["original_tasks"]):
        assert found["base"] == pytest.approx(task["base"], abs=1e-4)
        assert found["tuned"] == pytest.approx(task["tuned"], rel=1e-3)


def merge(expandft, stories, trained, output, *arguments):
    return expandft("merge", "--model", stories, "--adapter", trained.run / "adapter", "--output", output, "--device",
                    "cpu", "--threads", "1", "--tasks", "./ending.json", *arguments, cwd=trained.folder)


def test_merge_within_a_budget_of_accuracy(expandft, stories, trained, tmp_path):
    result = merge(expandft, stories, trained, tmp_path / "merged", "--max-drop", "ending=0.1", "--json")
    assert result.rc == 0, result.stderr
    found = json.loads(result.stdout)
    assert 0 < found["strength"] <= 1
    run_eval(expandft, "--model", tmp_path / "merged", "--base", stories, "--tasks", trained.tasks[0],
             "--max-drop", "ending=0.1")


def test_the_curve_of_accuracy_is_printed(expandft, stories, trained, tmp_path):
    result = merge(expandft, stories, trained, tmp_path / "merged", "--max-drop", "50%")
    assert result.rc == 0, result.stderr
    assert "ending acc" in result.stdout.splitlines()[0]


def test_merge_with_a_budget_of_no_task(expandft, stories, trained, tmp_path):
    result = merge(expandft, stories, trained, tmp_path / "merged", "--max-drop", "endin=1%")
    assert result.rc == 2 and '"endin"' in result.stderr and "ending" in result.stderr
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize("verb", ["train", "validate"])
def test_budget_of_no_task_in_a_run_config(expandft, stories, tmp_path, verb):
    """Refused before training: a budget that applies to no task is a mistyped name."""
    config = write_config(tmp_path, stories, evaluation__max_drop={"storys": "1%"})
    arguments = ["--config", config] if verb == "train" else [config]
    result = expandft(verb, *arguments)
    said = result.stdout + result.stderr
    assert result.rc == 2 and "storys" in said and '"stories"' in said
    assert not (tmp_path / "out").exists()
