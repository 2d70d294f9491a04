#!/usr/bin/env python3
"""Makes methods.safetensors in tests/golden/models: twenty steps of each training method, and PEFT's own adapters.

    python scripts/golden/make_method_goldens.py [--models tests/golden/models] [--output tests/golden/models]

Reads the models that make_model_goldens.py wrote; that script recreates their folders, so run this one after it.
Needs torch, transformers, peft and safetensors. tests/golden/models/README.md describes the files.
"""

import argparse
import copy
import json
import re
from pathlib import Path

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM
from transformers.utils import logging

import methods
import reference
from make_model_goldens import (EXPANSIONS, MICRO_BATCH_SEQUENCES, RETENTION_WEIGHT, TRAINING, load_base,
                                micro_batches, sequences, training_batches, write_with_settings)

FEW = ("mlp", "llama-pro", "lora", "full", "last:1")
# Layers and methods; gemma3's layers are of both kinds, and shift the layers after them.
CASES = {
    "gqa": (EXPANSIONS["gqa"][0], ("new-k3", "zero-init", *FEW, "full+retention", "lora+retention", "mlp+retention",
                                   "narrow")),
    "bias": ([0, 1], (*FEW, "narrow")),
    "gemma3": ([0, 2, 3], FEW),
    "phi3": ([0, 2], FEW),
}
PEFT_ADAPTERS = ("gqa", "phi3")
# High enough to lower the loss by a tenth of a nat in twenty steps.
LEARNING_RATES = {"full": 3e-3, "narrow": 3e-2}
LEARNING_RATE = 1e-2
# The trained tensors to keep: not all, to save space. Not k_proj.bias: softmax cancels most of it, so its
# gradient is near zero and AdamW's steps are mostly rounding error.
LAST = r"layers\.{last}\."
FINALS = {
    "new-k3": LAST + r"mlp\.(gate_proj\.copy2|down_proj\.copy1)",
    "zero-init": LAST + r"mlp\.(gate_proj|down_proj)",
    "mlp": LAST + r"mlp\.(gate_proj\.copy1|(gate|up)_proj\.bias|down_proj\.(weight|bias))",
    "llama-pro": LAST + r".*(norm\.weight|o_proj\.|k_proj\.weight|v_proj\.bias)",
    "lora": r"layers\.0\.",
    "full": r"norm\.weight|layers\.0\..*(k_proj\.weight|o_proj\.bias)",
    "last:1": r"norm\.weight|k_proj\.weight|o_proj\.bias",
    "full+retention": r"norm\.weight",
    "lora+retention": r"layers\.0\.self_attn\.k_proj",
    "mlp+retention": LAST + r"mlp\.down_proj\.weight",
    "narrow": LAST + r"mlp\.down_proj",
}
# Difference of the logits at step 0 from the base's; 0 (bit for bit) where not given.
START_TOLERANCES = {("gqa", "new-k3"): 1e-4, ("phi3", "mlp"): 1e-5,
                    ("bias", "narrow"): 1e-5}  # where another machine than that of golden.safetensors computes
LOSS_TOLERANCE = 2e-4  # float32 against float64
LEAST_GAIN = 0.1


def prepare(kind, model, layers, seed):
    """The Method of this name, and its settings."""
    if kind == "new-k3":
        return (methods.new(model, layers, 3, torch.Generator().manual_seed(seed)),
                {"layers": layers, "copies": 3, "noise": methods.NOISE})
    if kind == "narrow":
        # Every third neuron, from another one in each layer.
        neurons = {layer: list(range(layer, model.config.intermediate_size, 3)) for layer in layers}
        return methods.narrow(model, neurons), {"layers": layers, "copies": 2, "neurons": list(neurons.values())}
    if kind == "mlp":
        return (methods.mlp(model, layers, 2),
                {"layers": layers, "copies": 2,
                 "original_learning_rate_scale": methods.ORIGINAL_LEARNING_RATE_SCALE})
    if kind == "zero-init":
        return methods.zero_init(model, layers), {"layers": layers, "copies": 2}
    if kind == "llama-pro":
        return (methods.llama_pro(model, layers),
                {"layers": layers, "inserted": [layer + place + 1 for place, layer in enumerate(layers)]})
    if kind == "lora":
        return methods.lora(model, seed), {"rank": methods.RANK, "alpha": methods.ALPHA}
    if kind == "full":
        return methods.full(model), {}
    count = int(kind.removeprefix("last:"))
    return methods.last(model, count), {"last": count}


def values(parameters):
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


def greatest_difference(left, right):
    return max((left[name] - right[name]).abs().max().item() for name in left)


def kept(name, tensors, settings):
    last = str(max(settings.get("inserted") or settings.get("layers") or [0]))
    pattern = FINALS[name].replace("{last}", last)
    chosen = {key: tensor for key, tensor in tensors.items() if re.search(pattern, key)}
    assert chosen, f"{name}: no tensor is called {pattern}"
    return chosen


