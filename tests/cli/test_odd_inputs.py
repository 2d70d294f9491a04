"""Unusual and long inputs are used as a user would expect, or refused in a short message that names the place."""

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from training import write_config

sys.path.append(str(Path(__file__).parents[2] / "bench"))
from watch import run_watched  # noqa: E402

MB = 10**6
CPU = ("--device", "cpu", "--threads", "1", "--quiet")
MARK = b"\xef\xbb\xbf"
ROW = b'{"prompt": "Who?", "completion": " Lily"}\n'
TEXT = b"Once upon a time\nthere was a girl."
# What text must not contain, and the error's name for it.
NO_TEXT = {"nul": (b"\0", "NUL"), "invalid": (b"\xff", "UTF-8"), "surrogate": (b"\xed\xa0\x80", "UTF-8"),
           "cut off": (b"\xe2\x82", "UTF-8")}
NO_JSON = NO_TEXT | {"high": (b'{"a": "\\ud800"}', "surrogate"), "low": (b'{"a": "\\udc00"}', "surrogate")}


@pytest.fixture
def run(expandft, tmp_path):
    """Runs the program in tmp_path; a refusal must be short, name all of `parts` and leave nothing behind."""

    def run(*command, rc=0, parts=(), **settings):
        before = sorted(tmp_path.rglob("*"))
        result = expandft(*command, *CPU, **({"cwd": tmp_path} | settings))
        told = result.stderr[:3000]
        assert result.rc == rc, (result.rc, told)
        if rc:
            assert told.startswith("error: ") and "\n  where: " in result.stderr, told
            assert len(told) < 2000, told[:200]
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", told), told
            assert all(str(part) in told for part in parts), (parts, told)
            assert sorted(tmp_path.rglob("*")) == before
        return result

    return run


@pytest.fixture
def config(tmp_path, stories):
    """Writes a config of one step; `changes` are write_config's."""
    small = {"training__max_steps": 1, "evaluation": None}
    return lambda **changes: write_config(tmp_path, stories, **(small | changes))


def row(prompt="Who?", **more):
    return json.dumps({"prompt": prompt, "completion": " Lily"} | more).encode() + b"\n"


@pytest.fixture
def watched(binary, tmp_path, config):
    """Watches a dry run over rows.jsonl, which is removed afterwards because it may be large."""

    def watch():
        file = config(data__train="rows.jsonl", data__validation=None,
                      data__template={"prompt": "{prompt}", "completion": "{completion}"})
        seen = run_watched([binary, "train", "--config", file, "--dry-run", *CPU])
        assert seen.returncode == 0, seen.stderr[-2000:]
        return seen

    yield watch
    (tmp_path / "rows.jsonl").unlink()


@pytest.mark.bounded_memory
def test_a_gigabyte_of_rows_takes_hardly_more_memory_than_a_few(watched, tmp_path):
    """Most bytes are in a field that the template does not use; tokenizing all of them would take minutes."""
    rows, line = tmp_path / "rows.jsonl", row(other="x" * 20000)
    rows.write_bytes(line * 10)
    few = watched()
    with rows.open("wb") as file:
        while file.tell() < 1 << 30:
            file.write(line * 1000)
    assert watched().resident - few.resident < 50 * MB


