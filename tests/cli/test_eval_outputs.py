"""expandft eval: budgets, exit code 3, and the JUnit and HTML files."""

import html
import json
import re
import xml.etree.ElementTree as ElementTree

import pytest

from evaluation import choice_task, evaluate, generate_task, perplexity_task, read_lines, run_eval, sentences


@pytest.fixture(scope="module")
def tasks(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    return [choice_task(folder, source), perplexity_task(folder, source)]


@pytest.fixture(scope="module")
def compare(expandft, stories, tuned, tasks):
    def run(*arguments, rc=0, tasks=tasks):
        return run_eval(expandft, "--model", tuned, "--base", stories, "--tasks", tasks, *arguments, rc=rc)

    return run


@pytest.fixture(scope="module")
def drops(compare):
    """Relative drop of each task, in percent."""
    report = json.loads(compare("--json", "-").stdout)
    found = {task["task"]: 100 * task["drop"]["relative"] for task in report["original_tasks"]}
    assert found["ending"] > 1 and found["blocks"] > 1
    return found


def budget_arguments(budgets):
    return [word for budget in budgets for word in ("--max-drop", budget)]


@pytest.mark.parametrize("budgets, over", [
    (["500%"], []),
    (["0.5%"], ["ending", "blocks"]),
    (["500%", "ending=0.5%"], ["ending"]),
    (["0.5%", "ending=500%"], ["blocks"]),
    (["blocks=0.0001"], ["blocks"]),
    (["ending=0.999"], []),
    (["mean=0.5%"], ["mean"]),
    (["mean=500%"], []),
    (["500%", "ending=0.5%", "mean=0.5%"], ["ending", "mean"]),
])
def test_budgets(compare, drops, tmp_path, budgets, over):
    """A task over its budget gives exit code 3 and is named; all results are still written."""
    results, junit = tmp_path / "results.json", tmp_path / "junit.xml"
    result = compare("--json", results, "--junit", junit, *budget_arguments(budgets), rc=3 if over else 0)
    report = json.loads(results.read_text())
    assert report["within_budget"] is (not over)
    verdicts = {task["task"]: task["verdict"] for task in report["original_tasks"]}
    assert {name for name, verdict in verdicts.items() if verdict == "over budget"} == set(over) - {"mean"}
    assert all(name in result.stdout for name in verdicts), "the table is printed"

    error = result.stderr.partition("error: ")[2]
    assert bool(error) is bool(over)
    assert all(f"{name} (" in error for name in over)
    assert all(f"{name} (" not in error for name in set(verdicts) - set(over))

    suites = ElementTree.parse(junit).getroot()
    cases = {case.get("name"): case.find("failure") for case in suites.iter("testcase")}
    failed = {name for name, failure in cases.items() if failure is not None}
    assert len(failed) == len(over) and set(over) - {"mean"} <= failed
    assert any(name.startswith("mean") for name in failed) is ("mean" in over)
    assert int(suites.get("failures")) == len(over) and int(suites.get("tests")) == len(cases)


def test_budgets_in_the_results(compare):
    report = json.loads(compare("--json", "-", "--max-drop", "500%", "--max-drop", "ending=0.75", "--max-drop",
                                "mean=400%").stdout)
    assert report["max_drop"] == {"each": "500%", "ending": 0.75, "mean": "400%"}
    assert [task["budget"] for task in report["original_tasks"]] == ["0.75 accuracy", "500%"]
    assert [task["unit"] for task in report["original_tasks"]] == ["accuracy", "perplexity"]


def test_an_absolute_budget_is_printed_with_its_unit(compare, tmp_path):
    junit, page = tmp_path / "junit.xml", tmp_path / "page.html"
    result = compare("--max-drop", "ending=0.01", "--max-drop", "blocks=0.001", "--junit", junit, "--html", page, rc=3)
    assert "over budget (0.01 accuracy)" in result.stdout and "over budget (0.001 perplexity)" in result.stdout
    assert "budget of blocks 0.001 perplexity, ending 0.01 accuracy" in result.stderr
    suites = ElementTree.parse(junit).getroot()
    failures = [failure.get("message") for failure in suites.iter("failure")]
    assert failures[0].endswith("budget 0.01 accuracy") and failures[1].endswith("budget 0.001 perplexity")
    assert {p.get("value") for p in suites.iter("property") if p.get("name") == "max_drop"} == {
        "blocks 0.001 perplexity, ending 0.01 accuracy"}
    assert "(0.01 accuracy)" in page.read_text() and "(0.001 perplexity)" in page.read_text()


@pytest.mark.parametrize("budget, words", [
    ("ending=2", ["2 accuracy can never be exceeded", "acc of ending ranges from 0 to 1", "0.02 or 2%"]),
    ("5", ["5 accuracy", "0.05 or 5%"]),
    ("1", ["1 accuracy", "0.01 or 1%"]),
    ("ending=250", ["below 1 or a percentage"]),
])
def test_a_budget_that_can_never_be_exceeded(compare, budget, words):
    result = compare("--max-drop", budget, rc=2)
    assert all(word in result.stderr for word in words), result.stderr


def test_a_large_budget_of_a_perplexity_is_one(compare):
    report = json.loads(compare("--max-drop", "blocks=5000", "--json", "-").stdout)
    assert report["original_tasks"][1]["budget"] == "5000 perplexity" and report["within_budget"] is True


def test_a_percentage_that_can_never_be_exceeded_is_warned_of(compare):
    result = compare("--max-drop", "ending=100%")
    assert "never exceeded by ending" in result.stderr
    assert "never exceeded by" not in compare("--max-drop", "blocks=900%").stderr
    assert "never exceeded" in compare("--max-drop", "ending=100%", "--strict", rc=2).stderr


def test_a_drop_is_compared_with_its_budget_as_it_is(compare, drops):
    """A budget just below the drop of perplexity is exceeded; one just above it is not."""
    compare("--max-drop", f"blocks={drops['blocks'] - 0.01:.6f}%", rc=3)
    compare("--max-drop", f"blocks={drops['blocks'] + 0.01:.6f}%", rc=0)


@pytest.mark.parametrize("budget, words", [
    ("endin=1%", ['"endin"', 'did you mean "ending"?']),
    ("mean=0.5", ['"mean=0.5" is not a budget']),
    ("ending=", ['"ending=" is not a budget']),
    ("=1%", ['"=1%" is not a budget']),
    ("-1%", ['"-1%" is not a budget']),
    ("nan", ['"nan" is not a budget']),
    ("-1", ["cannot be negative"]),
    ("1 %", ["without a space: 1%"]),
    ("0,5%", ['decimal point as ".": 0.5%']),
    ("ending=0,5", ['decimal point as ".": 0.5']),
    ("mean=0.5", ["write a percentage"]),
])
def test_wrong_budgets(compare, budget, words):
    result = compare(f"--max-drop={budget}", rc=2)
    assert all(word in result.stderr for word in words), result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("max_drop, rc", [
    ({"each": "500%", "mean": "500%"}, 0),
    ({"ending": "0.5%"}, 3),
    ({"each": "0.5%", "ending": "500%", "blocks": 1000}, 0),
    ({"mean": "0.5%"}, 3),
])
def test_budgets_of_a_run_config(expandft, stories, tuned, tasks, tmp_path, max_drop, rc):
    (tmp_path / "train.txt").write_text("text\n")
    config = tmp_path / "run.json"
    config.write_text(json.dumps({
        "model": str(stories), "output": "run", "expansion": {"layers": "all"}, "data": {"train": "train.txt"},
        "evaluation": {"original_tasks": list(map(str, tasks)), "max_drop": max_drop}}))
    report = evaluate(expandft, "--config", config, "--model", tuned, rc=rc)
    assert report["max_drop"] == max_drop
    assert report["within_budget"] is (rc == 0)


@pytest.mark.parametrize("max_drop, words", [
    ({"endin": "1%"}, ['"endin"', "ending"]),
    ({"mean": 1}, ["max_drop"]),
    ({"ending": "much"}, ["max_drop"]),
    ({"ending": -1}, ["max_drop", "cannot be negative"]),
    ("1 %", ["without a space: 1%"]),
    ("0,5%", ['decimal point as ".": 0.5%']),
    ("0.5", ["without quotes"]),
    ({"mean": 0.5}, ["write a percentage"]),
    ({"each": "1%", "ending": 2}, ["0.02 or 2%"]),
    (2, ["0.02 or 2%"]),
])
def test_wrong_budgets_of_a_run_config(expandft, stories, tuned, tasks, tmp_path, max_drop, words):
    (tmp_path / "train.txt").write_text("text\n")
    config = tmp_path / "run.json"
    config.write_text(json.dumps({
        "model": str(stories), "output": "run", "expansion": {"layers": "all"}, "data": {"train": "train.txt"},
        "evaluation": {"original_tasks": list(map(str, tasks)), "max_drop": max_drop}}))
    result = run_eval(expandft, "--config", config, "--model", tuned, rc=2)
    assert all(word in result.stderr for word in words), result.stderr
    assert result.stdout == ""


def test_junit_without_a_budget_has_no_failure(compare, tmp_path):
    compare("--junit", tmp_path / "junit.xml")
    root = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert root.tag == "testsuites"
    assert [case.get("name") for case in root.iter("testcase")] == ["ending", "blocks"]
    assert not list(root.iter("failure"))


def test_junit_escapes_names(compare, source, tmp_path):
    task = choice_task(tmp_path, source, count=4, name="ending")
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(json.loads(task.read_text()) | {"name": 'a "<b>" & c'}))
    compare("--junit", tmp_path / "junit.xml", tasks=file)
    (case,) = ElementTree.parse(tmp_path / "junit.xml").getroot().iter("testcase")
    assert case.get("name") == 'a "<b>" & c'