def random_initial(kind, tensors):
    """The initial tensors that do not follow from the base model's."""
    pattern = {"new-k3": "down_proj", "lora": "lora_A"}.get(kind)
    return {key: tensor for key, tensor in tensors.items() if pattern and pattern in key}


class Case:
    """One golden model: its batches, and the outputs of the untouched model."""

    def __init__(self, directory, seed):
        self.directory, self.seed = directory, seed
        self.golden = load_file(directory / "golden.safetensors")
        base = load_base(directory)
        vocabulary = base.config.get_text_config().vocab_size
        generator = torch.Generator().manual_seed(seed)
        self.batches = training_batches(vocabulary, generator)
        self.pieces = [micro_batches(*batch) for batch in self.batches]
        self.retention = sequences((9, 24, 3, 30), vocabulary, generator)
        with torch.no_grad():
            self.base_losses = [
                (reference.summed_loss(reference.flat_logits(base, ids, offsets), targets)
                 / (targets != reference.NO_TARGET).sum()).item() for ids, offsets, targets in self.batches]

    def logits(self, model):
        with torch.no_grad():
            return reference.flat_logits(model, self.golden["ids"], self.golden["offsets"])

    def train(self, name, layers, dtype):
        """Trains with this method. Returns the Method, settings, initial tensors, and reference.train's results."""
        kind, _, retained = name.partition("+")
        method, settings = prepare(kind, load_base(self.directory).to(dtype), layers, self.seed)
        initial = values(method.parameters)
        settings["training"] = TRAINING | {"learning_rate": LEARNING_RATES.get(kind, LEARNING_RATE)}
        retention = None
        if retained:
            settings["retention_weight"] = RETENTION_WEIGHT
            retention = (RETENTION_WEIGHT, load_base(self.directory).to(dtype), *self.retention)
        start, frozen = self.logits(method.model), self.frozen(method)
        losses, norms, _, divergences = reference.train(
            method.model, method.parameters, self.pieces, settings["training"], retention, method.scales)
        after = self.frozen(method)
        assert frozen.keys() == after.keys() and all(torch.equal(frozen[key], after[key]) for key in frozen), \
            f"{name}: a frozen tensor changed"
        still = [key for key, parameter in method.parameters.items() if torch.equal(parameter, initial[key])]
        assert not still, f"{name}: {still} did not train"
        results = {"losses": losses, "grad_norms": norms} | ({"divergences": divergences} if retained else {})
        return method, settings, initial, start, results

    @staticmethod
    def frozen(method):
        """Every tensor of the model that is not trained."""
        trained = {parameter.data_ptr() for parameter in method.parameters.values()}
        return {name: tensor.clone() for name, tensor in method.model.state_dict().items()
                if tensor.data_ptr() not in trained}

    def method_tensors(self, name, layers, adapter_directory):
        """The entries of methods.safetensors for one method, without the prefix; and the method's settings."""
        method, settings, initial, start, results = self.train(name, layers, torch.float32)
        twin, _, twin_initial, _, twin_results = self.train(name, layers, torch.float64)
        assert greatest_difference(initial, twin_initial) == 0, f"{name}: starts differ between dtypes"
        difference = (start - self.golden["logits"]).abs().max().item()
        tolerance = START_TOLERANCES.get((self.directory.name, name.partition("+")[0]), 0)
        assert difference <= tolerance, f"{name}: logits at step 0 differ from the base's by {difference}"
        gain = sum(self.base_losses[-5:]) / 5 - sum(results["losses"][-5:]) / 5
        assert gain >= LEAST_GAIN, f"{name}: the losses fall by {gain} only"

        tensors = {}
        for key, curve in results.items():
            tensors[key] = torch.tensor(curve, dtype=torch.float64)
            tensors[key + ".float64"] = torch.tensor(twin_results[key], dtype=torch.float64)
        finals = kept(name, values(method.parameters), settings)
        tensors |= {"initial." + key: tensor for key, tensor in random_initial(name, initial).items()}
        tensors |= {"final." + key: tensor for key, tensor in finals.items()}
        settings["difference_to_float64"] = {
            key: (tensors[key] - tensors[key + ".float64"]).abs().max().item() for key in results}
        settings["difference_to_float64"]["finals"] = greatest_difference(
            finals, kept(name, values(twin.parameters), settings))
        assert settings["difference_to_float64"]["losses"] <= LOSS_TOLERANCE, settings
        settings["start_difference"] = difference

        if name == "lora":
            check_merge(self, method.model)
            if self.directory.name in PEFT_ADAPTERS:
                write_adapter(method, self.directory.name, adapter_directory)
                read = PeftModel.from_pretrained(load_base(self.directory), adapter_directory).eval()
                assert torch.equal(self.logits(read), self.logits(method.model)), "the adapter's file differs"
        if name == "llama-pro":
            check_depth(self, method.model)
        self.add_logits(tensors, name, method, start)
        print(f"{self.directory.name} {name}: losses {results['losses'][0]:.4f} to {results['losses'][-1]:.4f}, lower "
              f"by {gain:.2f} than the base's, start differs by {difference:.1e}, float32 from float64: "
              f"{settings['difference_to_float64']}")
        return tensors, settings

    def add_logits(self, tensors, name, method, start):
        """The trained model's logits; strength 0 must be the start, bit for bit."""
        tensors["logits.strength_1"] = self.logits(method.model)
        if "+" not in name:
            method.set_strength(0.5)
            tensors["logits.strength_0.5"] = self.logits(method.model)
            if name in ("new-k3", "mlp"):
                folded = self.logits(reference.fold(copy.deepcopy(method.model)))
                difference = (folded - tensors["logits.strength_0.5"]).abs().max().item()
                assert difference <= 1e-5, f"{name}: folding differs by {difference}"
        method.set_strength(0.0)
        off = self.logits(method.model)
        # Without the noise of its copies, new-k3 is the base itself.
        assert torch.equal(off, self.golden["logits"] if name == "new-k3" else start), f"{name}: strength 0 differs"
        method.set_strength(1.0)
        assert torch.equal(self.logits(method.model), tensors["logits.strength_1"]), f"{name}: strength 1 differs"


