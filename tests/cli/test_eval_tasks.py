"""expandft eval on task files of every type: a tuned model against its base, checked from --examples."""

import json
import math
import re
from types import SimpleNamespace

import pytest

from evaluation import (choice_task, continuation_task, evaluate, generate_task, perplexity_task, read_lines,
                        rolling_task, run_eval, write_task)


@pytest.fixture(scope="module")
def compared(expandft, stories, source, tuned, tmp_path_factory):
    """All five types in one run: results, example lines by model and task, the table."""
    folder = tmp_path_factory.mktemp("compared")
    tasks = [make(folder, source) for make in (choice_task, continuation_task, generate_task, rolling_task,
                                               perplexity_task)]
    result = run_eval(expandft, "--model", tuned, "--base", stories, "--tasks", tasks,
                      "--json", folder / "results.json", "--examples", folder / "examples.jsonl")
    report = json.loads((folder / "results.json").read_text())
    lines = {}
    for line in read_lines(folder / "examples.jsonl"):
        lines.setdefault((line["model"], line["task"]), []).append(line)
    by_name = {task["task"]: task for task in report["original_tasks"]}
    return SimpleNamespace(folder=folder, report=report, tasks=by_name, lines=lines, text=result.stdout)


def metric(task, name):
    (found,) = [one for one in task["metrics"] if one["metric"] == name]
    return found


def paired_error(differences, weights):
    """The standard error of the ratio of two sums: docs/evaluation.md."""
    ratio = sum(differences) / sum(weights)
    squares = sum((d - ratio * w) ** 2 for d, w in zip(differences, weights))
    return math.sqrt(len(weights) / (len(weights) - 1) * squares) / sum(weights)


def mcnemar(lost, gained):
    tail = sum(math.comb(lost + gained, k) for k in range(min(lost, gained) + 1))
    return min(1, 2 * tail / 2 ** (lost + gained))


def test_types_and_metrics(compared):
    found = {name: (task["type"], list(task["base"])) for name, task in compared.tasks.items()}
    assert found == {
        "ending": ("choice", ["acc", "acc_norm", "loss"]),
        "last_word": ("continuation", ["acc", "perplexity", "loss"]),
        "written_word": ("generate", ["exact_match", "contains"]),
        "documents": ("rolling", ["word_perplexity", "byte_perplexity", "bits_per_byte", "loss"]),
        "blocks": ("perplexity", ["perplexity", "loss", "bits_per_byte"]),
    }
    assert compared.report["tasks"] == [] and compared.report["within_budget"] is None
    for name, task in compared.tasks.items():
        assert task["metric"] == task["metrics"][0]["metric"] == list(task["base"])[0]
        assert task["examples"] == len(compared.lines["base", name]) == len(compared.lines["tuned", name])
        assert task["truncated"] == 0
        assert name in compared.text


@pytest.mark.parametrize("name", ["ending", "last_word", "written_word"])
def test_right_and_wrong_answers(compared, name):
    """Shares, flips, McNemar's test and the error of the difference, recomputed from --examples."""
    task = compared.tasks[name]
    judged = task["metric"]
    base, tuned = ([line[judged] for line in compared.lines[model, name]] for model in ("base", "tuned"))
    assert set(base) | set(tuned) <= {0, 1}
    lost = sum(b > t for b, t in zip(base, tuned))
    gained = sum(b < t for b, t in zip(base, tuned))
    assert lost, "the damage is seen"
    assert (task["flips"]["lost"], task["flips"]["gained"], task["flips"]["answers"]) == (lost, gained, len(base))
    assert task["p_value"] == pytest.approx(mcnemar(lost, gained), rel=1e-9)
    assert task["base"][judged] == pytest.approx(sum(base) / len(base))
    assert task["tuned"][judged] == pytest.approx(sum(tuned) / len(tuned))
    assert task["difference"] == pytest.approx((gained - lost) / len(base))
    assert task["drop"]["absolute"] == pytest.approx((lost - gained) / len(base))
    assert task["drop"]["relative"] == pytest.approx((lost - gained) / sum(base))
    assert task["standard_error"] == pytest.approx(
        paired_error([t - b for b, t in zip(base, tuned)], [1] * len(base)), rel=1e-9)