@pytest.mark.bounded_memory
@pytest.mark.parametrize("long, size, factor", [("other", 100 * MB, 6), ("prompt", 2 * MB, 40)])
def test_a_long_line_takes_a_small_multiple_of_its_size(watched, tmp_path, long, size, factor):
    (tmp_path / "rows.jsonl").write_bytes(ROW * 2)
    short = watched()
    (tmp_path / "rows.jsonl").write_bytes(ROW + row(**{long: "word " * (size // 5)}))
    seen = watched()
    counts = re.findall(r"^rows.jsonl +(.*)", seen.stdout, flags=re.MULTILINE)[0].split()
    assert (counts[0], counts[-2]) == ("2", "1" if long == "prompt" else "0")  # rows, truncated rows
    assert seen.resident - short.resident < factor * size, (seen.resident - short.resident) / size


@pytest.mark.parametrize("line, parts", [
    ({"prompt": "a", "completion": "word " * 20000}, ["rows.jsonl", "line 2", "max_length"]),
    ({"messages": [{"role": "x" * MB, "content": "a"}]}, ["rows.jsonl:2", "role"]), ({"k" * MB: 1}, ["rows.jsonl:2"]),
    ({"messages": [{"role": "\x1b[31m", "content": "a"}]}, ["rows.jsonl:2"]), ({"\x1b[31m": 1}, ["rows.jsonl:2"])],
    ids=["answer", "role", "field", "control in role", "control in field"])
def test_what_a_line_has_is_shown_briefly_and_without_controls(run, config, tmp_path, line, parts):
    (tmp_path / "rows.jsonl").write_bytes(ROW + json.dumps(line).encode() + b"\n")
    run("train", "--config", config(data__train="rows.jsonl"), rc=2, parts=parts)


@pytest.mark.parametrize("name, text", [("odd.jsonl", b"".join(row(f"Who is {i}?") for i in range(8))),
                                        ("odd.txt", TEXT * 20)])
def test_line_ends_and_a_byte_order_mark_change_no_data(run, config, tmp_path, name, text):
    """In plain text, line ends are part of the text."""
    adapters = set()
    for output, data in {"clean": text, "mark": MARK + text, "crlf": text.replace(b"\n", b"\r\n")}.items():
        (tmp_path / name).write_bytes(data)
        run("train", "--config", config(data__train=name, output=output))
        if output != "crlf" or name == "odd.jsonl":
            adapters.add((tmp_path / output / "adapter/adapter_model.safetensors").read_bytes())
    assert len(adapters) == 1


@pytest.mark.parametrize("name, odd", [("odd.jsonl", odd) for odd in NO_JSON] + [("odd.txt", odd) for odd in NO_TEXT])
def test_data_that_is_no_text(run, config, tmp_path, name, odd):
    (tmp_path / name).write_bytes((ROW if name == "odd.jsonl" else b"a\n") + b"\r\n" + NO_JSON[odd][0])
    told = run("train", "--config", config(data__train=name), rc=2, parts=[NO_JSON[odd][1]]).stderr
    assert re.search(rf"where: {tmp_path}/{name}:3(:\d+)?\n", told), told  # line, and maybe column


@pytest.mark.parametrize("name", ["empty.txt", "blank.jsonl", "empty.jsonl.gz"])
def test_data_without_examples(run, config, tmp_path, name):
    (tmp_path / name).write_bytes(b"\n \r\n" if name.startswith("blank") else b"")
    for key in ("data__train", "data__validation"):
        run("train", "--config", config(**{key: name}), rc=2, parts=[tmp_path / name])


ASK = {"text": ("score", "--text", "odd.txt"), "stdin": ("score", "-"),
       "prompt": ("generate", "--prompt-file", "odd.txt", "--max-tokens", "8")}


@pytest.mark.parametrize("given", ASK)
def test_a_byte_order_mark_changes_no_score_and_no_answer(run, stories, tmp_path, given):
    told = []
    for data in (TEXT, MARK + TEXT):
        (tmp_path / "odd.txt").write_bytes(data)
        told.append(run(*ASK[given], "--model", stories, stdin=data.decode()).stdout)
    assert told[0] == told[1]


@pytest.mark.parametrize("given, odd", [("text", odd) for odd in NO_TEXT] + [("stdin", "nul"), ("prompt", "invalid")])
def test_score_and_generate_take_text_only(run, stories, tmp_path, given, odd):
    (tmp_path / "odd.txt").write_bytes(TEXT + NO_TEXT[odd][0])
    stdin = TEXT.decode() + "\0" if given == "stdin" else None
    place = "stdin:2" if stdin else "odd.txt:2"
    run(*ASK[given], "--model", stories, stdin=stdin, rc=2, parts=[place, NO_TEXT[odd][1]])


BAD_FILES = {odd: (lambda clean, odd=odd: b'{"x":\n"' + NO_TEXT[odd][0] + b'",' + clean[1:], NO_TEXT[odd][1])
             for odd in NO_TEXT} | {
    "escape": (lambda clean: b'{"x": "\\ud800",' + clean[1:], "surrogate"),
    "empty": (lambda clean: b"", "end of input"),
    "nul outside": (lambda clean: b"{\0" + clean[1:], "NUL"), "nul after": (lambda clean: clean + b"\0", "NUL"),
    "utf-16": (lambda clean: clean.decode().encode("utf-16"), "UTF-8"), "list": (lambda clean: b"[]", "[]"),
    "long key": (lambda clean: b'{"' + b"k" * MB + b'": 1,' + clean[1:], "unknown"),
    "nul in a path": (lambda clean: clean.replace(b".txt", b"\\u0000.txt"), "NUL"),
    "long path": (lambda clean: clean.replace(b".txt", b"x" * MB + b".txt"), "data"),
    "control": (lambda clean: clean.replace(b".txt", b"\\u001b[31m.txt"), "data")}


@pytest.mark.parametrize("odd", BAD_FILES)
@pytest.mark.parametrize("file", ["run.json", "stories.json"])
def test_configs_and_task_files_that_are_none(run, config, stories, tmp_path, file, odd):
    config()
    change, part = BAD_FILES[odd]
    (tmp_path / file).write_bytes(change((tmp_path / file).read_bytes()))
    command = {"run.json": ["train", "--config"], "stories.json": ["eval", "--model", stories, "--tasks"]}[file]
    run(*command, f"./{file}", rc=2, parts=[part] if part == "data" else [part, file])


@pytest.mark.parametrize("key", ["output", "model", "data.train", "retention.text", "lora.targets", "evaluation.tasks"])
def test_long_values_are_not_repeated_whole(run, config, key):
    value = "x" * 100000
    file = config(data__validation=None)  # would print a message before the error
    run("train", "--config", file, "--set", f"{key}={json.dumps([value] if key == 'evaluation.tasks' else value)}",
        rc=2, parts=["xxx"])


def test_line_ends_and_a_byte_order_mark_change_no_config_and_no_task(run, config, stories, tmp_path):
    file, task, rows = config(), tmp_path / "rows.json", tmp_path / "rows.jsonl"
    task.write_text(json.dumps({"name": "rows", "type": "continuation", "data": "rows.jsonl", "prompt": "{prompt}",
                                "continuation": "{completion}"}, indent=1))
    clean = {file: file.read_bytes().replace(b", ", b",\n"), task: task.read_bytes(), rows: ROW * 3}
    resolved, values = set(), set()
    for change in (lambda data: data, lambda data: MARK + data, lambda data: data.replace(b"\n", b"\r\n")):
        for one, data in clean.items():
            one.write_bytes(change(data))
        dry = run("train", "--config", file, "--dry-run").stdout
        resolved.add("".join(line for line in dry.splitlines() if "(config)" in line))
        values.add(run("eval", "--model", stories, "--tasks", task, "--no-cache").stdout)
    assert len(resolved) == len(values) == 1
    for data, part in [*NO_JSON.values(), (b"", "")]:
        rows.write_bytes(ROW + data if data else b"")
        run("eval", "--model", stories, "--tasks", task, rc=2, parts=["rows.jsonl:2" if data else "rows.jsonl", part])


def test_names_of_tasks_are_shown_without_controls(run, stories, tmp_path):
    task, name = tmp_path / "rows.json", "a\x1b[2J\x9b"
    task.write_text(json.dumps({"name": name, "type": "continuation", "data": "rows.jsonl", "prompt": "{prompt}",
                                "continuation": "{completion}"}))
    (tmp_path / "rows.jsonl").write_bytes(ROW * 3)
    table = run("eval", "--model", stories, "--tasks", task, "--no-cache", "--json", "result.json").stdout
    assert "a\\u001b[2J\\u009b" in table and "\x1b" not in table and "\x9b" not in table
    assert name in {one["task"] for one in json.loads((tmp_path / "result.json").read_text())["tasks"]}


@pytest.mark.parametrize("kind", ["empty", "directory", "missing"])
@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.model"])
def test_models_without_a_file(run, config, stories, tmp_path, name, kind):
    model, file = tmp_path / "model", tmp_path / "model" / name
    shutil.copytree(stories, model)
    file.unlink()
    if kind != "missing":
        file.write_bytes(b"") if kind == "empty" else file.mkdir()
    config()
    commands = ["generate --prompt a --model", "eval --tasks ./stories.json --model", "train --config run.json --set"]
    if name != "tokenizer.model":  # these need none
        commands += ["expand --layers all --output new --model", "inspect"]
    for command in commands:
        end = f"model={model}" if command.startswith("train") else model
        run(*command.split(), end, rc=2, parts=[model if kind == "missing" else file])


# FILE, FOLDER and NONE mean a file, a folder or nothing where something else is expected.
TASK = "eval --model MODEL --tasks ./stories.json"
MISPLACED = [f"{command} {end}" for ends, commands in {
    "FILE NONE": ["inspect", "expand --layers all --output new --model", "generate --prompt a --model",
                  "merge --output new --model MODEL --adapter", "eval --tasks ./stories.json --model",
                  f"{TASK} --task-data"],
    "FOLDER FILE/x": ["train --config", "validate", "eval --config", "eval --model MODEL --tasks",
                      "score --model MODEL --text", "score --model MODEL --ids",
                      "generate --model MODEL --prompt-file"],
    "FILE FILE/x /proc/x": ["expand --model MODEL --layers all --output", f"{TASK} --cache"],
    "FOLDER NONE/x /proc/x": [f"{TASK} --no-cache --json", f"{TASK} --no-cache --base MODEL --html"],
}.items() for command in commands for end in ends.split()]


@pytest.mark.parametrize("command", MISPLACED)
def test_files_and_folders_in_place_of_each_other(run, config, stories, tmp_path, command):
    config()
    (tmp_path / "FILE").write_text("a")
    (tmp_path / "FOLDER").mkdir()
    command = re.sub("FILE|FOLDER|NONE", lambda found: str(tmp_path / found[0]), command.replace("MODEL", str(stories)))
    place = command.split()[-1].replace("FILE/x", "FILE" if "--output" in command else "FILE/x")
    refused = run(*command.split(), rc=1 if "/proc" in command or "--cache" in command else 2, parts=[place])
    assert "/proc/x" in command or command.startswith("validate") or not refused.stdout  # before anything is computed


def test_two_dashes_end_the_options(expandft, stories, tmp_path):
    shutil.copytree(stories, tmp_path / "-model")
    result = expandft("inspect", "--", "-model", cwd=tmp_path)
    assert result.rc == 0, result.stderr


def test_odd_names_in_every_place(run, stories, tmp_path):
    folder = tmp_path / "-a b, 'c' \"d\" ünï [x]* 🙂"
    folder.mkdir()
    model, out, merged, base, grown, cache, *results = (
        folder / f"-{name} ∂ 🙂" for name in "model out merged base grown cache json examples junit html".split())
    shutil.copytree(stories, model)
    data, text, task, config = "-tr 'ain [1]*.txt", "-st ö.txt", "-t 🙂.json", '-run "1".json'
    write_config(folder, model.name, config, output=out.name, training__max_steps=2, data__train=data,
                 evaluation__original_tasks=[f"./{task}"])
    (folder / "train.txt").rename(folder / data)
    (folder / "stories.txt").rename(folder / text)
    (folder / task).write_text(json.dumps({"name": "🙂", "type": "perplexity", "data": text}))
    run("expand", "--model", model.name, f"--output={grown.name}", "--layers", "all", cwd=folder)
    run("train", "--config", config, cwd=folder)
    run("merge", "--model", model, "--adapter", out / "adapter", "--output", merged)
    run("unmerge", "--model", merged, "--output", base)
    run("eval", "--base", model, "--model", merged, "--config", folder / config, "--cache", cache,
        *(f"--{kind}={file}" for kind, file in zip(("json", "examples", "junit", "html"), results)))
    assert json.loads(results[0].read_text())["tuned"] == str(merged) and all(file.is_file() for file in results)
    run("eval", "--model", merged.name, "--tasks", task, "--no-cache", cwd=folder)
    for place in (out, out / "adapter", merged, grown, base):
        run("inspect", place)
    told = [run("generate", *given, "--prompt", "-Once", "--temperature", "0").stdout
            for given in (("--model", merged), ("--model", model, "--adapter", out / "adapter"))]
    assert told[0] == told[1]
    run("score", "--model", model.name, "--text", config, cwd=folder)
