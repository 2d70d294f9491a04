"""`expandft score --ids` gives transformers' log-probabilities, and needs no tokenizer."""

import json

import pytest
import torch
from golden_models import MODELS, NAMES, cast_model, golden, logits_of

SEQUENCES = range(3)


def score(expandft, model, ids, folder):
    """The JSON lines that `expandft score` prints for a list of token ids."""
    file = folder / "ids.json"
    file.write_text(json.dumps(ids))
    result = expandft("score", "--model", model, "--ids", file, "--device", "cpu")
    assert result.rc == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def check_scores(rows, ids, logits):
    """ids: T of them; logits (T, V)."""
    assert [row["id"] for row in rows] == ids
    assert rows[0].get("logprob") is None
    expected = logits[:-1].double().log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None]).flatten()
    found = torch.tensor([row["logprob"] for row in rows[1:]], dtype=torch.float64)
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)
    assert all(row.get("token") is None for row in rows), "no tokenizer is there to name tokens"


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("name", NAMES)
def test_base(expandft, tmp_path, name, sequence):
    base = golden(name)
    begin, end = base["offsets"][sequence:sequence + 2].tolist()
    ids = base["ids"][begin:end].tolist()
    check_scores(score(expandft, MODELS / name, ids, tmp_path), ids, base["logits"][begin:end])


@pytest.mark.parametrize("layers", ["all", "1"])
@pytest.mark.parametrize("name", NAMES)
def test_expanded(expandft, tmp_path, name, layers):
    output = tmp_path / "expanded"
    result = expandft("expand", "--model", MODELS / name, "--output", output, "--layers", layers, "--copies", "3",
                      "--layout", "padded", "--device", "cpu")
    assert result.rc == 0, result.stderr
    base = golden(name)
    begin, end = base["offsets"][1:3]
    ids = base["ids"][begin:end]
    logits = logits_of(output, ids, torch.tensor([0, len(ids)]))
    check_scores(score(expandft, output, ids.tolist(), tmp_path), ids.tolist(), logits)


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_checkpoint(expandft, tmp_path, name):
    """In float32, the default of both on a CPU."""
    directory = cast_model(MODELS / name, tmp_path / "base", "bfloat16")
    base = golden(name)
    begin, end = base["offsets"][1:3]
    ids = base["ids"][begin:end]
    logits = logits_of(directory, ids, torch.tensor([0, len(ids)]))
    check_scores(score(expandft, directory, ids.tolist(), tmp_path), ids.tolist(), logits)
