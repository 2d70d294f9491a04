"""`expandft unmerge` restores the base byte for byte if k is a power of two."""

import pytest
import torch
from golden_models import (DTYPES, MODELS, NAMES, STORED_APART, cast_model, describe_difference, golden,
                           intermediate_size, logits_of, tensors_of)


def round_trip(expandft, base, folder, layers, copies, *options):
    """Expands and unmerges; returns the directory that unmerge wrote."""
    expanded, unmerged = folder / "expanded", folder / "unmerged"
    result = expandft("expand", "--model", base, "--output", expanded, "--layers", layers, "--copies", copies,
                      "--device", "cpu", *options)
    assert result.rc == 0, result.stderr
    result = expandft("unmerge", "--model", expanded, "--output", unmerged)
    assert result.rc == 0, result.stderr
    return unmerged


def check_same_bytes(base, unmerged):
    expected, found = tensors_of(base), tensors_of(unmerged)
    assert expected.keys() == found.keys()
    differences = {name: describe_difference(expected[name], found[name]) for name in expected}
    assert {name: text for name, text in differences.items() if text} == {}
    assert intermediate_size(unmerged) == intermediate_size(base)


# The float16 cases have weights below k * 2^-14, whose k-th part is subnormal and may lose its last
# bits: W_down / k alone does not give these back.
@pytest.mark.parametrize("copies", ["2", "4"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", STORED_APART)
def test_all_layers(expandft, tmp_path, name, dtype, copies):
    base = cast_model(MODELS / name, tmp_path / "base", dtype)
    check_same_bytes(base, round_trip(expandft, base, tmp_path, "all", copies))


@pytest.mark.parametrize("copies", ["2", "4"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", STORED_APART)
def test_one_layer_padded(expandft, tmp_path, name, dtype, copies):
    base = cast_model(MODELS / name, tmp_path / "base", dtype)
    check_same_bytes(base, round_trip(expandft, base, tmp_path, "1", copies, "--layout", "padded"))


@pytest.mark.parametrize("name", NAMES)
def test_every_family(expandft, tmp_path, name):
    check_same_bytes(MODELS / name, round_trip(expandft, MODELS / name, tmp_path, "last:1", "2"))


@pytest.mark.parametrize("name", NAMES)
def test_unmerged_model_loads_in_transformers(expandft, tmp_path, name):
    unmerged = round_trip(expandft, MODELS / name, tmp_path, "all", "2")
    base = golden(name)
    found = logits_of(unmerged, base["ids"], base["offsets"])
    torch.testing.assert_close(found, base["logits"], atol=1e-5, rtol=0)
