"""The method in PyTorch, on transformers' own models as the base.

An expanded layer computes its MLP in the split form

    y = MLP(x) + sum_j strength * (1/k) * (S_j(x) - S_base(x)),    j = 1 .. k-1
    S(x) = W_down . (act(W_gate x + b_gate) * (W_up x + b_up))

where S_j uses the copies and S_base the original weights. S does not include the bias of the down
projection: it belongs to the original MLP, is added once and has no copy. The biases of gate and up
are copied and trained with their weights.
Method: "Grow, Don't Overwrite: Fine-tuning Without Forgetting", arXiv 2603.08647.
"""

import math

import torch
from torch import nn
from torch.nn import functional
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
NO_TARGET = -100


def auto_class(config):
    """The class of transformers that loads a model with this config.json, with its head."""
    causal = config["model_type"] in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return AutoModelForCausalLM if causal else AutoModelForImageTextToText


class UnfusedMlp(nn.Module):
    """An MLP whose gate_up_proj = [gate; up] is split (Phi-3): the same function."""

    def __init__(self, mlp):
        super().__init__()
        hidden, width = mlp.down_proj.out_features, mlp.down_proj.in_features
        self.gate_proj, self.up_proj = (nn.Linear(hidden, width, bias=False, dtype=mlp.down_proj.weight.dtype)
                                        for _ in range(2))
        with torch.no_grad():
            self.gate_proj.weight.copy_(mlp.gate_up_proj.weight[:width])
            self.up_proj.weight.copy_(mlp.gate_up_proj.weight[width:])
        self.down_proj = mlp.down_proj
        self.act_fn = mlp.activation_fn

    def forward(self, x):
        return self.down_proj(self.act_fn(self.gate_proj(x)) * self.up_proj(x))


def decoder_layers(model):
    """The layers of a language model, also inside a multimodal one."""
    return model.get_decoder().layers


class MlpCopy(nn.Module):
    """S_j: gate, up and down of one copy, in parameters of its own."""

    def __init__(self, mlp):
        super().__init__()
        for projection in PROJECTIONS:
            original = getattr(mlp, projection)
            copy = nn.Linear(original.in_features, original.out_features,
                             bias=original.bias is not None and projection != "down_proj",
                             dtype=original.weight.dtype)
            with torch.no_grad():
                copy.weight.copy_(original.weight)
                if copy.bias is not None:
                    copy.bias.copy_(original.bias)
            setattr(self, projection, copy)
        self.activation = mlp.act_fn

    def forward(self, x):
        return self.down_proj(self.activation(self.gate_proj(x)) * self.up_proj(x))


class SplitMlp(nn.Module):
    """An MLP of k copies (the original included), in the split form."""

    def __init__(self, mlp, k, strength=1.0):
        super().__init__()
        self.base = mlp
        self.copies = nn.ModuleList(MlpCopy(mlp) for _ in range(k - 1))
        self.k = k
        self.strength = strength

    def forward(self, x):
        base = self.base
        inner = base.act_fn(base.gate_proj(x)) * base.up_proj(x)
        unbiased = functional.linear(inner, base.down_proj.weight)
        # With the bias inside the product, as in the base model, so that equal copies leave the base's
        # output unchanged, bit for bit.
        y = base.down_proj(inner)
        for copy in self.copies:
            y = y + (self.strength / self.k) * (copy(x) - unbiased)
        return y


def expand(model, layers, k, mlp_class=SplitMlp):
    """Replaces the MLPs of `layers` by split ones whose copies equal the original; freezes the rest."""
    model.requires_grad_(False)
    for i in layers:
        layer = decoder_layers(model)[i]
        if hasattr(layer.mlp, "gate_up_proj"):
            layer.mlp = UnfusedMlp(layer.mlp).requires_grad_(False)
        split = mlp_class(layer.mlp, k)
        split.copies.requires_grad_(True)
        layer.mlp = split
    return model


def set_strength(model, strength):
    for module in model.modules():
        if isinstance(module, SplitMlp):
            module.strength = strength


def copy_parameters(model):
    """name -> parameter of every copy: model.layers.{i}.mlp.{projection}.copy{j}.{weight,bias}."""
    named = {}
    for i, layer in enumerate(decoder_layers(model)):
        if not isinstance(layer.mlp, SplitMlp):
            continue
        for j, copy in enumerate(layer.mlp.copies, start=1):
            for projection in PROJECTIONS:
                for kind, parameter in getattr(copy, projection).named_parameters():
                    named[f"model.layers.{i}.mlp.{projection}.copy{j}.{kind}"] = parameter
    return named


