"""Malicious or damaged checkpoints are refused quickly and by name, and nothing in them is executed."""

import json
import os
import pickle
import shutil
import struct
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[2] / "bench"))
from watch import run_watched  # noqa: E402

MOST_BYTES = 600 << 20  # for a refusal; LibTorch alone takes half of it


def read_safetensors(file):
    data = file.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8:8 + size]), data[8 + size:]


def write_safetensors(file, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.fixture
def model(stories, tmp_path):
    """A copy of the model that tests may damage."""
    copy = tmp_path / "model"
    shutil.copytree(stories, copy)
    return copy


def change_header(change):
    def spoil(model):
        header, data = read_safetensors(model / "model.safetensors")
        change(header)
        write_safetensors(model / "model.safetensors", header, data)
        return "model.safetensors"

    return spoil


def overlap(header):
    first, second = [name for name in sorted(header) if name != "__metadata__"][:2]
    header[second]["data_offsets"] = header[first]["data_offsets"]


def petabytes(header):
    name = next(name for name in header if name != "__metadata__")
    header[name] |= {"shape": [2**40, 256], "data_offsets": [0, 2**50]}


def overflowing_shape(header):
    name = next(name for name in header if name != "__metadata__")
    header[name]["shape"] = [2**62, 4]


def deep_header(model):
    write_safetensors(model / "model.safetensors", b'{"a":' * 100000, b"")
    return "model.safetensors"


def endless_header(model):
    (model / "model.safetensors").write_bytes(struct.pack("<Q", 2**63) + b"{}")
    return "model.safetensors"


def index_of(shard):
    def spoil(model):
        header, _ = read_safetensors(model / "model.safetensors")
        (model / "model.safetensors").rename(model.parent / "outside.safetensors")
        (model / "model.safetensors.index.json").write_text(json.dumps(
            {"weight_map": {name: shard(model) for name in header if name != "__metadata__"}}))
        return "model.safetensors.index.json"

    return spoil


def link_out(name):
    def spoil(model):
        secret = model.parent / "secret"
        (model / name).rename(secret) if (model / name).exists() else secret.write_text("{}")
        (model / name).symlink_to(secret)
        return name

    return spoil


def write(name, content):
    def spoil(model):
        (model / name).write_bytes(content)
        return name

    return spoil


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/expandft-was-here",)


def only_pickle(model):
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    return "pytorch_model.bin"


SPOILED = {
    "overlap": change_header(overlap),
    "petabytes": change_header(petabytes),
    "overflowing-shape": change_header(overflowing_shape),
    "deep-header": deep_header,
    "endless-header": endless_header,
    "index-up": index_of(lambda model: "../outside.safetensors"),
    "index-absolute": index_of(lambda model: str(model.parent / "outside.safetensors")),
    "link-weights": link_out("model.safetensors"),
    "link-config": link_out("config.json"),
    "link-other": link_out("notes.txt"),
    "deep-config": write("config.json", b'{"a":' * 100000),
    "bad-utf8-config": write("config.json", b'{"model_type": "\xff"}'),
    "huge-config": write("config.json", json.dumps({"model_type": "llama", "hidden_size": 2**62}).encode()),
    "deep-index": write("model.safetensors.index.json", b"[" * 100000),
    "pickle": only_pickle,
}


@pytest.mark.parametrize("name", SPOILED)
def test_it_is_refused_by_name(binary, model, tmp_path, name):
    file = SPOILED[name](model)
    if name == "deep-index":
        (model / "model.safetensors").unlink()
    evidence = Path("/tmp/expandft-was-here")
    evidence.unlink(missing_ok=True)
    output = tmp_path / "grown"
    for command in (["inspect", model], ["expand", "--model", model, "--layers", "all", "--output", output],
                    ["generate", "--model", model, "--prompt", "Once", "--device", "cpu"]):
        if name == "huge-config" and command[0] == "inspect":
            continue  # shows what a config says without computing with it
        seen = run_watched([binary, *command])
        assert seen.returncode == 2, (command, seen.stderr)
        assert file in seen.stderr and "\n  where: " in seen.stderr, seen.stderr
        assert seen.resident < MOST_BYTES
        assert len(seen.stderr) < 2000
    assert not output.exists() and not evidence.exists()


@pytest.mark.parametrize("name", ["deep", "bad-utf8"])
def test_a_hostile_tokenizer_is_refused(expandft, model, name):
    for file in model.glob("tokenizer*"):
        file.unlink()
    (model / "tokenizer.json").write_bytes({"deep": b'{"model":' * 100000, "bad-utf8": b'{"model": "\xff"}'}[name])
    result = expandft("generate", "--model", model, "--prompt", "Once", "--device", "cpu")
    assert result.rc == 2 and "tokenizer.json" in result.stderr


def test_code_beside_the_weights_is_neither_run_nor_copied(expandft, model, tmp_path):
    evidence = tmp_path / "ran"
    (model / "modeling_evil.py").write_text(f"open({str(evidence)!r}, 'w')\n")
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "modeling_evil.EvilForCausalLM"}
    (model / "config.json").write_text(json.dumps(config))
    (model / "chat_template.jinja").write_text("{{ ''.__class__.__mro__ }}" + "{% for x in range(10**12) %}x{% endfor %}")
    result = expandft("generate", "--model", model, "--prompt", "Once", "--max-tokens", "2", "--device", "cpu")
    assert result.rc == 0, result.stderr
    result = expandft("expand", "--model", model, "--layers", "all", "--output", tmp_path / "grown")
    assert result.rc == 0, result.stderr
    assert not (tmp_path / "grown/modeling_evil.py").exists()
    result = expandft("generate", "--model", model, "--chat", "--prompt", "Hi", "--device", "cpu")
    assert result.rc == 2 and "chat_template.jinja" in result.stderr
    assert not evidence.exists()