def check_merge(case, model):
    merged = copy.deepcopy(model).merge_and_unload()
    difference = (case.logits(merged) - case.logits(model)).abs().max().item()
    assert difference <= 1e-5, f"merging the adapter differs by {difference}"


def check_depth(case, model):
    """Checks that transformers itself, given the deeper config and weights, computes the same."""
    deeper = AutoModelForCausalLM.from_config(copy.deepcopy(model.config), attn_implementation="eager").eval()
    deeper.load_state_dict(model.state_dict())
    assert torch.equal(case.logits(deeper), case.logits(model)), "a deeper model made anew differs"


def write_adapter(method, base_name, directory):
    """PEFT's own files of the adapter, without what changes between runs or names this machine."""
    saved = get_peft_model_state_dict(method.model)
    assert saved.keys() == method.parameters.keys(), "names differ from those in an adapter's file"
    config = method.model.peft_config["default"]
    config.base_model_name_or_path = base_name
    method.model.save_pretrained(directory, save_embedding_layers=False)
    (directory / "README.md").unlink()  # an empty model card
    file = directory / "adapter_config.json"
    settings = json.loads(file.read_text())
    settings["target_modules"].sort()  # a set
    file.write_text(json.dumps(settings, indent=2) + "\n")


def earlier(file):
    """The tensors and the methods' settings of a file that an earlier run made."""
    with safe_open(file, "pt") as opened:
        return load_file(file), json.loads(opened.metadata()["settings"])["methods"]


def main():
    root = Path(__file__).resolve().parents[2]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=root / "tests/golden/models")
    parser.add_argument("--output", type=Path, default=root / "tests/golden/models")
    parser.add_argument("--only", nargs="+", metavar="METHOD",
                        help="make these, and keep what the files in --models have of the others")
    arguments = parser.parse_args()

    logging.disable_progress_bar()
    torch.set_num_threads(1)  # one summation order, whatever the machine has
    total = 0
    for seed, (model, (layers, names)) in enumerate(CASES.items(), start=3000):
        case = Case(arguments.models / model, seed)
        directory = arguments.output / model
        directory.mkdir(parents=True, exist_ok=True)
        tensors, settings = earlier(case.directory / "methods.safetensors") if arguments.only else ({}, {})
        for name in names:
            if arguments.only and name not in arguments.only:
                continue
            found, settings[name] = case.method_tensors(name, layers, directory / "peft-adapter")
            tensors |= {f"{name}.{key}": tensor for key, tensor in found.items()}
        for step, (ids, offsets, targets) in enumerate(case.batches):
            tensors |= {f"batch{step}.ids": ids, f"batch{step}.offsets": offsets, f"batch{step}.targets": targets}
        if any("+retention" in name for name in names):
            tensors |= dict(zip(("retention.ids", "retention.offsets"), case.retention))
        write_with_settings(tensors, directory / "methods.safetensors",
                            {"micro_batch_sequences": MICRO_BATCH_SEQUENCES, "methods": settings})
        files = [directory / "methods.safetensors", *directory.glob("peft-adapter/*")]
        total += sum(file.stat().st_size for file in files)
    assert total <= 1.6e6, f"{total} bytes is too much to keep in a repository"
    print(f"{arguments.output}: {total / 1000:.0f} kB")


if __name__ == "__main__":
    main()
