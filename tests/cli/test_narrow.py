"""Narrow growth (expansion.width): training, resuming, merging and unmerging copies of chosen neurons."""

import json
import shutil
import signal

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from live_runs import has_step, start, wait_for
from test_methods import logprobs, logprobs_of
from training import events, runs_of, train, unmerge, write_config

P, H = 172, 64  # of stories260K: neurons of an MLP, and its hidden size
RUNS = {
    "share": {"expansion__width": "25%", "expansion__layers": "all"},  # 43 neurons, rounded to 48
    "number": {"expansion__width": 10, "expansion__neurons": "saliency"},
    "budget": {"expansion__width": {"parameters": "20K"}, "expansion__layers": "all"},
    "draw": {"expansion__width": {"parameters": 30000}, "expansion__neurons": "random"},
    "automatic": {"expansion__width": "20%", "expansion__layers": {"auto": 2}},
    "zero-init": {"expansion__width": "25%", "method": "zero-init"},
    "mlp": {"expansion__width": "25%", "method": "mlp"},
}
REVERSIBLE = [name for name in RUNS if name != "mlp"]


@pytest.fixture(scope="module")
def runs(expandft, stories, tmp_path_factory):
    return runs_of(RUNS, expandft, stories, tmp_path_factory)


def neurons_of(file):
    """{layer: indices} of an adapter's or a run's file."""
    return {int(name.split(".")[2]): tensor.tolist() for name, tensor in load_file(file).items()
            if name.endswith(".neurons")}


def merge(expandft, stories, out, output, *arguments, rc=0):
    result = expandft("merge", "--model", stories, "--adapter", out / "adapter", "--output", output, "--device", "cpu",
                      *arguments)
    assert result.rc == rc, result.stderr
    return result


@pytest.mark.parametrize("name", RUNS)
def test_learns_and_its_merged_model_loads_in_transformers(expandft, runs, stories, tmp_path, name):
    out, _ = runs(name)
    steps = events(out, "train")
    assert steps[-1]["loss"] < steps[0]["loss"]
    config = json.loads((out / "adapter/adapter_config.json").read_text())
    assert config["format_version"] == 3 and config["copies"] == 2
    neurons = neurons_of(out / "adapter/adapter_model.safetensors")
    assert neurons == neurons_of(out / "neurons.safetensors")
    assert [len(neurons[layer]) for layer in config["layers"]] == config["widths"]
    assert all(chosen == sorted(set(chosen)) and 0 <= chosen[0] and chosen[-1] < P for chosen in neurons.values())
    native = len(set(config["widths"])) == 1 and len(config["layers"]) == 5
    assert json.loads((out / "merged/expandft.json").read_text())["layout"] == ("native" if native else "padded")

    model = AutoModelForCausalLM.from_pretrained(out / "merged")
    assert model.config.intermediate_size == P + max(config["widths"])
    found = logprobs(expandft, tmp_path, "--model", out / "merged")
    assert (found - logprobs_of(model)).abs().max() < 1e-4
    assert (found - logprobs(expandft, tmp_path, "--model", stories)).abs().max() > 1e-4
    card = (out / "merged/README.md").read_text()
    assert f"of {P} neurons of each MLP" in card
    assert f"of {P} neurons of each MLP" in (out / "report.html").read_text()


def test_widths_are_what_was_asked_for(runs):
    def widths(name):
        return json.loads((runs(name)[0] / "adapter/adapter_config.json").read_text())["widths"]

    assert widths("share") == [48] * 5
    assert widths("number") == [10, 10]
    assert widths("automatic") == [32, 32]  # 34.4, rounded to 32
    for name, parameters in (("budget", 20000), ("draw", 30000)):
        assert all(width % 16 == 0 or width == P for width in widths(name))
        assert parameters - 16 * 3 * H < sum(widths(name)) * 3 * H <= parameters
    assert widths("draw") == [64, 80]


@pytest.mark.parametrize("name", RUNS)
def test_adapter_and_base_are_the_merged_model(expandft, runs, stories, tmp_path, name):
    out, _ = runs(name)
    with_adapter = ("--model", stories, "--adapter", out / "adapter")
    merged = logprobs(expandft, tmp_path, "--model", out / "merged")
    base = logprobs(expandft, tmp_path, "--model", stories)
    assert (logprobs(expandft, tmp_path, *with_adapter) - merged).abs().max() < 1e-4
    assert logprobs(expandft, tmp_path, *with_adapter, "--strength", "0").equal(base)
    for strength in ("0.5", "0.2:0.8"):
        expected = logprobs(expandft, tmp_path, *with_adapter, "--strength", strength)
        assert (expected - base).abs().max() > 1e-5
        merge(expandft, stories, out, tmp_path / "part", "--strength", strength, "--force")
        assert (logprobs(expandft, tmp_path, "--model", tmp_path / "part") - expected).abs().max() < 1e-4
    facts = json.loads(expandft("inspect", out / "adapter", "--json").stdout)
    widths = json.loads((out / "adapter/adapter_config.json").read_text())["widths"]
    assert facts["neurons_copied"] == widths
    originals = len(widths) * P if name == "mlp" else 0
    assert facts["parameters"] == (sum(widths) + originals) * 3 * H