SCRIPT = "<script>alert('x')</script> & \"more\""


@pytest.fixture(scope="module")
def page(expandft, stories, source, tuned, tmp_path_factory):
    """The page for a choice and a generate task whose rows all contain markup, and the example lines."""
    folder = tmp_path_factory.mktemp("page")
    tasks = [choice_task(folder, source), generate_task(folder, source)]
    for name, field in (("ending", "text"), ("written_word", "prompt")):
        rows = read_lines(folder / f"{name}.jsonl")
        rows = [row | {field: f"{SCRIPT} {row[field]}"} for row in rows]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run_eval(expandft, "--model", tuned, "--base", stories, "--tasks", tasks, "--html", folder / "page.html",
             "--examples", folder / "examples.jsonl")
    return (folder / "page.html").read_text(), read_lines(folder / "examples.jsonl")


def test_page_stands_alone(page):
    text, _ = page
    assert text.lower().startswith("<!doctype html>") and "</html>" in text
    assert not re.search(r"""(?:src|href|url|action)\s*[=(]\s*["']?\s*(?:https?:)?//""", text)
    assert "@import" not in text and "<link" not in text and "<iframe" not in text
    assert "ending" in text and "written_word" in text


def test_page_escapes_what_it_shows(page):
    text, _ = page
    assert "<script>alert" not in text
    assert re.search(r"&lt;script&gt;alert\((?:'|&#39;|&apos;)x(?:'|&#39;|&apos;)\)&lt;/script&gt; &amp; ", text)


