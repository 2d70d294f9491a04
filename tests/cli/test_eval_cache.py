"""expandft eval: outputs are cached, found again, and completed after an interruption."""

import json
import os
import subprocess
import time

import pytest

from evaluation import choice_task, generate_task, perplexity_task, read_lines, run_eval


@pytest.fixture
def task(source, tmp_path):
    return choice_task(tmp_path, source)


@pytest.fixture
def run(expandft, stories, tmp_path):
    """Evaluates with the cache "kept" next to the tests' files. Returns the results of --json, and stderr."""

    def evaluate(task, *arguments, model=stories, cache=("--cache", tmp_path / "kept"), **settings):
        result = run_eval(expandft, "--model", model, "--tasks", task, *cache, *arguments, "--json", "-", **settings)
        return json.loads(result.stdout) if result.rc == 0 else None, result.stderr

    return evaluate


def kept(tmp_path):
    return sorted((tmp_path / "kept").glob("*.jsonl"))


def test_a_second_run_computes_nothing(run, source, tmp_path):
    tasks = [choice_task(tmp_path, source), generate_task(tmp_path, source), perplexity_task(tmp_path, source)]
    first, log = run(tasks)
    assert "loaded" in log and "from the cache" not in log
    files = {file: file.read_bytes() for file in kept(tmp_path)}
    assert len(files) == 3
    second, log = run(tasks)
    assert second == first
    assert "loaded" not in log and log.count("from the cache") == 3
    assert {file: file.read_bytes() for file in kept(tmp_path)} == files


def test_numbers_come_from_the_cache(run, task, tmp_path):
    """A number changed in the file is reported as changed."""
    first, _ = run(task)
    (file,) = kept(tmp_path)
    key, *batches = read_lines(file)
    batches[0]["outputs"][0]["likelihoods"] = [[-1.0, tokens, greedy] for _, tokens, greedy
                                               in batches[0]["outputs"][0]["likelihoods"]]
    file.write_text("".join(json.dumps(line) + "\n" for line in [key, *batches]))
    second, _ = run(task)
    assert second["tasks"][0]["metrics"]["loss"] != first["tasks"][0]["metrics"]["loss"]


def test_other_metrics_take_the_same_outputs(run, source, tmp_path):
    """The cache holds the model's outputs, not their scores."""
    run(choice_task(tmp_path, source, metrics=["acc"]))
    found, log = run(choice_task(tmp_path, source, metrics=["acc_bytes", "acc"]))
    assert "loaded" not in log and list(found["tasks"][0]["metrics"])[:2] == ["acc_bytes", "acc"]
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize("change", ["data", "prompt", "limit", "written", "precision"])
def test_what_changes_outputs_is_not_taken_from_the_cache(run, source, tmp_path, change):
    task = choice_task(tmp_path, source)
    run(task)
    arguments = {"limit": ["--limit", 12], "written": ["--written"], "precision": ["--precision", "bfloat16"]}
    if change == "data":
        rows = (tmp_path / "ending.jsonl").read_text()
        (tmp_path / "ending.jsonl").write_text(rows.replace("the ", "a ", 1))
    elif change == "prompt":
        choice_task(tmp_path, source, prompt="{text} then")
    _, log = run(task, *arguments.get(change, []))
    assert "loaded" in log and "from the cache" not in log
    assert len(kept(tmp_path)) == 2


def test_another_model_is_not_taken_from_the_cache(run, task, tuned, tmp_path):
    first, _ = run(task)
    second, log = run(task, model=tuned)
    assert "loaded" in log and second["tasks"] != first["tasks"]
    _, log = run(task, "--base", tuned, model=tuned)
    assert log.count("from the cache") == 2


@pytest.fixture
def adapter(expandft, stories, tmp_path):
    from training import train, write_config

    folder = tmp_path / "run"
    folder.mkdir()
    train(expandft, write_config(folder, stories, training__max_steps=1, evaluation=None))
    return folder / "out/adapter"


