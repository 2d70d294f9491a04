"""What `expandft expand` writes loads in stock transformers and computes the base's function."""

import pytest
import torch
from golden_models import MODELS, NAMES, STORED_APART, golden, intermediate_size, logits_of, read_config, tensors_of

# Model, --layers, their indices. One row per partial selection of each kind.
PARTIAL = [("gqa", "1,2", [1, 2]), ("gqa", "last:1", [2]), ("bias", "0", [0]),
           ("llama3-rope", "1", [1]), ("linear-rope", "0-0", [0]), ("gemma3", "-1", [3])]


def expand(expandft, base, output, layers, copies, *options):
    result = expandft("expand", "--model", base, "--output", output, "--layers", layers, "--copies", copies,
                      "--device", "cpu", *options)
    assert result.rc == 0, result.stderr


def check_same_function(name, output):
    base = golden(name)
    found = logits_of(output, base["ids"], base["offsets"])
    torch.testing.assert_close(found, base["logits"], atol=1e-4, rtol=0)


@pytest.mark.parametrize("copies", [2, 3])
@pytest.mark.parametrize("name", NAMES)
def test_all_layers(expandft, tmp_path, name, copies):
    output = tmp_path / "expanded"
    expand(expandft, MODELS / name, output, "all", str(copies))
    assert intermediate_size(output) == copies * intermediate_size(MODELS / name)
    check_same_function(name, output)


@pytest.mark.parametrize("copies", [2, 3])
@pytest.mark.parametrize(("name", "layers", "indices"), PARTIAL)
def test_some_layers_padded(expandft, tmp_path, name, layers, indices, copies):
    output = tmp_path / "expanded"
    expand(expandft, MODELS / name, output, layers, str(copies), "--layout", "padded")
    check_same_function(name, output)

    width = read_config(MODELS / name)["intermediate_size"]
    base, tensors = tensors_of(MODELS / name), tensors_of(output)
    for i in range(read_config(output)["num_hidden_layers"]):
        mlp = f"model.layers.{i}.mlp."
        assert tensors[mlp + "down_proj.weight"].shape[1] == copies * width
        if i in indices:
            continue
        # A layer that is not expanded: the original, then zeros.
        assert torch.equal(tensors[mlp + "down_proj.weight"][:, :width], base[mlp + "down_proj.weight"])
        assert not tensors[mlp + "down_proj.weight"][:, width:].any()
        for projection in ("gate_proj", "up_proj"):
            assert torch.equal(tensors[mlp + projection + ".weight"][:width], base[mlp + projection + ".weight"])
            assert not tensors[mlp + projection + ".weight"][width:].any()


@pytest.mark.parametrize("name", NAMES)
def test_every_other_tensor_is_the_base_s(expandft, tmp_path, name):
    output = tmp_path / "expanded"
    expand(expandft, MODELS / name, output, "all", "2")
    base, tensors = tensors_of(MODELS / name), tensors_of(output)
    assert base.keys() == tensors.keys()
    for key, original in base.items():
        if "vis" in key:  # MLPs of the image encoder
            expected = original
        elif key.endswith("down_proj.weight"):
            expected = torch.cat([original / 2, original / 2], dim=1)
        elif "gate_up_proj" in key:
            expected = torch.cat([half for part in original.chunk(2) for half in (part, part)])
        elif "gate_proj" in key or "up_proj" in key:
            expected = torch.cat([original, original])
        else:
            expected = original
        assert torch.equal(tensors[key], expected), key
