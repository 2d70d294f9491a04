"""The products with weight matrices that one training step runs, shape by shape.

There are three kinds: x·Wᵀ in the forward pass, dy·W for the gradient of an input, dyᵀ·x for that of a
weight. Together with attention's own products they sum up to the multiply-adds in work.py.
"""

from collections import Counter
from typing import NamedTuple

FORWARD, INPUT, WEIGHT = "forward", "input", "weight"


class Product(NamedTuple):
    """With a weight of shape (outputs, inputs)."""

    kind: str
    rows: int
    inputs: int
    outputs: int

    @property
    def multiply_adds(self):
        return self.rows * self.inputs * self.outputs


def head_chunk_rows(vocabulary, precision="float32", on_gpu=False):
    """The rows whose logits expandft computes at once: head_chunk_rows in src/model/loss.cpp."""
    width = {"float32": 4, "bfloat16": 2}[precision]

    def rows_of(size):
        return max(1, size // (vocabulary * width) // 16) * 16

    if on_gpu:
        return rows_of(1 << 30)
    return max(rows_of(4 * width << 20), min(1024 // width, rows_of(1 << 28)))


def learned_rows(rows, learned):
    """The rows that go through the head if this share of tokens is learned."""
    return max(1, round(rows * learned))


class Step:
    """Counts the products of a step."""

    def __init__(self, shapes, rows):
        self.shapes, self.rows, self.products = shapes, rows, Counter()

    def add(self, kinds, inputs, outputs, count=1, rows=None):
        for kind in kinds:
            self.products[Product(kind, rows or self.rows, inputs, outputs)] += count

    def attention(self, kinds, count, qkv_kinds=None):
        """q, k, v and o of `count` layers."""
        s, qkv_kinds = self.shapes, kinds if qkv_kinds is None else qkv_kinds
        self.add(qkv_kinds, s.hidden, s.queries, count)
        self.add(qkv_kinds, s.hidden, s.keys, 2 * count)
        self.add(kinds, s.queries, s.hidden, count)

    def mlp(self, kinds, count, first_kinds=None):
        """gate, up and down of `count` MLPs; first_kinds: those of gate and up, if they differ."""
        s = self.shapes
        self.add(kinds if first_kinds is None else first_kinds, s.hidden, s.width, 2 * count)
        self.add(kinds, s.width, s.hidden, count)

    def pairs(self, rank, inputs, outputs, count, first=0):
        """LoRA's A (rank, inputs) and B (outputs, rank); `first` of them need no gradient of their input."""
        self.add((FORWARD, WEIGHT), inputs, rank, count)
        self.add((INPUT,), inputs, rank, count - first)
        self.add((FORWARD, INPUT, WEIGHT), rank, outputs, count)

    def counted(self):
        return +self.products  # without zero counts


def full_fine_tuning(s, rows, learned=1):
    step, all_three = Step(s, rows), (FORWARD, INPUT, WEIGHT)
    step.attention(all_three, s.layers)
    step.mlp(all_three, s.layers)
    step.add(all_three, s.hidden, s.vocabulary, rows=learned_rows(rows, learned))
    return step.counted()


def lora(s, rows, rank, learned=1):
    step = Step(s, rows)
    step.attention((FORWARD, INPUT), s.layers - 1)
    step.attention((FORWARD, INPUT), 1, qkv_kinds=(FORWARD,))
    step.mlp((FORWARD, INPUT), s.layers)
    step.add((FORWARD, INPUT), s.hidden, s.vocabulary, rows=learned_rows(rows, learned))
    step.pairs(rank, s.hidden, s.queries, s.layers, first=1)
    step.pairs(rank, s.hidden, s.keys, 2 * s.layers, first=2)
    step.pairs(rank, s.queries, s.hidden, s.layers)
    step.pairs(rank, s.hidden, s.width, 2 * s.layers)
    step.pairs(rank, s.width, s.hidden, s.layers)
    return step.counted()


def new_width(s, rows, lowest, expanded, k, learned=1, precision="float32", on_gpu=False):
    """As expandft runs it: the head in chunks, and of the lowest layer's input gradients only down's."""
    step, copies = Step(s, rows), k - 1
    step.attention((FORWARD,), lowest + 1)
    step.mlp((FORWARD,), lowest + 1)
    step.attention((FORWARD, INPUT), s.layers - lowest - 1)
    step.mlp((FORWARD, INPUT), s.layers - lowest - 1)
    step.mlp((FORWARD, INPUT, WEIGHT), copies * (expanded - 1))
    step.mlp((FORWARD, INPUT, WEIGHT), copies, first_kinds=(FORWARD, WEIGHT))
    head_rows, chunk = learned_rows(rows, learned), head_chunk_rows(s.vocabulary, precision, on_gpu)
    for begin in range(0, head_rows, chunk):
        step.add((FORWARD, INPUT), s.hidden, s.vocabulary, rows=min(chunk, head_rows - begin))
    return step.counted()


def product_rate(products, rates):
    """G multiply-adds per second of a step that does only these products, each at its own rate."""
    total = sum(product.multiply_adds * count for product, count in products.items())
    return total / sum(product.multiply_adds * count / rates[product] for product, count in products.items())
