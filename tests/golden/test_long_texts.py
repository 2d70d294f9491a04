"""Texts of thousands of tokens, and bfloat16, on every tiny checkpoint: log-probabilities against transformers'."""

import json

import pytest
import torch
from golden_models import MODELS, NAMES, auto_class, cast_model, read_config

LONG, SHORT = 1600, 500
WINDOW = 300  # much shorter than the texts, and longer than blocks of the kernels
# Frequencies of RoPE are computed in double precision here, in float32 there. A last bit of one, times a position of
# 1600, is an angle of 2e-4.
TOLERANCE = 5e-4


def long_model(name, target):
    """A copy in bfloat16 that takes long texts, with windows that span blocks."""
    cast_model(MODELS / name, target, "bfloat16")
    config = read_config(target)
    for part in (config, config.get("text_config", {})):
        if "max_position_embeddings" in part:
            part["max_position_embeddings"] = LONG
        if part.get("sliding_window") is not None:
            part["sliding_window"] = WINDOW
    (target / "config.json").write_text(json.dumps(config))
    return target


@torch.no_grad()
def expected_log_probs(directory, ids, dtype):
    config = read_config(directory)
    model = auto_class(config).from_pretrained(directory, dtype=dtype, attn_implementation="eager").eval()
    logits = model(ids[None], use_cache=False).logits[0, :-1].float()
    return logits.log_softmax(-1).gather(-1, ids[1:, None])[:, 0]


def found_log_probs(expandft, directory, ids, precision):
    file = directory / "ids.json"
    file.write_text(json.dumps(ids.tolist()))
    result = expandft("score", "--model", directory, "--ids", file, "--device", "cpu", "--precision", precision)
    assert result.rc == 0, result.stderr
    return torch.tensor([json.loads(line)["logprob"] for line in result.stdout.splitlines()[1:]])


def random_ids(directory, count):
    config = read_config(directory)
    vocabulary = config.get("text_config", config)["vocab_size"]
    return torch.randint(3, vocabulary, (count,), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", NAMES)
def test_a_long_text(expandft, tmp_path, name):
    directory = long_model(name, tmp_path / "model")
    ids = random_ids(directory, LONG)
    expected = expected_log_probs(directory, ids, torch.float32)
    torch.testing.assert_close(found_log_probs(expandft, directory, ids, "float32"), expected, atol=TOLERANCE, rtol=0)


def rms(difference):
    return float(difference.square().mean().sqrt())


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_is_as_exact_as_in_transformers(expandft, tmp_path, name):
    """Against float32 with the same weights: what both lose by rounding is alike, so that no step of a family is rounded
    where transformers does not round. Over hundreds of tokens the root mean square of such errors varies by a few
    percent."""
    directory = long_model(name, tmp_path / "model")
    ids = random_ids(directory, SHORT)
    exact = expected_log_probs(directory, ids, torch.float32)
    theirs = rms(expected_log_probs(directory, ids, torch.bfloat16) - exact)
    ours = rms(found_log_probs(expandft, directory, ids, "bfloat16") - exact)
    assert theirs > 1e-3, "nothing was rounded"
    assert ours < 1.2 * theirs, (ours, theirs)
