"""Odd and long inputs: each is used as a user would expect, or refused in few words that name the place."""

import json
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from training import write_config

sys.path.append(str(Path(__file__).parents[2] / "bench"))
from watch import run_watched  # noqa: E402

MB = 10**6
ROW = b'{"prompt": "Who?", "completion": " Lily"}\n'
MARK = b"\xef\xbb\xbf"
FORM = {"prompt": "{prompt}", "completion": "{completion}"}
CPU = ("--device", "cpu", "--threads", "1", "--quiet")
TEXT = b"Once upon a time\nthere was a girl."
# What no text may hold, and how the refusal calls it.
NO_TEXT = {"nul": (b"\0", "NUL"), "invalid": (b"\xff", "UTF-8"), "surrogate": (b"\xed\xa0\x80", "UTF-8"),
           "cut off": (b"\xe2\x82", "UTF-8"), "utf-16": ("a".encode("utf-16"), "")}
NO_JSON = NO_TEXT | {"high surrogate": (b'{"a": "\\ud800"}', "surrogate"), "low surrogate": (b'"\\udc00"', "")}


def names(folder):
    return sorted(str(p) for p in folder.rglob("*"))


@pytest.fixture
def run(expandft, tmp_path):
    """Runs the program in tmp_path; a refusal is short, names all of `parts` and leaves nothing behind."""

    def run(*command, rc=0, parts=(), **settings):
        before = names(tmp_path)
        result = expandft(*command, *CPU, **({"cwd": tmp_path} | settings))
        assert result.rc == rc, (command, result.rc, result.stdout[-500:], result.stderr[-2000:])
        if rc:
            assert len(result.stderr) < 2000, result.stderr[:500]
            assert result.stderr.startswith("error: ") and "\n  where: " in result.stderr, result.stderr
            assert not re.search("[^\n -~]", re.sub("[\u00a0-\U0010ffff]", "", result.stderr)), result.stderr
            assert not [part for part in parts if str(part) not in result.stderr], result.stderr
            assert names(tmp_path) == before
        return result

    return run


@pytest.fixture
def config(tmp_path, stories):
    """Writes a config of one step; `changes` are write_config's."""

    def write(**changes):
        return write_config(tmp_path, stories, **({"training__max_steps": 1, "evaluation": None} | changes))

    return write


@pytest.fixture
def watched(binary, tmp_path, config):
    """Watches a dry run over rows.jsonl, which is removed afterwards: it may be large."""

    def watch():
        file = config(data__train="rows.jsonl", data__validation=None, data__template=FORM)
        seen = run_watched([binary, "train", "--config", file, "--dry-run", "--device", "cpu", "--threads", "1"])
        assert seen.returncode == 0, seen.stderr[-2000:]
        return seen

    yield watch
    (tmp_path / "rows.jsonl").unlink()


def row(prompt="Who?", **more):
    return json.dumps({"prompt": prompt, "completion": " Lily"} | more).encode() + b"\n"


def test_a_gigabyte_of_rows_takes_hardly_more_memory_than_a_few(watched, tmp_path):
    """Most bytes are in a field that the template leaves out: they are read, not tokenized, which takes minutes."""
    line = row(other="x" * 20000)
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(line * 10)
    few = watched()
    with rows.open("wb") as file:
        while file.tell() < 1 << 30:
            file.write(line * 1000)
    many = watched()
    assert many.resident - few.resident < 50 * MB, (few.resident, many.resident)


