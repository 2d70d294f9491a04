"""Multiply-adds per token of a Llama-like model, derived from shapes, by what is trained.

Counted: products with weight matrices, and attention's two products of each query with the keys
before it (causal, so half the square on average). Not counted: norms, activations, softmax,
optimizer, and anything computed a second time in the backward pass. products.py lists the same
products one by one.

In rows of prompt and answer only the `learned` share of tokens needs logits. Programs that compute more (of prompts, of
padding) do more than is counted.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Shapes:
    hidden: int
    layers: int
    queries: int  # heads * head_dim
    keys: int     # key-value heads * head_dim
    width: int    # of the MLP
    vocabulary: int
    tied: bool = True  # the head is the embedding

    @classmethod
    def of_config(cls, config):
        heads = config["num_attention_heads"]
        head_dim = config.get("head_dim") or config["hidden_size"] // heads
        tied = config.get("tie_word_embeddings", config.get("model_type") == "gemma3_text")
        return cls(config["hidden_size"], config["num_hidden_layers"], heads * head_dim,
                   config.get("num_key_value_heads", heads) * head_dim, config["intermediate_size"],
                   config["vocab_size"], tied)

    @property
    def qkv(self):
        return self.hidden * (self.queries + 2 * self.keys)

    @property
    def attention_weights(self):
        return self.qkv + self.queries * self.hidden

    @property
    def mlp(self):
        return 3 * self.hidden * self.width

    @property
    def head(self):
        return self.hidden * self.vocabulary

    @property
    def parameters(self):
        """All matrices; norms and biases are not counted."""
        return self.layers * (self.attention_weights + self.mlp) + self.head * (1 if self.tied else 2)

    def scores(self, length):
        """Attention without its weights: scores and weighted sum, per token of a sequence of `length`."""
        return 2 * self.queries * (length + 1) / 2

    def layer(self, length):
        return self.attention_weights + self.scores(length) + self.mlp

    def forward(self, length, learned=1):
        """`learned`: the share of tokens that are learned. Only they need the head."""
        return self.layers * self.layer(length) + learned * self.head


def full_fine_tuning(s, length, learned=1):
    """Every product has two gradients, of its input and its weight; attention's have two inputs."""
    return 3 * s.forward(length, learned)


def lora(s, length, rank, learned=1):
    """Rank-r pairs on all seven projections: only the pairs have weight gradients.

    The embedding is frozen, so the first layer's q, k and v need no gradient of their input.
    """
    inputs_outputs = (2 * (s.hidden + s.queries) + 2 * (s.hidden + s.keys) + 3 * (s.hidden + s.width))
    pairs = s.layers * rank * inputs_outputs
    backward = (s.layers * (s.attention_weights + 2 * s.scores(length) + s.mlp) + learned * s.head) - s.qkv
    first_pairs = rank * 3 * s.hidden  # input gradients of the first q, k, v pairs are not needed either
    return s.forward(length, learned) + backward + 3 * pairs - first_pairs


def new_width(s, length, lowest, expanded, k, learned=1):
    """The copies of `expanded` layers from layer `lowest` up, with k - 1 copies each.

    No gradient flows below layer `lowest`, and within it only into its copies; above it, gradients flow through
    attention, originals and copies. Only copies have weight gradients.
    """
    copies = (k - 1) * s.mlp
    above = s.layers - lowest - 1
    input_gradients = above * (s.attention_weights + 2 * s.scores(length) + s.mlp) + learned * s.head
    input_gradients += (expanded - 1) * copies + copies / 3  # the lowest: down's input only
    return s.forward(length, learned) + expanded * copies + input_gradients + expanded * copies


def frozen_prefix(s, length, lowest):
    """What a step saves if the outputs of the layers below `lowest` are cached: their forward pass.

    The attention of layer `lowest` is frozen as well, but is computed.
    """
    return lowest * s.layer(length)


def selected(layers, count):
    """(lowest, how many) for "all" or "last:N" of `count` layers."""
    expanded = count if layers == "all" else int(layers.removeprefix("last:"))
    return count - expanded, expanded
