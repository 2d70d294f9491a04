"""expandft train with every method: what it writes, where that loads, and strength."""

import json
import shutil
import signal

import pytest
import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from live_runs import has_step, start, wait_for
from training import METHODS, events, runs_of, train, unmerge, write_config

IDS = [1, 403, 407, 261, 378, 432, 417, 293, 260, 276, 401, 285]
WITH_ADAPTER = ["new", "new-k3", "mlp", "zero-init", "lora"]


def logprobs(expandft, folder, *arguments):
    """Log-probabilities of IDS from the second on, from `expandft score`."""
    ids = folder / "ids.json"
    ids.write_text(json.dumps(IDS))
    result = expandft("score", "--ids", ids, "--device", "cpu", *arguments)
    assert result.rc == 0, result.stderr
    return torch.tensor([json.loads(line)["logprob"] for line in result.stdout.splitlines()[1:]], dtype=torch.float64)


def logprobs_of(model):
    with torch.no_grad():
        logits = model(torch.tensor([IDS])).logits[0]
    return logits[:-1].double().log_softmax(-1).gather(1, torch.tensor(IDS[1:])[:, None]).flatten()


@pytest.fixture(scope="module")
def runs(expandft, stories, tmp_path_factory):
    return runs_of(METHODS, expandft, stories, tmp_path_factory)


@pytest.mark.parametrize("name", METHODS)
def test_learns_and_its_merged_model_loads_in_transformers(expandft, runs, stories, tmp_path, name):
    out, result = runs(name)
    steps = events(out, "train")
    assert steps[-1]["loss"] < steps[0]["loss"]
    assert (out / "adapter").exists() == (name in WITH_ADAPTER)
    assert ("adapter" in result.stdout) == (name in WITH_ADAPTER)
    assert "original" in result.stdout

    model = AutoModelForCausalLM.from_pretrained(out / "merged")
    found = logprobs(expandft, tmp_path, "--model", out / "merged")
    assert (found - logprobs_of(model)).abs().max() < 1e-4
    assert (found - logprobs(expandft, tmp_path, "--model", stories)).abs().max() > 1e-3
    layers = 7 if name == "llama-pro" else 5
    assert model.config.num_hidden_layers == layers
    card = (out / "merged" / "README.md").read_text()
    assert f'"method": "{name.removesuffix("-k3")}"' in card


@pytest.mark.parametrize("name", WITH_ADAPTER)
def test_adapter_and_base_are_the_merged_model(expandft, runs, stories, tmp_path, name):
    out, _ = runs(name)
    with_adapter = ("--model", stories, "--adapter", out / "adapter")
    merged = logprobs(expandft, tmp_path, "--model", out / "merged")
    base = logprobs(expandft, tmp_path, "--model", stories)
    assert (logprobs(expandft, tmp_path, *with_adapter) - merged).abs().max() < 1e-4
    assert logprobs(expandft, tmp_path, *with_adapter, "--strength", "0").equal(base)
    half = logprobs(expandft, tmp_path, *with_adapter, "--strength", "0.5")
    assert (half - base).abs().max() > 1e-4 and (half - merged).abs().max() > 1e-4

    result = expandft("merge", "--model", stories, "--adapter", out / "adapter", "--strength", "0.5",
                      "--output", tmp_path / "half", "--device", "cpu")
    assert result.rc == 0, result.stderr
    assert (logprobs(expandft, tmp_path, "--model", tmp_path / "half") - half).abs().max() < 1e-4
    facts = json.loads(expandft("inspect", out / "adapter", "--json").stdout)
    assert facts["kind"] == "adapter" and facts["parameters"] > 0


@pytest.mark.parametrize("name", ["full", "lora"])
def test_what_rounding_does_to_a_merged_model_is_told(expandft, stories, read_tensors, tmp_path, name):
    """With a bfloat16 base, logits differ from those in memory; the log says why, and how much is expected."""
    shutil.copytree(stories, tmp_path / "base")
    tensors = {key: tensor.bfloat16() for key, tensor in read_tensors(stories).items()}
    save_file(tensors, tmp_path / "base/model.safetensors", metadata={"format": "pt"})
    config = write_config(tmp_path, tmp_path / "base", **METHODS[name], evaluation=None)
    told = "rounding of the weights to bfloat16 explains it"
    assert told in train(expandft, config).stderr
    if name == "lora":
        merged = expandft("merge", "--model", tmp_path / "base", "--adapter", tmp_path / "out/adapter", "--output",
                          tmp_path / "merged", "--device", "cpu")
        assert merged.rc == 0 and told in merged.stdout


