"""The training methods in PyTorch: each prepares a transformers model and says which parameters train.

Every function here takes an untouched model, changes it in place without changing what it computes, and
returns a Method. Layers are named by their index in the untouched model.
"""

import copy
from dataclasses import dataclass, field
from typing import Callable

import torch
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import LoraLayer
from torch import nn

import reference

NOISE = 0.02  # noise of the down projections of three copies, relative to the original's root mean square
ORIGINAL_LEARNING_RATE_SCALE = 0.1
RANK, ALPHA = 4, 8
LORA_TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj", "qkv_proj",
                "gate_up_proj")


@dataclass
class Method:
    model: nn.Module
    parameters: dict  # name -> trained parameter; everything else is frozen
    set_strength: Callable  # after training: 1 is the trained model, 0 the untouched one
    scales: dict = field(default_factory=dict)  # name -> factor on the learning rate, where it is not 1


class WeightStrength:
    """Strength s for weights trained in place: initial + s (trained - initial).

    Made before training; the values at the first call are the trained ones.
    """

    def __init__(self, parameters):
        self.parameters = list(parameters)
        self.initial = [p.detach().clone() for p in self.parameters]
        self.trained = None

    @torch.no_grad()
    def __call__(self, strength):
        if self.trained is None:
            self.trained = [p.clone() for p in self.parameters]
        for parameter, initial, trained in zip(self.parameters, self.initial, self.trained):
            # The trained values themselves at 1: the sum would round.
            parameter.copy_(trained if strength == 1 else initial + strength * (trained - initial))


def new(model, layers, k, generator):
    """Only the copies train. k = 3 starts from W_down + n and W_down - n: equal copies would stay equal."""
    reference.expand(model, layers, k)
    if k == 3:
        with torch.no_grad():
            for i in layers:
                first, second = (c.down_proj.weight for c in reference.decoder_layers(model)[i].mlp.copies)
                original = first.to(torch.float32, copy=True)  # the same numbers in every dtype
                noise = NOISE * original.square().mean().sqrt() * torch.randn(first.shape, generator=generator)
                first.copy_(original + noise)
                second.copy_(original - noise)
    return Method(model, reference.copy_parameters(model), lambda s: reference.set_strength(model, s))


def mlp(model, layers, k):
    """The copies train at the full rate, the original MLPs (with down's bias) at a tenth of it.

    The original bias of down stays outside the copies' differences: y = T_0 + sum_j (1/k)(T_j - T_0) + b_down.
    """
    reference.expand(model, layers, k)
    originals = {f"model.layers.{i}.mlp.{name}": parameter for i in layers
                 for name, parameter in reference.decoder_layers(model)[i].mlp.base.named_parameters()}
    for parameter in originals.values():
        parameter.requires_grad_(True)
    original_strength = WeightStrength(originals.values())

    def set_strength(strength):
        original_strength(strength)
        reference.set_strength(model, strength)

    return Method(model, reference.copy_parameters(model) | originals, set_strength,
                  dict.fromkeys(originals, ORIGINAL_LEARNING_RATE_SCALE))


class NarrowMlp(reference.SplitMlp):
    """y = MLP(x) + (strength / 2) (S_copy(x) - S_N(x)): the copy is of the neurons N only."""

    def __init__(self, mlp, neurons):
        super().__init__(mlp, 2)
        (one,) = self.copies
        with torch.no_grad():
            for projection in (one.gate_proj, one.up_proj):
                projection.weight = nn.Parameter(projection.weight[neurons].clone())
                if projection.bias is not None:
                    projection.bias = nn.Parameter(projection.bias[neurons].clone())
            one.down_proj.weight = nn.Parameter(one.down_proj.weight[:, neurons].clone())
        self.untrained = copy.deepcopy(one).requires_grad_(False)

    def forward(self, x):
        return self.base(x) + (self.strength / 2) * (self.copies[0](x) - self.untrained(x))


