"""The benchmark's multiply-adds a token are those that torch counts."""

import sys
from pathlib import Path

import pytest
import torch
from golden_models import MODELS, load_in_transformers, read_config
from torch.utils.flop_counter import FlopCounterMode

sys.path.append(str(Path(__file__).parents[2] / "bench"))
import reference  # noqa: E402
import work  # noqa: E402

LENGTH = 24
RANK = 16


class EagerShapes(work.Shapes):
    """Eager attention computes the whole square of scores."""

    def scores(self, length):
        return 2 * self.queries * length


SHAPES = EagerShapes.of_config(read_config(MODELS / "gqa"))


def counted(model):
    """Multiply-adds a token of a training step, forward and backward."""
    ids = torch.arange(2 * LENGTH).view(2, LENGTH)
    counter = FlopCounterMode(display=False)
    with counter:
        model.train()(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    return counter.get_total_flops() / 2 / ids.numel()


def test_full_fine_tuning():
    assert counted(load_in_transformers(MODELS / "gqa")) == work.full_fine_tuning(SHAPES, LENGTH)


def test_lora():
    peft = pytest.importorskip("peft")
    pairs = peft.LoraConfig(r=RANK, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj",
                                                    "down_proj"])
    assert counted(peft.get_peft_model(load_in_transformers(MODELS / "gqa"), pairs)) == work.lora(SHAPES, LENGTH, RANK)


@pytest.mark.parametrize(("layers", "k"), [([0, 1, 2], 2), ([1, 2], 2), ([2], 3), ([0, 1, 2], 3)])
def test_new_width(layers, k):
    model = reference.expand(load_in_transformers(MODELS / "gqa"), layers, k)
    # The reference computes the original's down projection twice, for its bias: forward in every
    # expanded layer, backward in all but the lowest.
    twice = SHAPES.mlp / 3 * (2 * len(layers) - 1)
    assert counted(model) - twice == work.new_width(SHAPES, LENGTH, layers[0], len(layers), k)