@pytest.mark.parametrize("name", ["new", "zero-init"])
def test_the_base_comes_back_byte_for_byte(expandft, runs, stories, tmp_path, read_tensors, name):
    unmerge(expandft, stories, runs(name)[0] / "merged", tmp_path / "base", read_tensors)


@pytest.mark.parametrize("name", ["mlp", "new-k3"])
def test_what_was_overwritten_or_rounded_is_not_taken_out(expandft, runs, tmp_path, name):
    out, _ = runs(name)
    result = expandft("unmerge", "--model", out / "merged", "--output", tmp_path / "base")
    assert result.rc == 2 and "cannot be undone" in result.stderr
    assert not (tmp_path / "base").exists()


def test_frozen_tensors_keep_their_bytes(runs, stories, read_tensors):
    base = read_tensors(stories)
    last = read_tensors(runs("last:2")[0] / "merged")
    changed = {name for name, tensor in base.items() if not last[name].equal(tensor)}
    assert changed == {name for name in base if name.startswith(("model.layers.3.", "model.layers.4."))}
    pro = read_tensors(runs("llama-pro")[0] / "merged")  # layers 3 and 4, each followed by an added layer
    for name, tensor in base.items():
        moved = name.replace("model.layers.4.", "model.layers.5.")
        assert pro[moved].equal(tensor), name
    full = read_tensors(runs("full")[0] / "merged")
    assert all(not full[name].equal(tensor) for name, tensor in base.items())


def test_peft_loads_the_lora_adapter(expandft, runs, stories, tmp_path):
    out, _ = runs("lora")
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(stories), str(out / "adapter"))
    found = logprobs(expandft, tmp_path, "--model", stories, "--adapter", out / "adapter")
    assert (found - logprobs_of(model)).abs().max() < 1e-4
    config = model.peft_config["default"]
    assert config.r == 4 and config.lora_alpha == 8
    assert set(config.target_modules) == {f"{p}_proj" for p in ("q", "k", "v", "o", "gate", "up", "down")}


@pytest.mark.parametrize("name", ["gqa", "phi3"])
def test_an_adapter_of_peft_is_attached_and_merged(expandft, source, tmp_path, name):
    base = source / "tests/golden/models" / name
    adapter = base / "peft-adapter"
    ids = [i % 60 + 3 for i in IDS]
    (tmp_path / "own.json").write_text(json.dumps(ids))
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), str(adapter))
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    expected = logits[:-1].double().log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None]).flatten()
    merged = tmp_path / "merged"
    result = expandft("merge", "--model", base, "--adapter", adapter, "--output", merged, "--device", "cpu")
    assert result.rc == 0, result.stderr
    for arguments in (("--model", base, "--adapter", adapter), ("--model", merged)):
        result = expandft("score", *arguments, "--ids", tmp_path / "own.json", "--device", "cpu")
        assert result.rc == 0, result.stderr
        found = [json.loads(line)["logprob"] for line in result.stdout.splitlines()[1:]]
        assert (torch.tensor(found, dtype=torch.float64) - expected).abs().max() < 1e-4


@pytest.mark.parametrize("change, expected", [
    ({"use_dora": True}, "use_dora"), ({"r": 0}, '"r" is 0'), ({"peft_type": "IA3"}, '"LORA"'),
    ({"r": 5}, "the rank is 5"), ({"bias": "all"}, '"bias"')])
