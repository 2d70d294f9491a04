"""Merged models in llama.cpp: converted to GGUF, they give transformers' logits of the base.

Needs the package llama_cpp, and in $EXPANDFT_LLAMA_CPP a llama.cpp source tree with convert_hf_to_gguf.py. The source
package of llama-cpp-python contains one, as vendor/llama.cpp.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy
import pytest
import torch
from transformers import LlamaForCausalLM, LlamaTokenizer

import gguf_files

llama_cpp = pytest.importorskip("llama_cpp", reason="llama.cpp is not installed (pip install llama-cpp-python)")
CONVERTER = Path(os.environ.get("EXPANDFT_LLAMA_CPP", "")) / "convert_hf_to_gguf.py"
if not CONVERTER.is_file():
    pytest.skip("$EXPANDFT_LLAMA_CPP holds no convert_hf_to_gguf.py", allow_module_level=True)

IDS = [1, 403, 407, 261, 378, 432, 440, 383, 285, 268, 426, 338, 267, 337, 411, 503, 32, 511, 264, 310]
LLAMA3_ROPE = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
                   original_max_position_embeddings=16, rope_theta=10000.0)
# What is special about the model, which layers are expanded, in which layout. DeciLM's widths are multiples of 256.
CASES = {
    "stories-native": ({}, "all", "native"),
    "stories-padded": ({}, "1,3", "padded"),
    "stories-deci": ({}, "1,3", "deci"),
    "untied-deci": (dict(hidden_size=48, intermediate_size=100, rms_norm_eps=1e-3), "0,2", "deci"),
    "whole-widths-deci": (dict(intermediate_size=256, num_key_value_heads=4), "-1", "deci"),
    "llama3-rope-deci": (dict(rope_parameters=LLAMA3_ROPE), "1", "deci"),
}


def convert(directory, target):
    return subprocess.run([sys.executable, CONVERTER, directory, "--outfile", target, "--outtype", "f32"],
                          capture_output=True, text=True, timeout=300)


@pytest.fixture
def make_base(tmp_path, stories, tiny_model):
    """stories260K, or a random Llama, with a tokenizer.json, the only tokenizer that DeciLM's converter reads."""

    def make(settings):
        base = tiny_model("base", **settings) if settings else shutil.copytree(stories, tmp_path / "base")
        LlamaTokenizer.from_pretrained(stories).save_pretrained(base)
        return base

    return make


@torch.no_grad()
def logits_in_transformers(directory):
    return LlamaForCausalLM.from_pretrained(directory, dtype=torch.float32)(torch.tensor([IDS])).logits[0]


def logits_in_llama_cpp(file):
    """(T, V), with keys and values kept in float32 as the weights are."""
    model = llama_cpp.Llama(str(file), n_ctx=64, n_threads=1, logits_all=True, type_k=llama_cpp.GGML_TYPE_F32,
                            type_v=llama_cpp.GGML_TYPE_F32, flash_attn=False, verbose=False)
    model.eval(IDS)
    return torch.from_numpy(numpy.array(model.scores[:len(IDS)]))


def settings_of(name):
    settings = gguf_files.WRITABLE.get(name, {})
    if name == "phi3-long":
        # llama.cpp chooses the short or long factors by its context, of at least 256 tokens, not by the text.
        settings = settings | dict(max_position_embeddings=1024, original_max_position_embeddings=256, rope_parameters=gguf_files.LONG_ROPE | dict(
            original_max_position_embeddings=256))
    return settings


@pytest.mark.parametrize("name", sorted(set(gguf_files.MODELS) - set(gguf_files.READ_ONLY)))
def test_files_that_expandft_writes(expandft, tmp_path, stories, name):
    """A file of each architecture gives the logits that transformers computes with the base."""
    # Windows of 16 are cut into by these 20 tokens.
    source = gguf_files.make_source(name, **settings_of(name))
    source.save_pretrained(tmp_path / "base")
    shutil.copy(stories / "tokenizer.model", tmp_path / "base")
    file = tmp_path / "grown.gguf"
    result = expandft("expand", "--model", tmp_path / "base", "--output", file, "--layers", "all", "--device", "cpu")
    assert result.rc == 0, result.stderr
    with torch.no_grad():
        expected = source(torch.tensor([IDS])).logits[0]
    # llama.cpp looks GELU up in a table of 16-bit floats.
    tolerance = 1e-2 if name.startswith("gemma") else 2e-3
    assert expected.std() > 30 * tolerance, "logits too flat to tell right from wrong"
    torch.testing.assert_close(logits_in_llama_cpp(file), expected, atol=tolerance, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_same_logits(expandft, tmp_path, make_base, case):
    settings, layers, layout = CASES[case]
    base, grown, file = make_base(settings), tmp_path / "grown", tmp_path / "grown.gguf"
    result = expandft("expand", "--model", base, "--output", grown, "--layers", layers, "--layout", layout,
                      "--device", "cpu")
    assert result.rc == 0, result.stderr
    converted = convert(grown, file)
    assert converted.returncode == 0, converted.stderr
    expected = logits_in_transformers(base)
    found = logits_in_llama_cpp(file)
    assert expected.std() > 0.3, "logits too flat to tell right from wrong"
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=0)


def test_remote_code_is_refused_by_the_converter(expandft, tmp_path, make_base):
    grown = tmp_path / "grown"
    result = expandft("expand", "--model", make_base({}), "--output", grown, "--layers", "1", "--layout",
                      "remote-code", "--device", "cpu")
    assert result.rc == 0, result.stderr
    assert convert(grown, tmp_path / "grown.gguf").returncode != 0
