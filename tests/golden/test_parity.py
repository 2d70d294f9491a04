"""`scripts/parity` finds a model the same as in transformers, and says so where it is not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from golden_models import MODELS

ROOT = Path(__file__).parents[2]
# Changes one of the numbers that expandft prints.
SHIM = """#!/usr/bin/env python3
import json, subprocess, sys
done = subprocess.run([{binary!r}, *sys.argv[1:]], capture_output=True, text=True)
out = done.stdout
if sys.argv[1] == {command!r}:
    lines = [json.loads(line) for line in out.splitlines()]
    {change}
    out = "".join(json.dumps(line) + "\\n" for line in lines)
sys.stdout.write(out), sys.stderr.write(done.stderr)
sys.exit(done.returncode)
"""


def parity(model, binary, *arguments, rc=0):
    done = subprocess.run([sys.executable, ROOT / "scripts/golden/parity.py", model, "--binary", binary, *arguments],
                          capture_output=True, text=True)
    assert done.returncode == rc, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def binary():
    return os.environ["EXPANDFT_BINARY"]


def test_a_whole_model(binary, tmp_path, stories):
    from transformers import LlamaTokenizer
    base = tmp_path / "base"
    base.mkdir()
    for name in ("config.json", "model.safetensors"):
        shutil.copy(stories / name, base)
    LlamaTokenizer.from_pretrained(stories).save_pretrained(base)
    lines = parity(base, binary).splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["tokenizer", "chat", "logits", "step", "expand"]
    assert all("same: " in line for line in lines[1:] if not line.startswith("chat"))
    assert "loss" in lines[4] and "2 layers" in lines[4]


def test_a_model_without_tokenizer_of_which_another_part_is_not_text(binary):
    found = parity(MODELS / "qwen2-vl", binary)
    assert found.count("same: ") == 2 and found.count("skipped: ") == 3


@pytest.mark.parametrize(("command", "change", "line"), [
    ("score", "lines[3]['logprob'] -= 0.1", "logits      DIFFERS: 0.1 nats apart"),
    ("tokenize", "lines[0]['ids'] = lines[0]['ids'] + [7]", "tokenizer   DIFFERS: "),
])
def test_a_difference_is_named(binary, tmp_path, stories, command, change, line):
    shim = tmp_path / "expandft"
    shim.write_text(SHIM.format(binary=binary, command=command, change=change))
    shim.chmod(0o755)
    assert line in parity(stories, shim, rc=1)


def test_what_expandft_refuses_is_shown(binary, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    found = parity(tmp_path, binary, rc=1)
    assert "logits      transformers fails: OSError" in found
    assert "expand      refused: " in found and "incomplete" in found