def test_what_peft_knows_and_we_do_not_is_refused(expandft, source, tmp_path, change, expected):
    base = source / "tests/golden/models/gqa"
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes((base / "peft-adapter/adapter_model.safetensors").read_bytes())
    config = json.loads((base / "peft-adapter/adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | change))
    result = expandft("merge", "--model", base, "--adapter", adapter, "--output", tmp_path / "out")
    assert result.rc == 2 and expected in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()


def test_a_lora_adapter_belongs_to_its_base(expandft, runs, source, tmp_path):
    out, _ = runs("lora")
    result = expandft("merge", "--model", source / "tests/golden/models/gqa", "--adapter", out / "adapter",
                      "--output", tmp_path / "out")
    assert result.rc == 2 and "another base" in result.stderr, result.stderr


@pytest.mark.parametrize("name", METHODS)
def test_ended_and_resumed_is_the_run_left_alone(expandft, binary, runs, stories, tmp_path, read_tensors, name):
    whole, _ = runs(name)
    config = write_config(tmp_path, stories, **METHODS[name])
    # A signal ends it after the third step.
    process = start(binary, config)
    wait_for(lambda: has_step(tmp_path / "out", 3), process, may_finish=True)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=300) in (128 + signal.SIGTERM, 0)
    train(expandft, config, "--resume")
    expected, found = read_tensors(whole / "merged"), read_tensors(tmp_path / "out" / "merged")
    assert set(expected) == set(found)
    assert all(found[key].equal(tensor) for key, tensor in expected.items())


@pytest.mark.parametrize("name", ["full", "lora", "mlp"])
def test_retention_holds_every_method(expandft, stories, tmp_path, name):
    config = write_config(tmp_path, stories, **METHODS[name],
                          retention={"weight": 2.0, "text": "stories.txt", "batch_size": 2})
    train(expandft, config)
    divergences = [line["retention"] for line in events(tmp_path / "out", "train")]
    assert divergences[0] == 0 and max(divergences) > 1e-5


def test_three_copies_say_how_far_their_noise_goes(expandft, runs):
    _, result = runs("new-k3")
    assert "made different by zero-sum noise" in result.stderr


def test_layers_are_chosen_by_a_probe(expandft, stories, tmp_path):
    config = write_config(tmp_path, stories, expansion__layers={"auto": 2})
    ranked = expandft("inspect", "--rank-layers", "--config", config, "--json", "--device", "cpu", "--threads", "1")
    assert ranked.rc == 0, ranked.stderr
    ranking = json.loads(ranked.stdout)
    assert sorted(one["layer"] for one in ranking) == list(range(5))
    assert [one["score"] for one in ranking] == sorted((one["score"] for one in ranking), reverse=True)
    table = expandft("inspect", "--rank-layers", "--config", config, "--device", "cpu")
    assert table.rc == 0 and "gradient / weights" in table.stdout

    result = train(expandft, config)
    assert json.loads((tmp_path / "out/layer_ranking.json").read_text()) == ranking
    assert "layers by gradient / weights" in result.stderr
    adapter = json.loads((tmp_path / "out/adapter/adapter_config.json").read_text())
    assert adapter["layers"] == sorted(one["layer"] for one in ranking[:2])


@pytest.mark.parametrize("changes, expected", [
    ({"method": "last:6"}, '"last:6" needs more layers'),
    ({"method": "lora", "lora__targets": ["qkv_proj"]}, "no projection"),
    ({"method": "zero-init", "expansion__copies": 3}, "expected 2"),
    ({"expansion__layers": {"auto": 6}}, "6 layers are asked for"),
    ({"method": "llama-pro", "expansion__layers": "last:9"}, "out of range")])
def test_methods_that_do_not_fit_the_model_are_named(expandft, stories, tmp_path, changes, expected):
    result = train(expandft, write_config(tmp_path, stories, **changes), rc=2)
    assert expected in result.stderr, result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["new", "mlp", "lora"])
def test_strength_may_be_a_line_over_depth(expandft, runs, stories, tmp_path, name):
    out, _ = runs(name)
    with_adapter = ("--model", stories, "--adapter", out / "adapter")
    sloped = logprobs(expandft, tmp_path, *with_adapter, "--strength", "0.2:0.8")
    assert (sloped - logprobs(expandft, tmp_path, *with_adapter, "--strength", "0.8:0.2")).abs().max() > 1e-5
    assert logprobs(expandft, tmp_path, *with_adapter, "--strength", "0.5:0.5").equal(
        logprobs(expandft, tmp_path, *with_adapter, "--strength", "0.5"))
    merged = tmp_path / "merged"
    result = expandft("merge", "--model", stories, "--adapter", out / "adapter", "--strength", "0.2:0.8",
                      "--output", merged, "--device", "cpu")
    assert result.rc == 0, result.stderr
    assert "at strength 0.2:0.8" in result.stdout
    assert (logprobs(expandft, tmp_path, "--model", merged) - sloped).abs().max() < 1e-4
    result = expandft("score", *with_adapter, "--strength", "0.2:1.8", "--ids", tmp_path / "ids.json")
    assert result.rc == 2 and "0.2:1.8" in result.stderr


@pytest.mark.parametrize("name", ["new", "full"])
def test_strengths_of_another_number_of_layers_are_refused_at_the_start(expandft, stories, tmp_path, name):
    config = write_config(tmp_path, stories, **METHODS[name], strength=[0.1, 0.2, 0.3])
    for result in (expandft("validate", config), train(expandft, config, rc=2)):
        assert result.rc == 2
        told = result.stdout + result.stderr
        assert "3 numbers" in told and "5 layers" in told
    assert not (tmp_path / "out").exists()
