"""Fixtures for command-line and golden tests: the program, tiny models, tensors."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(os.environ.get("EXPANDFT_SOURCE", Path(__file__).parents[1]))
BINARY = Path(os.environ.get("EXPANDFT_BINARY", SOURCE / "build/dev/bin/expandft"))


class Result(NamedTuple):
    rc: int  # negative: ended by that signal
    stdout: str
    stderr: str


def pytest_collection_modifyitems(items):
    if shutil.which("nvidia-smi") and subprocess.run(["nvidia-smi", "-L"], capture_output=True).returncode == 0:
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))


@pytest.fixture(scope="session")
def source():
    """The repository's root. Tests must not write there."""
    return SOURCE


@pytest.fixture(scope="session")
def binary():
    """The program under test: $EXPANDFT_BINARY, or the dev preset's."""
    if not BINARY.is_file():
        pytest.fail(f"{BINARY} is not there: cmake --workflow --preset dev builds it, or set EXPANDFT_BINARY")
    return BINARY


@pytest.fixture(scope="session")
def expandft(binary, tmp_path_factory):
    """Runs the program: expandft("train", "--config", path, cwd=…, stdin=…, env={…}, timeout=300).

    Returns rc, stdout and stderr. `env` is added to the environment. A command that hangs fails the test.
    """

    own = {"EXPANDFT_CACHE": str(tmp_path_factory.mktemp("cache"))}  # not the user's

    def run(*arguments, cwd=None, stdin=None, env=None, timeout=300):
        command = [binary, *map(str, arguments)]
        done = subprocess.run(command, cwd=cwd, input=stdin if stdin is not None else "", text=True,
                              capture_output=True, env=os.environ | own | (env or {}), timeout=timeout)
        return Result(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def stories(source):
    """The trained 260K-parameter Llama, with its tokenizer."""
    return source / "data/stories260K"


@pytest.fixture(scope="session")
def read_tensors():
    """Reads a safetensors file, or every one of a model directory, as {name: torch tensor}."""
    from safetensors.torch import load_file

    def read(path):
        path = Path(path)
        files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
        assert files, f"{path} holds no safetensors file"
        return {name: tensor for file in files for name, tensor in load_file(file).items()}

    return read


@pytest.fixture
def tiny_model(tmp_path, stories):
    """Makes a random Llama directory: tiny_model("name", dtype="bfloat16", seed=0, num_hidden_layers=2, …).

    Further arguments go to LlamaConfig. The tokenizer is stories260K's, so the vocabulary is at least 512.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    def make(name="model", dtype="float32", seed=0, **settings):
        defaults = dict(vocab_size=512, hidden_size=32, intermediate_size=48, num_hidden_layers=3,
                        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
                        initializer_range=0.2, bos_token_id=1, eos_token_id=2, tie_word_embeddings=False)
        torch.manual_seed(seed)
        model = LlamaForCausalLM(LlamaConfig(**(defaults | settings))).to(getattr(torch, dtype))
        directory = tmp_path / name
        model.save_pretrained(directory)
        shutil.copy(stories / "tokenizer.model", directory)
        return directory

    return make