def test_examples_of_choices(compared):
    """The most likely choice is the prediction; acc_norm divides by characters."""
    rows = read_lines(compared.folder / "ending.jsonl")
    for model in ("base", "tuned"):
        for row, line in zip(rows, compared.lines[model, "ending"]):
            scores = line["log_probs"]
            assert line["target"] == row["answer"] and line["line"] == line["index"] + 1
            assert line["prediction"] == scores.index(max(scores))
            assert line["acc"] == (line["prediction"] == row["answer"])
            by_length = [score / len(text) for score, text in zip(scores, row["options"])]
            assert line["acc_norm"] == (by_length.index(max(by_length)) == row["answer"])
    changed = sum(b["prediction"] != t["prediction"]
                  for b, t in zip(compared.lines["base", "ending"], compared.lines["tuned", "ending"]))
    assert compared.tasks["ending"]["flips"]["changed"] == changed > 0


def test_examples_of_written_texts(compared):
    rows = read_lines(compared.folder / "written_word.jsonl")
    pairs = list(zip(compared.lines["base", "written_word"], compared.lines["tuned", "written_word"]))
    for row, (base, tuned) in zip(rows, pairs):
        assert base["references"] == [row["word"]] and "log_probs" not in base
        assert tuned["contains"] == (row["word"] in tuned["text"])
    assert compared.tasks["written_word"]["flips"]["changed"] == sum(b["text"] != t["text"] for b, t in pairs)
    assert compared.tasks["written_word"]["base"]["exact_match"] > 0


def weights_of(compared, name, kind):
    lines = compared.lines["base", name]
    if kind == "tokens":
        return [line["tokens"][line.get("target", 0)] for line in lines]
    pages = [row["page"] for row in read_lines(compared.folder / "documents.jsonl")] if kind != "examples" else []
    return {"examples": [1] * len(lines), "words": [len(page.split()) for page in pages],
            "bytes": [len(page.encode()) for page in pages]}[kind]


@pytest.mark.parametrize("name, which, weight", [
    ("ending", "loss", "tokens"), ("last_word", "perplexity", "examples"), ("last_word", "loss", "tokens"),
    ("documents", "word_perplexity", "words"), ("documents", "byte_perplexity", "bytes"),
    ("documents", "bits_per_byte", "bytes"), ("blocks", "perplexity", "tokens"),
])
def test_likelihoods(compared, name, which, weight):
    """Values, differences and their errors, recomputed from the log-probabilities in --examples."""
    weights = weights_of(compared, name, weight)
    base, tuned = ([line["log_probs"][line.get("target", 0)] for line in compared.lines[model, name]]
                   for model in ("base", "tuned"))
    rates = [-sum(scores) / sum(weights) for scores in (base, tuned)]
    error = paired_error([b - t for b, t in zip(base, tuned)], weights)
    found = metric(compared.tasks[name], which)
    if which.endswith("perplexity"):
        expected, change = [math.exp(rate) for rate in rates], math.exp(rates[1] - rates[0]) - 1
        assert found["relative_change"] == pytest.approx(change, rel=1e-6)
    else:
        unit = math.log(2) if which == "bits_per_byte" else 1
        expected, rates, error = [rate / unit for rate in rates], [rate / unit for rate in rates], error / unit
    assert [found["base"], found["tuned"]] == pytest.approx(expected, rel=1e-9)
    assert found["difference"] == pytest.approx(rates[1] - rates[0], rel=1e-6)
    assert found["standard_error"] == pytest.approx(error, rel=1e-6)
    assert found["higher_is_better"] is False


def test_verdicts_without_a_budget(compared):
    for task in compared.tasks.values():
        worse = task["drop"]["absolute"] > 0
        beyond = abs(task["difference"]) > 2 * task["standard_error"]
        assert task["verdict"] == (("worse" if worse else "better") if beyond else "same"), task["task"]
        assert task["budget"] is None
    assert compared.tasks["blocks"]["verdict"] == "worse"


def test_forgetting(compared):
    tasks, found = compared.tasks.values(), compared.report["forgetting"]
    drops = {task["task"]: task["drop"]["relative"] for task in tasks}
    assert found["mean_drop"] == pytest.approx(sum(drops.values()) / len(drops))
    assert found["worst_task"] == max(drops, key=drops.get)
    assert found["worst_drop"] == pytest.approx(max(drops.values()))
    flips = [task["flips"] for task in tasks if task["flips"]]
    assert len(flips) == 3
    assert found["flipped"] == pytest.approx(
        sum(one["lost"] + one["gained"] for one in flips) / sum(one["answers"] for one in flips))
    assert all(task["divergence"] > 0 for task in tasks)
    assert found["divergence"] == pytest.approx(sum(task["divergence"] for task in tasks) / len(drops))