def test_strengths_are_kept_apart(run, task, adapter, tmp_path):
    for count, strength in enumerate(("1", "0.5", "0.2:1"), start=1):
        _, log = run(task, "--adapter", adapter, "--strength", strength)
        assert "from the cache" not in log
        assert len(kept(tmp_path)) == count
    _, log = run(task, "--adapter", adapter, "--strength", "0.5")
    assert "from the cache" in log and "loaded" not in log


def test_no_cache(run, task, tmp_path):
    environment = {"EXPANDFT_CACHE": str(tmp_path / "own")}
    first, _ = run(task, cache=["--no-cache"], env=environment)
    second, log = run(task, cache=["--no-cache"], env=environment)
    assert first == second and "loaded" in log
    assert not (tmp_path / "own").exists()
    run(task, cache=[], env=environment)
    assert len(list((tmp_path / "own/evaluation").glob("ending-*.jsonl"))) == 1


def test_cache_and_no_cache(expandft, stories, task, tmp_path):
    result = run_eval(expandft, "--model", stories, "--tasks", task, "--no-cache", "--cache", tmp_path / "kept", rc=2)
    assert "--cache" in result.stderr and result.stdout == ""
    assert not (tmp_path / "kept").exists()


def test_a_killed_run_goes_on(binary, run, stories, source, tmp_path):
    """Entries cached before SIGKILL stay unchanged; the results are those of an undisturbed run."""
    task = generate_task(tmp_path, source, count=480, max_tokens=40)
    whole, _ = run(task, cache=["--no-cache"])
    command = [binary, "eval", "--model", stories, "--tasks", task, "--cache", tmp_path / "kept", "--device", "cpu",
               "--threads", "1"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    try:
        while not any(file.read_bytes().count(b"\n") >= 3 for file in kept(tmp_path)):
            assert process.poll() is None and time.monotonic() < until, "ended before it was killed"
            time.sleep(0.005)
    finally:
        process.kill()
        process.wait()
    (file,) = kept(tmp_path)
    lines = file.read_text().splitlines(keepends=True)
    before = [line for line in lines if line.endswith("\n")]
    assert 3 <= len(before) < 9, "killed midway: 480 prompts are 8 batches and the key"

    found, log = run(task)
    assert "from the cache" not in log
    assert found == whole
    after = file.read_text().splitlines(keepends=True)
    assert after[:len(before)] == before
    assert sorted(json.loads(line)["batch"] for line in after[1:]) == list(range(len(after) - 1))
    assert run(task)[0] == whole


@pytest.mark.parametrize("damage", ["torn", "no line end", "garbage", "torn key", "empty", "zeros"])
def test_a_damaged_file_is_survived(run, source, tmp_path, damage):
    task = generate_task(tmp_path, source, count=140)
    whole, _ = run(task)
    (file,) = kept(tmp_path)
    content = file.read_bytes()
    assert content.count(b"\n") == 4, "the key and three batches"
    file.write_bytes({"torn": content[:-40], "no line end": content[:-1], "garbage": content[:-40] + b"{]\n",
                      "torn key": content[:30], "empty": b"", "zeros": content[:-40] + bytes(40)}[damage])
    found, log = run(task)
    assert found == whole
    assert "loaded" in log
    lines = content.splitlines(keepends=True)
    left = file.read_bytes().splitlines(keepends=True)
    assert [line for line in left if line in lines] == lines
    # A damaged but complete line may stay; the lines after it still count.
    assert len(left) - len(lines) == (1 if damage == "garbage" else 0)
    assert "from the cache" in run(task)[1]


def test_a_file_in_place_of_the_folder(run, task, tmp_path):
    """Works for root too, who may write anywhere."""
    (tmp_path / "kept").write_text("no folder")
    _, log = run(task, rc=1)
    assert "cache" in log and str(tmp_path / "kept") in log and "--no-cache" in log
    assert (tmp_path / "kept").read_text() == "no folder"


@pytest.mark.skipif(os.geteuid() == 0, reason="a superuser may write anywhere")
def test_a_folder_that_may_not_be_written(run, task, tmp_path):
    (tmp_path / "kept").mkdir(mode=0o500)
    _, log = run(task, rc=1)
    assert "cache" in log and "--no-cache" in log
