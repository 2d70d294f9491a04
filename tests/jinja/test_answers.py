"""What is learned of conversations that chat templates write: ours, the goldens', and those of EXPANDFT_TEMPLATES."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from conversations import WEATHER
from reference import ROOT
from test_templates import GOLDENS, OURS, PUBLISHED

BINARY = os.environ.get("EXPANDFT_BINARY", str(ROOT / "build/dev/bin/expandft"))
QUESTION = {"role": "user", "content": "What is up?"}
CALL = {"id": "call00001", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Rome"}}}
FIRST, SECOND = {"role": "assistant", "content": "First."}, {"role": "assistant", "content": "Second."}
ROWS = {
    "answer": {"messages": [QUESTION, FIRST]},
    "system": {"messages": [{"role": "system", "content": "Be terse."}, QUESTION, FIRST]},
    "turns": {"messages": [QUESTION, FIRST, {"role": "user", "content": "More?"}, SECOND]},
    "reasoning": {"messages": [QUESTION, {**FIRST, "reasoning_content": "Hm one."}, {"role": "user", "content": "More?"},
                               {**SECOND, "reasoning_content": "Hm two."}]},
    "tools": {"tools": [WEATHER], "messages": [
        QUESTION, {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "21 C", "tool_call_id": "call00001", "name": "get_weather"}, SECOND]},
}
LEARNED = {"answer": ["First."], "system": ["First."], "turns": ["First.", "Second."],
           "reasoning": ["Hm one.", "First.", "Hm two.", "Second."], "tools": ["get_weather", "Rome", "Second."]}
NOT_LEARNED = ["What is up?", "More?", "Be terse.", "21 C", "celsius"]
# Templates that leave something out, refuse a row, or do not say where an answer is.
REFUSED = re.compile(r"leaves out|has no place for|cannot be told|no special token|chat_template\.jinja:\d+:\d+")
TOKEN = re.compile(r"<[|｜][^>\s]{1,40}[|｜]>|</?[a-zA-Z_][\w:.-]{0,40}\|?>|\[/?[A-Z_]+\]")


def model_with(template: Path, folder: Path) -> Path:
    """A tokenizer that has the tokens in the template's text, and the template."""
    shutil.copy(ROOT / "data/stories260K/tokenizer.model", folder)
    shutil.copy(template, folder / "chat_template.jinja")
    names = sorted(set(TOKEN.findall(template.read_text())) - {"<s>", "</s>", "<unk>"})
    added = {str(512 + i): {"content": name, "special": True} for i, name in enumerate(names)}
    added |= {"1": {"content": "<s>", "special": True}, "2": {"content": "</s>", "special": True}}
    (folder / "added_tokens.json").write_text(json.dumps({name: 512 + i for i, name in enumerate(names)}))
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "added_tokens_decoder": added}))
    return folder


def text_of(pieces: list[str]) -> str:
    """The text of SentencePiece's pieces."""
    return re.sub(r"<0x([0-9A-F]{2})>", lambda byte: chr(int(byte[1], 16)), "".join(pieces)).replace("▁", " ")


def previewed(model: Path, row: dict) -> list[dict]:
    data = model / "rows.jsonl"
    data.write_text(json.dumps(row) + "\n")
    done = subprocess.run([BINARY, "chat-preview", "--model", model, data, "--json", "--max-length", "100000"],
                          capture_output=True, text=True)
    assert done.returncode in (0, 2), done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode == 2 and not lines:  # not the row's error
        return [{"error": {"what": done.stderr, "hint": ""}}]
    return lines


def check(template: Path, folder: Path) -> set[str]:
    model = model_with(template, folder)
    learned_rows = set()
    for name, row in ROWS.items():
        sequences = previewed(model, row)
        if "error" in sequences[0]:
            assert REFUSED.search(sequences[0]["error"]["what"]), (name, sequences[0]["error"])
            continue
        learned_rows.add(name)
        answers = ""
        for one in sequences:
            # Runs of learned tokens: each ends with a token that the text of no answer has.
            runs = text_of([piece if on else "\0" for piece, on in zip(one["pieces"], one["learned"])])
            answers += runs
            for run in filter(None, runs.split("\0")):
                assert re.search(r"[>\]]\s*$", run), (name, run)
        for text in LEARNED[name]:
            # Some templates write the name of a called tool twice.
            assert answers.count(text) == 1 or (text == "get_weather" and text in answers), (name, text, answers)
        for text in NOT_LEARNED:
            assert text not in answers, (name, text, answers)
    print(template.name, "learns", ", ".join(sorted(learned_rows)))
    return learned_rows


@pytest.mark.parametrize("template", OURS + GOLDENS, ids=lambda file: file.stem)
def test_answers_and_nothing_else_are_learned(template: Path, tmp_path: Path):
    learned = check(template, tmp_path)
    if template.stem == "brackets":  # its texts end with a date, so that no prompt begins them
        assert not learned
    else:
        assert {"answer", "turns"} <= learned


@pytest.mark.skipif(not PUBLISHED, reason="EXPANDFT_TEMPLATES names no folder of chat templates")
@pytest.mark.parametrize("template", PUBLISHED, ids=lambda file: file.stem)
def test_answers_of_published_templates(template: Path, tmp_path: Path):
    check(template, tmp_path)