@pytest.mark.parametrize("long, size, factor", [("other", 100 * MB, 6), ("prompt", 3 * MB, 40)])
def test_a_long_line_takes_a_small_multiple_of_its_size(watched, tmp_path, long, size, factor):
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(ROW * 2)
    short = watched()
    rows.write_bytes(ROW + row(**{long: "word " * (size // 5)}))
    seen = watched()
    [counts] = re.findall(r"^rows.jsonl +(.*)", seen.stdout, flags=re.MULTILINE)
    assert counts.split()[0] == "2" and (counts.split()[-2] == "1") == (long == "prompt")  # rows, truncated rows
    assert seen.resident - short.resident < factor * size, (seen.resident - short.resident) / size


def test_a_long_answer_is_refused_by_line(run, config, tmp_path):
    (tmp_path / "rows.jsonl").write_bytes(ROW + row(completion="word " * 20000))
    run("train", "--config", config(data__train="rows.jsonl"), rc=2, parts=["rows.jsonl", "line 2", "max_length"])


@pytest.mark.parametrize("line, part", [
    ({"messages": [{"role": "x" * MB, "content": "a"}]}, "role"), ({"k" * MB: 1}, "found"),
    ({"messages": [{"role": "\x1b[31m", "content": "a"}]}, "role"), ({"\x1b[31m": 1}, "found")])
def test_what_a_line_has_is_shown_briefly_and_without_controls(run, config, tmp_path, line, part):
    (tmp_path / "rows.jsonl").write_bytes(ROW + json.dumps(line).encode() + b"\n")
    run("train", "--config", config(data__train="rows.jsonl"), rc=2, parts=["rows.jsonl:2", part])


def test_line_ends_and_a_byte_order_mark_change_no_rows(run, config, tmp_path):
    lines = [row(f"Who is {i}?") for i in range(8)]
    forms = {"clean": b"".join(lines), "crlf": b"".join(lines).replace(b"\n", b"\r\n"), "mark": MARK + b"".join(lines),
             "blank": b"\r\n \n".join(lines)}
    adapters = set()
    for name, data in forms.items():
        (tmp_path / "rows.jsonl").write_bytes(data)
        run("train", "--config", config(data__train="rows.jsonl", output=name))
        adapters.add((tmp_path / name / "adapter/adapter_model.safetensors").read_bytes())
    assert len(adapters) == 1


@pytest.mark.parametrize("key", ["data__train", "data__validation"])
@pytest.mark.parametrize("odd", NO_JSON)
def test_rows_that_are_no_text(run, config, tmp_path, key, odd):
    (tmp_path / "rows.jsonl").write_bytes(ROW + b"\r\n" + NO_JSON[odd][0])
    stderr = run("train", "--config", config(**{key: "rows.jsonl"}), rc=2, parts=[NO_JSON[odd][1]]).stderr
    assert re.search(rf"where: {tmp_path}/rows\.jsonl:3(:\d+)?\n", stderr), stderr  # line, and perhaps column


def test_a_byte_order_mark_is_no_text(run, config, tmp_path):
    adapters = set()
    for name, data in {"clean": TEXT * 20, "mark": MARK + TEXT * 20}.items():
        (tmp_path / "odd.txt").write_bytes(data)
        run("train", "--config", config(data__train="odd.txt", output=name))
        adapters.add((tmp_path / name / "adapter/adapter_model.safetensors").read_bytes())
    assert len(adapters) == 1


@pytest.mark.parametrize("odd", NO_TEXT)
def test_plain_text_that_is_none(run, config, tmp_path, odd):
    (tmp_path / "odd.txt").write_bytes(TEXT + NO_TEXT[odd][0])
    run("train", "--config", config(data__train="odd.txt"), rc=2, parts=[f"{tmp_path}/odd.txt:2", NO_TEXT[odd][1]])


@pytest.mark.parametrize("command", [("score", "--text", "odd.txt"), ("score", "-"),
                                     ("generate", "--prompt-file", "odd.txt", "--json", "--temperature", "0")])
def test_score_and_generate_take_text_only(run, stories, tmp_path, command):
    command = (*command, "--model", stories)

    def given(data, **settings):
        (tmp_path / "odd.txt").write_bytes(data)
        return run(*command, stdin=data.decode() if "-" in command else None, **settings)

    assert given(TEXT.replace(b"\n", b"\r\n")).stdout
    clean, marked = (json.loads(given(data).stdout.splitlines()[-1] if "score" in command else given(data).stdout)
                     for data in (TEXT, MARK + TEXT))
    assert marked == clean
    for odd, name in [NO_TEXT["nul"]] if "-" in command else NO_TEXT.values():
        given(TEXT + odd, rc=2, parts=["stdin:2" if "-" in command else "odd.txt:2", name])


def spoiled(odd):
    return lambda clean: b'{"x": "a",\n' + odd + clean


BAD_FILES = {name: (spoiled(odd), part) for name, (odd, part) in NO_JSON.items() if name != "utf-16"} | {
    "utf-16": (lambda clean: clean.decode().encode("utf-16"), "UTF-8"), "nul after": (lambda clean: clean + b"\0", "NUL"),
    "empty": (lambda clean: b"", "end of input"), "null": (lambda clean: b"null", "null"),
    "list": (lambda clean: b"[]", "[]"), "long key": (lambda clean: b'{"' + b"k" * MB + b'": 1,' + clean[1:], "unknown"),
    "path with nul": (lambda clean: clean.replace(b".txt", b"\\u0000.txt"), "NUL"),
    "long path": (lambda clean: clean.replace(b".txt", b"x" * MB + b".txt"), ""),
    "control": (lambda clean: clean.replace(b".txt", b"\\u001b[31m.txt"), "")}


@pytest.mark.parametrize("odd", BAD_FILES)
@pytest.mark.parametrize("file", ["run.json", "stories.json"])
def test_configs_and_task_files_that_are_none(run, config, stories, tmp_path, file, odd):
    config()
    change, part = BAD_FILES[odd]
    (tmp_path / file).write_bytes(change((tmp_path / file).read_bytes()))
    command = ("train", "--config", file) if file == "run.json" else ("eval", "--model", stories, "--tasks", f"./{file}")
    parts = ["data"] if odd in ("long path", "control") else [file]  # these are looked for as `data` says
    run(*command, rc=2, parts=[*parts, part])


@pytest.mark.parametrize("long", ["output", "model", "data__train", "data__validation", "retention__text", "lora__targets"])
def test_long_values_are_not_repeated_whole(run, config, tmp_path, long):
    file = config()
    parents, value = long.split("__"), json.loads(file.read_text())
    value.setdefault(parents[0], {})
    (value if len(parents) == 1 else value[parents[0]])[parents[-1]] = "x" * MB
    file.write_text(json.dumps(value))
    run("train", "--config", file, rc=2, parts=["xxx"])


def test_line_ends_and_a_byte_order_mark_change_no_config_and_no_task(run, config, stories, tmp_path):
    file, task, rows = config(), tmp_path / "rows.json", tmp_path / "rows.jsonl"
    task.write_text(json.dumps({"name": "rows", "type": "continuation", "data": "rows.jsonl", "prompt": "{prompt}",
                                "continuation": "{completion}"}, indent=1))
    rows.write_bytes(ROW * 3)
    config_text = json.dumps(json.loads(file.read_text()), indent=1).encode()
    resolved, values, clean = set(), set(), (task.read_bytes(), rows.read_bytes())
    for change in (lambda data: data, lambda data: MARK + data, lambda data: data.replace(b"\n", b"\r\n")):
        file.write_bytes(change(config_text))
        told = run("train", "--config", file, "--dry-run").stdout
        resolved.add("".join(line for line in told.splitlines() if "(config)" in line))
        for at, data in zip((task, rows), clean):
            at.write_bytes(change(data))
        values.add(run("eval", "--model", stories, "--tasks", task, "--no-cache").stdout)
    assert len(resolved) == len(values) == 1


@pytest.mark.parametrize("odd", [*NO_JSON, "empty"])
def test_task_data_that_is_no_text(run, stories, tmp_path, odd):
    data, part = NO_JSON.get(odd, (b"", "no row"))
    (tmp_path / "rows.jsonl").write_bytes(ROW + data if data else b"")
    (tmp_path / "rows.json").write_text(json.dumps({"name": "rows", "type": "continuation", "data": "rows.jsonl",
                                                    "prompt": "{prompt}", "continuation": "{completion}"}))
    run("eval", "--model", stories, "--tasks", "./rows.json", rc=2,
        parts=["rows.jsonl:2" if data else "rows.jsonl", part])


@pytest.mark.parametrize("name", ["empty.txt", "empty.jsonl", "blank.jsonl", "empty.jsonl.gz"])
@pytest.mark.parametrize("key", ["data__train", "data__validation"])
def test_data_without_examples(run, config, tmp_path, key, name):
    (tmp_path / name).write_bytes(b"\n \r\n" if name.startswith("blank") else b"")
    run("train", "--config", config(**{key: name}), rc=2, parts=[tmp_path / name])