def perturb_copies(model, noise, generator):
    """Adds normal noise of `noise` times each copy tensor's own standard deviation."""
    with torch.no_grad():
        for parameter in copy_parameters(model).values():
            parameter += noise * parameter.std() * torch.randn(parameter.shape, generator=generator)


@torch.no_grad()
def fold(model):
    """Turns every split MLP into one ordinary MLP of k times the width (at its strength), in place."""
    for layer in decoder_layers(model):
        split = layer.mlp
        if not isinstance(split, SplitMlp):
            continue
        share = split.strength / split.k
        parts = [(split.base, 1 - share * (split.k - 1))] + [(copy, share) for copy in split.copies]
        for projection in ("gate_proj", "up_proj"):
            original = getattr(split.base, projection)
            original.weight = nn.Parameter(torch.cat([getattr(part, projection).weight for part, _ in parts]))
            if original.bias is not None:
                original.bias = nn.Parameter(torch.cat([getattr(part, projection).bias for part, _ in parts]))
        down = torch.cat([part.down_proj.weight * weight for part, weight in parts], dim=1)
        split.base.down_proj.weight = nn.Parameter(down)
        layer.mlp = split.base
    return model


def flat_logits(model, ids, offsets):
    """Logits (tokens, vocabulary) of sequences laid end to end, each computed separately.

    ids (tokens); offsets (sequences + 1): sequence i is ids[offsets[i]:offsets[i + 1]].
    """
    bounds = offsets.tolist()
    return torch.cat([model(ids[None, begin:end].long(), use_cache=False).logits[0]
                      for begin, end in zip(bounds, bounds[1:])])


def next_token_targets(ids, offsets, learned):
    """Targets (tokens): the next token of the same sequence if that token is learned, else NO_TARGET."""
    targets = torch.full_like(ids, NO_TARGET)
    targets[:-1] = torch.where(learned[1:], ids[1:], NO_TARGET)
    targets[offsets[1:] - 1] = NO_TARGET
    return targets


def summed_loss(logits, targets):
    """Cross-entropy summed over the positions that have a target."""
    return functional.cross_entropy(logits, targets.long(), ignore_index=NO_TARGET, reduction="sum")


def learning_rate(step, peak, warmup, total):
    """Linear warm-up over `warmup` steps, then a cosine to 0 at step `total`; the first step is 0."""
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (total - warmup)))


def mean_divergence(model, base, ids, offsets):
    """Mean over the tokens of KL(base || model) in nats."""
    with torch.no_grad():
        expected = flat_logits(base, ids, offsets).log_softmax(-1)
    found = flat_logits(model, ids, offsets).log_softmax(-1)
    return functional.kl_div(found, expected, reduction="sum", log_target=True) / len(ids)


def train(model, parameters, batches, settings, retention=None, scales=None):
    """Trains `parameters` (by name) with AdamW; returns losses, gradient norms before clipping, learning
    rates and, with retention (weight, base model, ids, offsets), the mean divergence before each update.

    batches: per step, a list of micro-batches (ids, offsets, targets). A step's loss is the mean
    over the targets of all its micro-batches; the loss returned is the one before the update.
    scales: name -> factor on the learning rate, 1 by default; the gradient norm ignores the factors.
    Weight decay (decoupled, so with the same factor) applies to matrices, not to biases and norms.
    """
    optimizer = torch.optim.AdamW(
        [{"params": [parameter], "scale": (scales or {}).get(name, 1.0),
          "weight_decay": settings["weight_decay"] if parameter.dim() > 1 else 0.0}
         for name, parameter in parameters.items()],
        lr=settings["learning_rate"], betas=(settings["beta1"], settings["beta2"]), eps=settings["epsilon"])
    losses, norms, rates, divergences = [], [], [], []
    for step, micro_batches in enumerate(batches):
        rate = learning_rate(step, settings["learning_rate"], settings["warmup"], len(batches))
        for group in optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        optimizer.zero_grad()
        count = sum(int((targets != NO_TARGET).sum()) for _, _, targets in micro_batches)
        loss = 0.0
        for ids, offsets, targets in micro_batches:
            part = summed_loss(flat_logits(model, ids, offsets), targets) / count
            part.backward()
            loss += part.item()
        if retention:
            weight, base, ids, offsets = retention
            divergence = mean_divergence(model, base, ids, offsets)
            (weight * divergence).backward()
            divergences.append(divergence.item())
        norm = nn.utils.clip_grad_norm_(parameters.values(), settings["clip_norm"])
        optimizer.step()
        losses.append(loss)
        norms.append(norm.item())
        rates.append(rate)
    return losses, norms, rates, divergences
