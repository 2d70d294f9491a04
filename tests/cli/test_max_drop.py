"""`merge --max-drop`: the largest strength within the forgetting budget."""

import json

import pytest

from training import write_config


@pytest.fixture(scope="module")
def forgetful(expandft, stories, tmp_path_factory):
    """A run that learned fast, and forgot a good deal of its stories."""
    folder = tmp_path_factory.mktemp("forgetful")
    config = write_config(folder, stories, training__max_steps=40, training__learning_rate=5e-3,
                          expansion__layers="all")
    result = expandft("train", "--config", config, "--device", "cpu", "--threads", "1")
    assert result.rc == 0, result.stderr
    return folder


def merge(expandft, stories, run, output, *arguments):
    return expandft("merge", "--model", stories, "--adapter", run / "out/adapter", "--output", output, "--device", "cpu",
                    "--threads", "1", *arguments, cwd=run)


def test_the_merged_model_keeps_the_budget(expandft, stories, forgetful, tmp_path):
    output = tmp_path / "merged"
    result = merge(expandft, stories, forgetful, output, "--max-drop", "2%", "--config", "run.json", "--json")
    assert result.rc == 0, result.stderr
    found = json.loads(result.stdout)
    assert 0 < found["strength"] < 1
    kept = [point["strength"] for point in found["strengths"] if point["within_budget"]]
    assert kept[0] == 0 and max(kept) == found["strength"]
    exceeded = [point["strength"] for point in found["strengths"] if not point["within_budget"]]
    assert 0 < min(exceeded) - found["strength"] <= 0.011

    check = ["eval", "--model", output, "--base", stories, "--tasks", forgetful / "stories.json", "--device", "cpu"]
    assert expandft(*check, "--max-drop", "2%").rc == 0
    assert expandft(*check, "--max-drop", "0.2%").rc == 3


def test_the_curve_is_printed(expandft, stories, forgetful, tmp_path):
    result = merge(expandft, stories, forgetful, tmp_path / "merged", "--max-drop", "5%", "--tasks", "./stories.json")
    assert result.rc == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "strength" in lines[0] and "stories perplexity" in lines[0]
    assert sum("kept: taken" in line for line in lines) == 1 and any("exceeded" in line for line in lines)


def test_a_budget_that_only_the_base_keeps(expandft, stories, forgetful, tmp_path):
    result = merge(expandft, stories, forgetful, tmp_path / "merged", "--max-drop", "0.000001", "--tasks",
                   "./stories.json")
    assert result.rc == 3 and "no strength" in result.stderr and "retention" in result.stderr
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(("arguments", "words"), [
    (["--max-drop", "2%"], "--tasks"),
    (["--max-drop", "much", "--tasks", "./stories.json"], "--max-drop"),
    (["--max-drop", "2%", "--strength", "0.5", "--tasks", "./stories.json"], "--strength"),
    (["--tasks", "./stories.json"], "--max-drop"),
    (["--max-drop", "2%", "--tasks", "no-such-task"], "no-such-task"),
])
def test_wrong_usage(expandft, stories, forgetful, tmp_path, arguments, words):
    result = merge(expandft, stories, forgetful, tmp_path / "merged", *arguments)
    assert result.rc == 2 and words in result.stderr
    assert not (tmp_path / "merged").exists()