def test_a_model_against_itself_forgets_nothing(expandft, stories, compared):
    tasks = [compared.folder / f"{name}.json" for name in compared.tasks]
    found = evaluate(expandft, "--model", stories, "--base", stories, "--tasks", tasks, "--max-drop", "0",
                     "--max-drop", "mean=0%")
    assert found["within_budget"] is True
    assert found["forgetting"]["mean_drop"] == found["forgetting"]["worst_drop"] == 0
    assert found["forgetting"]["flipped"] == 0
    assert found["forgetting"]["divergence"] == pytest.approx(0, abs=1e-6)
    for task in found["original_tasks"]:
        assert task["difference"] == task["standard_error"] == 0
        assert task["p_value"] in (None, 1)
        assert task["base"] == pytest.approx(compared.tasks[task["task"]]["base"], rel=1e-9)


def test_no_change_is_not_below_0(expandft, stories, compared):
    tasks = [compared.folder / f"{name}.json" for name in compared.tasks]
    arguments = ["--model", stories, "--base", stories, "--tasks", tasks]
    for arguments in (arguments, [*arguments, "--json", "-"]):
        text = run_eval(expandft, *arguments).stdout
        assert re.findall(r".*[ (]-0(?:\.0+)?(?![.\d]).*", text) == []


def test_bleu_and_chrf_are_those_of_sacrebleu(expandft, stories, source, tuned, tmp_path):
    import sacrebleu

    rows = read_lines(source / "tests/golden/tasks/wmt14_en_fr.jsonl")
    stories_rows = [{"translation": {"en": text, "fr": text + " and they were happy."}} for text in
                    ("Once upon a time, there was a little girl named Lily", "The dog was very happy", "He said")]
    task = write_task(tmp_path, "words", rows + stories_rows, type="generate", prompt="{translation.en}",
                      reference="{translation.fr}", max_tokens=24, metrics=["bleu", "chrf"])
    found = evaluate(expandft, "--model", tuned, "--base", stories, "--tasks", task,
                     "--examples", tmp_path / "examples.jsonl")["original_tasks"][0]
    for model in ("base", "tuned"):
        lines = [line for line in read_lines(tmp_path / "examples.jsonl") if line["model"] == model]
        texts, references = [line["text"] for line in lines], [[line["references"][0] for line in lines]]
        assert found[model]["bleu"] == pytest.approx(sacrebleu.corpus_bleu(texts, references).score, abs=0.01)
        assert found[model]["chrf"] == pytest.approx(sacrebleu.corpus_chrf(texts, references).score, abs=0.01)
    assert found["base"]["chrf"] > 1
    assert found["flips"] is None
    assert 0 < found["p_value"] <= 1 and found["standard_error"] > 0


def test_answers_that_the_model_writes(expandft, stories, tmp_path):
    """One right answer, one wrong one, and one that is none of the choices."""
    girl = "Once upon a time, there was a little girl named"
    rows = [{"text": girl, "names": ["Tom", "Lily"], "right": 1}, {"text": girl, "names": ["Lily", "Tom"], "right": 1},
            {"text": girl, "names": ["Q", "Zxy"], "right": 0}]
    task = write_task(tmp_path, "names", rows, type="choice", prompt="{text}", choices="{names}", target="{right}",
                      written_prompt="{text}", written_answers="{names}", max_tokens=8)
    (found,) = evaluate(expandft, "--model", stories, "--tasks", task, "--written", "--examples",
                        tmp_path / "examples.jsonl")["tasks"]
    lines = read_lines(tmp_path / "examples.jsonl")
    assert all("Lily" in line["text"] and "log_probs" not in line for line in lines)
    assert [line["prediction"] for line in lines] == [1, 0, None]
    assert [(line["acc"], line["answered"]) for line in lines] == [(1, 1), (0, 1), (0, 0)]
    assert found["metrics"] == pytest.approx({"acc": 1 / 3, "answered": 2 / 3})


def test_no_written_prompt(expandft, stories, tmp_path):
    task = write_task(tmp_path, "capitals", [{"options": ["Lima", "Cusco"]}], type="choice", prompt="Peru:",
                      choices="{options}", target="0")
    result = run_eval(expandft, "--model", stories, "--tasks", task, "--written", rc=2)
    assert "written_prompt" in result.stderr and "capitals.json" in result.stderr
    assert result.stdout == ""


def test_two_runs_are_alike(expandft, stories, tuned, compared, tmp_path):
    def run(number):
        files = [tmp_path / f"{name}{number}" for name in ("results", "examples")]
        tasks = [compared.folder / f"{name}.json" for name in compared.tasks]
        run_eval(expandft, "--model", tuned, "--base", stories, "--tasks", tasks, "--limit", "12", "--no-cache",
                 "--json", files[0], "--examples", files[1])
        return [file.read_bytes() for file in files]

    assert run(1) == run(2)
