"""The benchmark's multiply-adds per token are those that torch counts."""

import dataclasses
import sys
from pathlib import Path

import pytest
import torch
from golden_models import MODELS, load_in_transformers, read_config
from torch.utils.flop_counter import FlopCounterMode

sys.path.append(str(Path(__file__).parents[2] / "bench"))
import products  # noqa: E402
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
    """Multiply-adds per token of a training step, forward and backward."""
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


def listed(step):
    """Multiply-adds of all products of a step."""
    return sum(product.multiply_adds * count for product, count in step.items())


@pytest.mark.parametrize("vocabulary", [SHAPES.vocabulary, 200_000])  # the head in one chunk, and in many
@pytest.mark.parametrize(("layers", "k"), [([0, 1, 2], 2), ([1, 2], 2), ([2], 3), ([0, 1, 2], 3)])
def test_products_of_new_width_add_up(layers, k, vocabulary):
    rows, shapes = 2 * LENGTH, dataclasses.replace(SHAPES, vocabulary=vocabulary)
    attention = shapes.scores(LENGTH) * (shapes.layers + 2 * (shapes.layers - layers[0] - 1))
    assert (listed(products.new_width(shapes, rows, layers[0], len(layers), k)) / rows + attention
            == work.new_width(shapes, LENGTH, layers[0], len(layers), k))


def test_products_of_the_peers_add_up():
    rows, attention = 2 * LENGTH, 3 * SHAPES.layers * SHAPES.scores(LENGTH)
    assert listed(products.full_fine_tuning(SHAPES, rows)) / rows + attention == work.full_fine_tuning(SHAPES, LENGTH)
    assert listed(products.lora(SHAPES, rows, RANK)) / rows + attention == work.lora(SHAPES, LENGTH, RANK)


def test_with_few_learned_tokens_products_of_the_head_shrink():
    rows, share = 40 * LENGTH, 0.25
    for step, work_of in ((products.full_fine_tuning(SHAPES, rows, share), work.full_fine_tuning(SHAPES, LENGTH, share)),
                          (products.lora(SHAPES, rows, RANK, share), work.lora(SHAPES, LENGTH, RANK, share))):
        assert listed(step) / rows + 3 * SHAPES.layers * SHAPES.scores(LENGTH) == work_of
    saved = work.new_width(SHAPES, LENGTH, 1, 2, 2) - work.new_width(SHAPES, LENGTH, 1, 2, 2, share)
    assert saved == (1 - share) * 2 * SHAPES.head
    all_products, few = (listed(products.new_width(SHAPES, rows, 1, 2, 2, learned)) for learned in (1, share))
    assert (all_products - few) / rows == saved


@pytest.mark.parametrize(("vocabulary", "precision", "on_gpu", "rows"), [
    (32000, "float32", False, 256), (512, "float32", False, 8192), (262144, "float32", False, 256),
    (262144, "bfloat16", False, 512), (262144, "bfloat16", True, 2048)])
def test_chunks_of_the_head(vocabulary, precision, on_gpu, rows):
    assert products.head_chunk_rows(vocabulary, precision, on_gpu) == rows


def test_the_product_rate_weighs_each_shape_by_its_work():
    large, small = (products.Product(products.FORWARD, 10, 10, columns) for columns in (30, 10))
    # 3000 at 3 and twice 1000 at 1: 5000 in 1000 + 2000.
    assert products.product_rate({large: 1, small: 2}, {large: 3.0, small: 1.0}) == pytest.approx(5 / 3)


def test_the_frozen_prefix_is_the_forward_pass_below_the_lowest_layer():
    all_layers = work.frozen_prefix(SHAPES, LENGTH, SHAPES.layers)
    assert all_layers + SHAPES.head == SHAPES.forward(LENGTH)
    assert work.frozen_prefix(SHAPES, LENGTH, 0) == 0
