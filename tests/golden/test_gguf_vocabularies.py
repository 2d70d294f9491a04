"""Vocabularies of published models in GGUF: the ids that llama.cpp gives for its own test texts.

$EXPANDFT_VOCAB names the folder of ggml-vocab-NAME.gguf with NAME.gguf.inp (texts) and .out (ids), as llama.cpp's
models/ has them.
"""

import json
import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("EXPANDFT_VOCAB") or "/nonexistent")
FILES = sorted(FOLDER.glob("ggml-vocab-*.gguf"))
SEPARATOR = "\n__ggml_vocab_test__\n"

if not FILES:
    pytest.skip("the vocabularies of published models, 5 or more: $EXPANDFT_VOCAB names no folder with ggml-vocab-*.gguf",
                allow_module_level=True)


def cases(file):
    texts = Path(f"{file}.inp").read_bytes().decode().split(SEPARATOR)
    lines = Path(f"{file}.out").read_text().splitlines()
    return list(zip(texts, ([int(word) for word in line.split()] for line in lines)))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_ids_of_every_text(file, expandft, tmp_path):
    pairs = cases(file)
    assert len(pairs) > 20
    for number, (text, ids) in enumerate(pairs):
        (tmp_path / "text").write_text(text, encoding="utf-8", newline="")
        result = expandft("tokenize", "--model", file, "--no-special", "--json", tmp_path / "text")
        assert result.rc == 0, result.stderr
        assert json.loads(result.stdout)["ids"] == ids, f"text {number}: {text!r}"