@pytest.mark.parametrize("layout", ["padded", "remote-code", "deci"])
@pytest.mark.parametrize("name", ["share", "budget", "zero-init"])
def test_every_layout_gives_the_base_back(expandft, runs, stories, tmp_path, read_tensors, name, layout):
    out, _ = runs(name)
    merge(expandft, stories, out, tmp_path / "merged", "--layout", layout)
    if layout == "padded":
        for_all = logprobs(expandft, tmp_path, "--model", out / "merged")
        assert (logprobs(expandft, tmp_path, "--model", tmp_path / "merged") - for_all).abs().max() < 1e-4
    unmerge(expandft, stories, tmp_path / "merged", tmp_path / "base", read_tensors)


@pytest.mark.parametrize("name", REVERSIBLE)
def test_the_base_comes_back_byte_for_byte(expandft, runs, stories, tmp_path, read_tensors, name):
    unmerge(expandft, stories, runs(name)[0] / "merged", tmp_path / "base", read_tensors)


@pytest.mark.parametrize("name", ["share", "budget", "zero-init"])
def test_the_base_comes_back_from_a_gguf_file(expandft, runs, stories, tmp_path, read_tensors, name):
    out, _ = runs(name)
    merge(expandft, stories, out, tmp_path / "merged.gguf", "--gguf-type", "F32")
    unmerge(expandft, stories, tmp_path / "merged.gguf", tmp_path / "base", read_tensors)
    found = logprobs(expandft, tmp_path, "--model", tmp_path / "merged.gguf")  # imported as bfloat16
    assert (found - logprobs(expandft, tmp_path, "--model", out / "merged")).abs().max() < 0.2


def test_what_was_overwritten_or_rounded_is_not_taken_out(expandft, runs, stories, tmp_path):
    merge(expandft, stories, runs("share")[0], tmp_path / "half", "--strength", "0.5")
    for merged in (runs("mlp")[0] / "merged", tmp_path / "half"):
        result = expandft("unmerge", "--model", merged, "--output", tmp_path / "base")
        assert result.rc == 2 and "copies of neurons at strength" in result.stderr


@pytest.mark.parametrize("name", ["budget", "automatic"])
def test_ended_and_resumed_is_the_run_left_alone(expandft, binary, runs, stories, tmp_path, read_tensors, name):
    whole, _ = runs(name)
    config = write_config(tmp_path, stories, **RUNS[name])
    process = start(binary, config)
    wait_for(lambda: has_step(tmp_path / "out", 3), process, may_finish=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=300) in (128 + signal.SIGTERM, 0)
    train(expandft, config, "--resume")
    expected, found = read_tensors(whole / "merged"), read_tensors(tmp_path / "out/merged")
    assert set(expected) == set(found)
    assert all(found[key].equal(tensor) for key, tensor in expected.items())


def interrupted(expandft, tmp_path, stories, **changes):
    """A run with a snapshot and steps to go."""
    config = write_config(tmp_path, stories, **RUNS["number"], **changes, evaluation=None,
                          training__checkpoint_every=2, training__max_steps=4)
    train(expandft, config)
    return config, ("--resume", "--set", "training.max_steps=6")


def test_a_resumed_run_keeps_its_neurons(expandft, stories, tmp_path):
    config, resume = interrupted(expandft, tmp_path, stories)
    file = tmp_path / "out/neurons.safetensors"
    before = file.read_bytes()
    result = train(expandft, config, *resume)
    assert file.read_bytes() == before
    assert "step 6" in result.stderr or "6" in result.stdout


@pytest.mark.parametrize("damage, expected", [
    ("others", "chosen_neurons"), ("missing", "neurons.safetensors"), ("descending", "does not ascend"),
    ("far", "below 172"), ("torn", "neurons.safetensors")])