def narrow(model, neurons):
    """Copies of some neurons train; `neurons`: those of each layer that grows."""
    reference.expand(model, [], 2)  # freezes all
    for i, chosen in neurons.items():
        reference.expand(model, [i], 2, lambda mlp, _, chosen=chosen: NarrowMlp(mlp, chosen))
        # expand froze the copies of the layers before.
    for name, parameter in reference.copy_parameters(model).items():
        parameter.requires_grad_(True)
    return Method(model, reference.copy_parameters(model), lambda s: reference.set_strength(model, s))


class AddedMlp(reference.SplitMlp):
    """y = MLP(x) + strength * S_1(x), with S_1's down projection starting at zero."""

    def __init__(self, mlp, k):
        super().__init__(mlp, k)
        nn.init.zeros_(self.copies[0].down_proj.weight)

    def forward(self, x):
        return self.base(x) + self.strength * self.copies[0](x)


def zero_init(model, layers):
    """New width that initially adds nothing and is not averaged with the original."""
    reference.expand(model, layers, 2, AddedMlp)
    return Method(model, reference.copy_parameters(model), lambda s: reference.set_strength(model, s))


def silenced(layer):
    """Sets the last parameters of a layer's two blocks so that the layer adds nothing; returns them."""
    if hasattr(layer, "post_feedforward_layernorm"):  # norms after the blocks, which multiply by 1 + w
        norms = layer.post_attention_layernorm.weight, layer.post_feedforward_layernorm.weight
        for weight in norms:
            nn.init.constant_(weight, -1.0)
        return list(norms)
    ends = [*layer.self_attn.o_proj.parameters(), *layer.mlp.down_proj.parameters()]
    for parameter in ends:
        nn.init.zeros_(parameter)
    return ends


def llama_pro(model, layers):
    """A copy of each of `layers` after it, initially adding nothing. Names are those of the deeper model."""
    model.requires_grad_(False)
    decoder = model.get_decoder()
    kinds = getattr(decoder.config, "layer_types", None)
    origins, ends, inserted = [], [], {}
    deeper = nn.ModuleList()
    for i, layer in enumerate(decoder.layers):
        deeper.append(layer)
        origins.append(i)
        if i in layers:
            added = copy.deepcopy(layer).requires_grad_(True)
            ends += silenced(added)
            inserted |= {f"model.layers.{len(deeper)}.{name}": p for name, p in added.named_parameters()}
            deeper.append(added)
            origins.append(i)
    decoder.layers = deeper
    decoder.config.num_hidden_layers = len(deeper)
    # The decoder selects masks and RoPE angles by a layer's index in this list.
    if kinds is not None:
        decoder.config.layer_types = [kinds[i] for i in origins]
    # Layers keep the layer_idx of their origin; only a key-value cache, which is not used here, needs it.
    return Method(model, inserted, WeightStrength(ends))


def lora(model, seed):
    """PEFT's LoRA on every projection of every layer, initialised by PEFT. Names as in an adapter's file."""
    torch.manual_seed(seed)
    present = [t for t in LORA_TARGETS if any(name.endswith("." + t) for name, _ in model.named_modules())]
    model = get_peft_model(model, LoraConfig(r=RANK, lora_alpha=ALPHA, lora_dropout=0.0, target_modules=present,
                                             task_type="CAUSAL_LM"))
    model.eval()
    parameters = {name.replace(".default.", "."): p for name, p in model.named_parameters() if p.requires_grad}

    def set_strength(strength):
        for module in model.modules():
            if isinstance(module, LoraLayer):
                module.scaling["default"] = strength * ALPHA / RANK

    return Method(model, parameters, set_strength)


def full(model):
    """Every parameter trains, a tied embedding once."""
    # torch gives no gradient to the row of the padding token. expandft does not pad, and this token in a text is a
    # token like any other.
    model.get_input_embeddings().padding_idx = None
    parameters = dict(model.named_parameters())
    return Method(model, parameters, WeightStrength(parameters.values()))


def last(model, count):
    """Every parameter of the last `count` layers trains."""
    model.requires_grad_(False)
    first = len(reference.decoder_layers(model)) - count
    parameters = {name: p for name, p in model.named_parameters()
                  if name.startswith("model.layers.") and int(name.split(".")[2]) >= first}
    for parameter in parameters.values():
        parameter.requires_grad_(True)
    return Method(model, parameters, WeightStrength(parameters.values()))
