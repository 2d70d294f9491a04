"""`merge --max-drop`: the largest strength within the forgetting budget."""

import json

import pytest

from training import write_config


@pytest.fixture(scope="module")
def forgetful(expandft, stories, tmp_path_factory):
    """A run that learned fast and forgot much of its stories."""
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


def test_outputs_are_cached_and_shared_with_eval(expandft, stories, forgetful, tmp_path):
    cache = tmp_path / "cache"
    arguments = ["--max-drop", "5%", "--tasks", "./stories.json", "--json"]
    first = merge(expandft, stories, forgetful, tmp_path / "first", *arguments, "--cache", cache)
    assert first.rc == 0 and "from the cache" not in first.stderr
    again = merge(expandft, stories, forgetful, tmp_path / "again", *arguments, "--cache", cache)
    assert json.loads(again.stdout) | {"output": ""} == json.loads(first.stdout) | {"output": ""}
    measured = [line for line in again.stderr.splitlines() if " on stories: " in line]
    assert measured and all("from the cache" in line for line in measured)
    assert any("at strength 0.5" in line or "at strength 0.9" in line for line in measured)

    compared = expandft("eval", "--base", stories, "--adapter", forgetful / "out/adapter", "--tasks",
                        forgetful / "stories.json", "--cache", cache, "--device", "cpu")
    assert compared.rc == 0 and compared.stderr.count("from the cache") == 2
    fresh = merge(expandft, stories, forgetful, tmp_path / "fresh", *arguments, "--no-cache")
    assert "from the cache" not in fresh.stderr
    assert json.loads(fresh.stdout)["strengths"] == json.loads(first.stdout)["strengths"]


def test_a_limit(expandft, stories, forgetful, tmp_path):
    """The curve is computed on the first examples only."""
    arguments = ["--max-drop", "900%", "--tasks", "./stories.json", "--json"]
    whole = json.loads(merge(expandft, stories, forgetful, tmp_path / "whole", *arguments).stdout)
    few = json.loads(merge(expandft, stories, forgetful, tmp_path / "few", *arguments, "--limit", "2").stdout)
    compared = expandft("eval", "--base", stories, "--adapter", forgetful / "out/adapter", "--tasks",
                        forgetful / "stories.json", "--limit", "2", "--json", "-", "--device", "cpu")
    expected = json.loads(compared.stdout)["original_tasks"][0]["relative_change"]
    assert few["strengths"][-1]["tasks"][0]["relative_change"] == pytest.approx(expected, rel=1e-6)
    assert few["strengths"] != whole["strengths"]


def test_a_budget_that_only_the_base_keeps(expandft, stories, forgetful, tmp_path):
    result = merge(expandft, stories, forgetful, tmp_path / "merged", "--max-drop", "0.000001", "--tasks",
                   "./stories.json")
    assert result.rc == 3 and "no strength" in result.stderr and "retention" in result.stderr
    assert "1e-06 perplexity" in result.stderr
    assert not (tmp_path / "merged").exists()


def dial(expandft, stories, run, output, *arguments):
    result = merge(expandft, stories, run, output, "--dial", "layers", "--config", "run.json", "--json", *arguments)
    assert result.rc == 0, result.stderr
    return json.loads(result.stdout)


def test_a_strength_for_each_layer(expandft, stories, forgetful, tmp_path):
    found = dial(expandft, stories, forgetful, tmp_path / "merged")
    uniform, layers = found["dial"]["uniform"], found["dial"]["layers"]
    assert layers["loss"] + layers["kl"] < uniform["loss"] + uniform["kl"]
    assert len(found["strength"]) == 5 and all(0 <= x <= 1 for x in found["strength"])
    assert found["strength"] == layers["strength"] and len(set(found["strength"])) > 1
    # A greater weight forgets less, and learns less.
    careful = dial(expandft, stories, forgetful, tmp_path / "careful", "--dial-weight", "8")["dial"]["layers"]
    assert careful["kl"] < layers["kl"] and careful["loss"] > layers["loss"]
    # The merged model is what eval measures at these strengths, and it says so.
    strengths = ",".join(str(x) for x in found["strength"])
    measure = ["eval", "--tasks", "./stories.json", "--device", "cpu", "--threads", "1", "--json", "-"]
    merged = expandft(*measure, "--model", tmp_path / "merged", cwd=forgetful)
    adapter = expandft(*measure, "--model", stories, "--adapter", "out/adapter", "--strength", strengths, cwd=forgetful)
    assert merged.rc == 0 and adapter.rc == 0, merged.stderr + adapter.stderr
    first, second = json.loads(merged.stdout), json.loads(adapter.stdout)
    assert first["strength"] == second["strength"] == found["strength"]
    loss = [result["tasks"][0]["metrics"]["perplexity"] for result in (first, second)]
    assert loss[0] == pytest.approx(loss[1], rel=1e-4)


def test_the_budget_scales_the_strengths_of_the_layers(expandft, stories, forgetful, tmp_path):
    found = dial(expandft, stories, forgetful, tmp_path / "merged", "--max-drop", "2%")
    factors = [point["factor"] for point in found["strengths"] if point["within_budget"]]
    pattern = found["dial"]["layers"]["strength"]
    scaled = [max(factors) * x / max(pattern) for x in pattern]
    assert found["strength"] == pytest.approx(scaled, abs=1.1e-3)
    assert expandft("eval", "--model", tmp_path / "merged", "--base", stories, "--tasks", forgetful / "stories.json",
                    "--device", "cpu", "--max-drop", "2%").rc == 0


def test_the_strengths_of_another_number_of_layers(expandft, stories, forgetful, tmp_path):
    result = merge(expandft, stories, forgetful, tmp_path / "merged", "--strength", "0.1,0.2,0.3")
    assert result.rc == 2 and "3 numbers" in result.stderr and "5 layers" in result.stderr
    assert not (tmp_path / "merged").exists()


@pytest.mark.parametrize(("arguments", "words"), [
    (["--dial", "layers"], "--config"),
    (["--dial", "layers", "--config", "run.json", "--strength", "0.5"], "--strength"),
    (["--dial", "depth", "--config", "run.json"], "layers"),
    (["--config", "run.json"], "--dial layers"),
    (["--dial-weight", "2"], "--dial"),
    (["--max-drop", "2%"], "--tasks"),
    (["--max-drop", "much", "--tasks", "./stories.json"], "--max-drop"),
    (["--max-drop", "2%", "--strength", "0.5", "--tasks", "./stories.json"], "--strength"),
    (["--tasks", "./stories.json"], "--max-drop"),
    (["--limit", "3"], "--max-drop"),
    (["--no-cache"], "--max-drop"),
    (["--max-drop", "2%", "--tasks", "no-such-task"], "no-such-task"),
])
def test_wrong_usage(expandft, stories, forgetful, tmp_path, arguments, words):
    result = merge(expandft, stories, forgetful, tmp_path / "merged", *arguments)
    assert result.rc == 2 and words in result.stderr
    assert not (tmp_path / "merged").exists()