def test_a_run_is_not_resumed_with_other_neurons(expandft, stories, tmp_path, damage, expected):
    config, resume = interrupted(expandft, tmp_path, stories)
    file = tmp_path / "out/neurons.safetensors"
    tensors = load_file(file)
    name = "model.layers.3.mlp.copy1.neurons"
    if damage == "missing":
        file.unlink()
    elif damage == "torn":
        file.write_bytes(file.read_bytes()[:-8])
    else:
        other = {"others": torch.arange(20, 30), "descending": torch.arange(10).flip(0), "far": torch.arange(10) + P}
        save_file(tensors | {name: other[damage].contiguous()}, file)
    result = train(expandft, config, *resume, rc=2)
    assert expected in result.stderr, result.stderr
    if damage != "others":
        assert "--restart" in result.stderr


def test_each_rule_chooses_its_own_neurons(expandft, runs, stories, tmp_path):
    chosen = [neurons_of(runs("number")[0] / "neurons.safetensors")]
    for rule in ("gradient", "random"):
        config = write_config(tmp_path, stories, **RUNS["number"] | {"expansion__neurons": rule}, output=rule,
                              training__max_steps=1, evaluation=None)
        train(expandft, config)
        chosen.append(neurons_of(tmp_path / rule / "neurons.safetensors"))
    assert all(len(neurons) == 10 for one in chosen for neurons in one.values())
    assert chosen[0] != chosen[1] and chosen[1] != chosen[2] and chosen[0] != chosen[2]


def test_a_dry_run_says_what_will_be_copied(expandft, stories, tmp_path):
    config = write_config(tmp_path, stories, **RUNS["share"])
    result = train(expandft, config, "--dry-run")
    assert f"5 of 5 layers (0-4), copies of 48 of {P} neurons of each MLP: {5 * 48 * 3 * H} new parameters" in result.stdout
    assert "the base's neurons that were copied, gathered" in result.stdout
    assert 'expansion.width' in result.stdout and "25%" in result.stdout
    assert not (tmp_path / "out").exists()
    memory = expandft("inspect", "--memory", "1", "--config", config)
    assert memory.rc == 0 and f"copies of 48 of {P} neurons" in memory.stdout, memory.stderr


def test_an_overview_of_a_run_says_what_was_copied(expandft, runs):
    result = expandft("inspect", runs("share")[0])
    assert result.rc == 0 and "copies of 25% of each MLP's neurons" in result.stdout
    assert "which neurons were copied" in result.stdout


@pytest.mark.parametrize("changes, expected", [
    ({"expansion__width": "0%"}, "a share above 0 %"),
    ({"expansion__width": "150%"}, "a share above 0 %"),
    ({"expansion__width": 1.5}, "a number of neurons"),
    ({"expansion__width": "5M"}, '{"parameters": N}'),
    ({"expansion__width": {"parameters": "5 M"}}, "500K"),
    ({"expansion__width": "25%", "expansion__copies": 3}, "expansion.copies to be 2"),
    ({"expansion__width": 173}, "173 neurons are to be copied in layer 3, whose MLP has 172"),
    ({"expansion__width": {"parameters": 100}}, "less than 16 neurons take: 3072"),
    ({"expansion__width": "25%", "expansion__neurons": "best"}, "saliency"),
    ({"expansion__width": "25%", "training__shard_base": True}, "shard_base"),
    ({"expansion__width": {"parameters": "20K"}, "expansion__layers": "all", "layout": "native"}, "a budget is spread"),
    ({"expansion__width": 16, "layout": "native"}, "every layer grows"),
])
@pytest.mark.parametrize("command", ["train", "validate"])
def test_bad_widths_are_named(expandft, stories, tmp_path, changes, expected, command):
    config = write_config(tmp_path, stories, **changes)
    result = expandft("validate", config) if command == "validate" else train(expandft, config, rc=2)
    assert result.rc == 2
    assert expected in result.stderr + result.stdout, result.stderr + result.stdout
    assert not (tmp_path / "out").exists()


def test_a_width_that_says_nothing_is_told(expandft, stories, tmp_path):
    config = write_config(tmp_path, stories, method="lora", expansion__width="25%")
    result = expandft("validate", config)
    assert result.rc == 0 and "expansion.width says nothing with" in result.stderr + result.stdout


def expand(expandft, stories, output, *arguments, rc=0):
    result = expandft("expand", "--model", stories, "--output", output, "--device", "cpu", *arguments)
    assert result.rc == rc, result.stderr
    return result


