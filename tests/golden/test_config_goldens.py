"""The goldens of edited configs match the installed transformers: a sample, so that an upgrade shows differences."""

import json
import os
import resource
from pathlib import Path

import golden_models
import pytest
import torch

from make_config_goldens import ABSENT, MEMORY, edited, log_probs  # found through golden_models

CONFIGS = Path(__file__).parent / "configs"
EVERY = 23  # a sample: all edits would take minutes


def rows(golden):
    """(edit, kind, expected log-probabilities) of every edit."""
    for kind in ("same", "refused", "changed"):
        for row in golden[kind]:
            edit, expected = row if kind == "changed" else (row, golden["unedited"])
            yield edit, kind, expected


@pytest.fixture
def bounded_memory():
    """Some edits ask for billions of parameters: the same limit as when the goldens were made."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.usefixtures("bounded_memory")
@pytest.mark.parametrize("name", sorted(file.stem for file in CONFIGS.glob("*.json")))
@pytest.mark.filterwarnings("ignore")
def test_edits_give_what_the_golden_says(name, tmp_path):
    golden = json.loads((CONFIGS / f"{name}.json").read_text())
    config = golden_models.read_config(golden_models.MODELS / name)
    ids = [torch.tensor(sequence) for sequence in golden["ids"]]
    os.symlink(golden_models.MODELS / name / "model.safetensors", tmp_path / "model.safetensors")
    for edit, kind, expected in [({}, "same", golden["unedited"]), *list(rows(golden))[::EVERY]]:
        (tmp_path / "config.json").write_text(json.dumps(edited(config, edit)))
        found = log_probs(tmp_path, ids)
        if kind == "refused":
            assert found is None or not found.isfinite().all(), edit
        else:
            assert found is not None, edit
            torch.testing.assert_close(found, torch.tensor(expected), atol=2e-4, rtol=0, msg=str(edit))


def test_an_edit_takes_out_what_is_absent():
    assert edited({"a": {"b": 1, "c": 2}}, {"/a/b": ABSENT, "/d": 3}) == {"a": {"c": 2}, "d": 3}
