"""GGUF files that expandft writes, byte for byte against llama.cpp's converter on the same directory.

Needs in $EXPANDFT_LLAMA_CPP a llama.cpp source tree with convert_hf_to_gguf.py and gguf-py. The source package of
llama-cpp-python contains one, as vendor/llama.cpp.
"""

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

import gguf_files

ROOT = Path(os.environ.get("EXPANDFT_LLAMA_CPP", "."))
CONVERTER = ROOT / "convert_hf_to_gguf.py"
if not CONVERTER.is_file():
    pytest.skip("not compared with llama.cpp's converter: $EXPANDFT_LLAMA_CPP holds no convert_hf_to_gguf.py",
                allow_module_level=True)

OUTTYPES = {"F32": "f32", "F16": "f16", "BF16": "bf16", "Q8_0": "q8_0"}
# Its words for what a model is, which depend on the folder's name and its README; and expandft's own.
NAMES = ("general.name", "general.size_label", "general.basename", "general.finetune", "general.version",
         "general.organization", "general.license", "general.tags", "general.languages", "general.base_model",
         "general.quantized_by", "general.author", "general.description", "general.datasets", "expandft.")
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def parts(path):
    """[(key, its bytes)], [(tensor, its dimensions, type and offset)], the data."""
    data = path.read_bytes()
    assert data[:8] == b"GGUF\x03\0\0\0"
    tensors, keys = struct.unpack_from("<QQ", data, 8)
    at = 24

    def text():
        nonlocal at
        size = struct.unpack_from("<Q", data, at)[0]
        at += 8 + size
        return data[at - size:at].decode()

    def skip(kind):
        nonlocal at
        if kind == 8:
            text()
        elif kind == 9:
            inner, count = struct.unpack_from("<IQ", data, at)
            at += 12
            for _ in range(count):
                skip(inner)
        else:
            at += SIZES[kind]

    entries = []
    for _ in range(keys):
        key, start = text(), at
        kind = struct.unpack_from("<I", data, at)[0]
        at += 4
        skip(kind)
        entries.append((key, data[start:at]))
    infos = []
    for _ in range(tensors):
        name, start = text(), at
        at += 4 + 8 * struct.unpack_from("<I", data, at)[0] + 12
        infos.append((name, data[start:at]))
    # Of Gemma the converter writes an id for code completion, whatever the vocabulary has there.
    left_out = (*NAMES, *(["tokenizer.ggml.eot_token_id"] if b"gemma.block_count" in data[:1 << 12] else []))
    return [(key, value) for key, value in entries if not key.startswith(left_out)], infos, data[at + -at % 32:]


def compare(expandft, tmp_path, base, kind, *arguments):
    grown, ours, theirs = tmp_path / "grown", tmp_path / "ours.gguf", tmp_path / "theirs.gguf"
    for output, more in ((grown, []), (ours, ["--gguf-type", kind])):
        result = expandft("expand", "--model", base, "--output", output, "--device", "cpu", *arguments, *more)
        assert result.rc == 0, result.stderr
    (grown / "README.md").unlink()  # the converter reads words from it
    environment = os.environ | {"PYTHONPATH": str(ROOT / "gguf-py")}
    done = subprocess.run([sys.executable, CONVERTER, grown, "--outfile", theirs, "--outtype", OUTTYPES[kind]],
                          capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    found, expected = parts(ours), parts(theirs)
    assert [key for key, _ in found[0]] == [key for key, _ in expected[0]]
    for (key, value), (_, wanted) in zip(found[0], expected[0]):
        assert value == wanted, key
    assert found[1] == expected[1]
    assert found[2] == expected[2]


@pytest.mark.parametrize("kind", OUTTYPES)
def test_the_trained_llama(expandft, tmp_path, stories, kind):
    compare(expandft, tmp_path, stories, kind, "--layers", "all")


@pytest.mark.parametrize("name", sorted(set(gguf_files.MODELS) - set(gguf_files.READ_ONLY)))
@pytest.mark.parametrize("kind", ["F32", "Q8_0"])
def test_each_architecture(expandft, tmp_path, stories, name, kind):
    source = gguf_files.make_source(name, **gguf_files.WRITABLE.get(name, {}))
    source.save_pretrained(tmp_path / "base")
    shutil.copy(stories / "tokenizer.model", tmp_path / "base")
    compare(expandft, tmp_path, tmp_path / "base", kind, "--layers", "all")


def test_widths_of_their_own(expandft, tmp_path, tiny_model, stories):
    base = tiny_model(intermediate_size=256)
    (base / "tokenizer.model").unlink()
    # The converter reads DeciLM's tokenizer.json only, without scores: the rest is compared.
    from transformers import LlamaTokenizer
    LlamaTokenizer.from_pretrained(stories).save_pretrained(base)
    (base / "tokenizer.model").unlink(missing_ok=True)
    global NAMES
    NAMES, all_names = NAMES + ("tokenizer.",), NAMES
    try:
        compare(expandft, tmp_path, base, "F32", "--layers", "1", "--layout", "deci")
    finally:
        NAMES = all_names


def test_a_byte_level_tokenizer(expandft, tmp_path):
    model = os.environ.get("EXPANDFT_BYTE_LEVEL_MODEL")
    if not model:
        pytest.skip("$EXPANDFT_BYTE_LEVEL_MODEL names no model with a published byte-level tokenizer.json")
    for kind in OUTTYPES:
        folder = tmp_path / kind
        folder.mkdir()
        compare(expandft, folder, Path(model), kind, "--layers", "all")