def test_page_holds_the_changed_examples(page, source):
    """The prompt and the right choice of each lost answer."""
    text, lines = page
    by_model = {model: [line for line in lines if line["model"] == model and line["task"] == "ending"]
                for model in ("base", "tuned")}
    lost = [base["index"] for base, tuned in zip(by_model["base"], by_model["tuned"]) if base["acc"] > tuned["acc"]]
    assert lost
    shown = html.unescape(re.sub(r"<[^>]+>", "", text))
    for index in lost:
        words = sentences(source, 60)[index].split()
        assert " ".join(words[:4]) in shown and " ".join(words[4:]) in shown


@pytest.mark.parametrize("option", ["--junit", "--html", "--max-drop"])
def test_what_compares_needs_a_base(expandft, stories, tasks, tmp_path, option):
    value = "1%" if option == "--max-drop" else tmp_path / "out"
    result = run_eval(expandft, "--model", stories, "--tasks", tasks[0], option, value, rc=2)
    assert option in result.stderr and "--base" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--junit", "--html", "--examples", "--json"])
def test_folder_is_missing(compare, tmp_path, option):
    result = compare(option, tmp_path / "none/file", rc=2)
    assert option in result.stderr and "none" in result.stderr
    assert result.stdout == "" and "loaded" not in result.stderr, "found before anything is computed"