def test_expand_draws_by_its_seed(expandft, stories, tmp_path, read_tensors):
    def grown(name, *arguments):
        facts = json.loads(expand(expandft, stories, tmp_path / name, "--layers", "all", "--width", "25%", "--json",
                                  *arguments).stdout)
        assert facts["neurons_copied"] == [48] * 5 and facts["layout"] == "native"
        assert facts["split_form"]["identical"] is True
        assert facts["new_parameters"] == 5 * 48 * 3 * H
        return neurons_of(tmp_path / name / "expandft.neurons")

    one, same, other = grown("a"), grown("b", "--seed", "7"), grown("c", "--seed", "8")
    assert one == same and all(one[layer] != other[layer] for layer in one)
    unmerge(expandft, stories, tmp_path / "a", tmp_path / "base", read_tensors)
    # The neurons that share their column with the copy: half of it each.
    base, grown_down = (read_tensors(folder)["model.layers.2.mlp.down_proj.weight"] for folder in (stories, tmp_path / "a"))
    neurons = one[2]
    expected = base.clone()
    expected[:, neurons] *= 0.5
    assert grown_down[:, :P].equal(expected) and grown_down[:, P:].equal(base[:, neurons] * 0.5)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_expands_in_every_dtype(expandft, tmp_path, tiny_model, dtype):
    result = expand(expandft, tiny_model(dtype=dtype), tmp_path / "out", "--layers", "0,2", "--width", "12.5%", "--json")
    assert json.loads(result.stdout)["split_form"]["identical"] is True


def test_expand_chooses_by_the_data_of_a_config(expandft, runs, stories, tmp_path):
    out, _ = runs("budget")
    config = write_config(tmp_path, stories, **RUNS["budget"])
    expand(expandft, stories, tmp_path / "grown", "--config", config, "--threads", "1")
    assert neurons_of(tmp_path / "grown/expandft.neurons") == neurons_of(out / "neurons.safetensors")
    # Programs may take every file with this ending for weights.
    assert [file.name for file in (tmp_path / "grown").glob("*.safetensors")] == ["model.safetensors"]


def test_expand_takes_a_budget(expandft, stories, tmp_path):
    facts = json.loads(expand(expandft, stories, tmp_path / "out", "--layers", "all", "--width", "0.02M", "--json").stdout)
    assert sum(facts["neurons_copied"]) * 3 * H <= 20000 and facts["layout"] == "padded"
    refused = expand(expandft, stories, tmp_path / "no", "--layers", "all", "--width", "half", rc=2)
    assert 'found "half"' in refused.stderr and "--width" in refused.stderr
    refused = expand(expandft, stories, tmp_path / "no", "--layers", "all", "--width", "25%", "--copies", "3", rc=2)
    assert "expansion.copies is 3" in refused.stderr


def test_a_narrowly_grown_model_grows_again(expandft, stories, tmp_path, read_tensors):
    once = tmp_path / "once"
    expand(expandft, stories, once, "--layers", "all", "--width", "25%")
    config = write_config(tmp_path, once, expansion__width="25%", expansion__layers="all", training__max_steps=3)
    train(expandft, config)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "out/merged")
    assert merged.config.intermediate_size == P + 48 + 48  # a quarter of 172, and of 220, in tiles of 16
    unmerge(expandft, once, tmp_path / "out/merged", tmp_path / "base", read_tensors)


def test_a_hostile_adapter_is_refused(expandft, runs, stories, tmp_path):
    shutil.copytree(runs("number")[0] / "adapter", tmp_path / "adapter")
    file = tmp_path / "adapter/adapter_model.safetensors"
    tensors = load_file(file)
    with safe_open(file, "pt") as opened:
        metadata = opened.metadata()
    for neurons, expected in ((torch.arange(10) + 163, "copies neuron 172 of layer 3, whose MLP has 172"),
                              (torch.arange(10).flip(0), "does not ascend"),
                              (torch.arange(9), "does not have the shape"),
                              (torch.arange(10, dtype=torch.int32), "I32")):
        save_file(tensors | {"model.layers.3.mlp.copy1.neurons": neurons.contiguous()}, file, metadata=metadata)
        result = expandft("merge", "--model", stories, "--adapter", tmp_path / "adapter", "--output", tmp_path / "merged")
        assert result.rc == 2 and expected in result.stderr, result.stderr
        assert not (tmp_path / "merged").exists()


def test_merge_within_a_budget_of_forgetting(expandft, runs, stories, tmp_path):
    out, _ = runs("share")
    folder = out.parent
    result = merge(expandft, stories, out, tmp_path / "kept", "--max-drop", "50%", "--tasks",
                   folder / "stories.json")
    assert "strength" in result.stdout
    assert (tmp_path / "kept/config.json").exists()
