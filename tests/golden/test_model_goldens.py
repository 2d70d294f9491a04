"""The goldens match what the installed transformers computes, so that an upgrade that changes it shows up."""

import pytest
import torch
from golden_models import MODELS, NAMES, golden, logits_of


@pytest.mark.parametrize("name", NAMES)
def test_golden_logits_are_those_of_transformers(name):
    expected = golden(name)
    found = logits_of(MODELS / name, expected["ids"], expected["offsets"])
    torch.testing.assert_close(found, expected["logits"], atol=1e-5, rtol=0)
    assert expected["logits"].std() > 0.5, "logits too flat to tell right from wrong"
