"""Every layout of a merged model computes the base's function in transformers, for every golden model."""

import json

import pytest
import torch
from golden_models import (MODELS, NAMES, describe_difference, flat_logits, golden, load_in_transformers, logits_of,
                           read_config, tensors_of)
from transformers import AutoModelForCausalLM, dynamic_module_utils

TOLERANCE = 1e-4  # to the base: the wide MLP sums in another order
SAME = 1e-5       # between layouts: only the padding differs
# transformers renames tensors of these for its own classes only.
RENAMED = {"llava": "language_model.lm_head.weight", "mistral3": "language_model.lm_head.weight",
           "qwen2-vl": "model.embed_tokens.weight"}
REMOTE = [name for name in NAMES if name not in RENAMED]
STORY = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. " * 6


@pytest.fixture(autouse=True)
def modules_cache(tmp_path, monkeypatch):
    """Keeps transformers' remote code out of the user's cache."""
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))


def run(expandft, *arguments):
    result = expandft(*arguments)
    assert result.rc == 0, result.stderr
    return result.stdout


def expand(expandft, name, output, layout, layers="1", copies=2):
    run(expandft, "expand", "--model", MODELS / name, "--output", output, "--layers", layers, "--copies", copies,
        "--layout", layout, "--device", "cpu")
    return output


def load_remote_code(directory):
    model, report = AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", trust_remote_code=True,
        output_loading_info=True)
    assert {kind: found for kind, found in report.items() if found} == {}
    return model.eval()


@torch.no_grad()
def logits_with(model, name):
    base = golden(name)
    return flat_logits(model, base["ids"], base["offsets"])


def check_close(found, expected, tolerance):
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=0)


def decoder_config(directory):
    config = read_config(directory)
    return config.get("text_config", config)


@pytest.mark.parametrize("name", NAMES)
def test_native(expandft, tmp_path, name):
    output = expand(expandft, name, tmp_path / "grown", "native", "all")
    base = golden(name)
    check_close(logits_of(output, base["ids"], base["offsets"]), base["logits"], TOLERANCE)


@pytest.mark.parametrize("name", NAMES)
def test_narrow_native(expandft, tmp_path, name):
    """A quarter of the neurons of every layer is copied: the share is the same in wide layers."""
    run(expandft, "expand", "--model", MODELS / name, "--output", tmp_path / "grown", "--layers", "all", "--width", "25%",
        "--layout", "native", "--device", "cpu")
    base = golden(name)
    check_close(logits_of(tmp_path / "grown", base["ids"], base["offsets"]), base["logits"], TOLERANCE)
    own, wide = ([layer.mlp.down_proj.in_features for layer in load_in_transformers(folder).get_decoder().layers]
                 for folder in (MODELS / name, tmp_path / "grown"))
    assert wide == [width + width // 4 for width in own]


@pytest.mark.parametrize("name", REMOTE)
def test_narrow_padded_and_remote_code(expandft, tmp_path, name):
    for layout in ("padded", "remote-code"):
        run(expandft, "expand", "--model", MODELS / name, "--output", tmp_path / layout, "--layers", "1", "--width", "9",
            "--layout", layout, "--device", "cpu")
    base = golden(name)
    padded = logits_of(tmp_path / "padded", base["ids"], base["offsets"])
    check_close(padded, base["logits"], TOLERANCE)
    model = load_remote_code(tmp_path / "remote-code")
    check_close(logits_with(model, name), padded, SAME)
    own, widths = ([layer.mlp.down_proj.in_features for layer in one.get_decoder().layers]
                   for one in (load_in_transformers(MODELS / name), model))
    assert widths == [width + 9 if i == 1 else width for i, width in enumerate(own)]


@pytest.mark.parametrize("name", RENAMED)
def test_tensors_that_transformers_renames(expandft, tmp_path, name):
    base = golden(name)
    padded = expand(expandft, name, tmp_path / "padded", "padded")
    check_close(logits_of(padded, base["ids"], base["offsets"]), base["logits"], TOLERANCE)
    result = expandft("expand", "--model", MODELS / name, "--output", tmp_path / "remote", "--layers", "1", "--layout",
                      "remote-code", "--device", "cpu")
    assert result.rc == 2 and RENAMED[name] in result.stderr and "padded" in result.stderr


@pytest.mark.parametrize("copies", [2, 3])
@pytest.mark.parametrize("name", REMOTE)
def test_padded_and_remote_code(expandft, tmp_path, name, copies):
    padded = expand(expandft, name, tmp_path / "padded", "padded", "1", copies)
    remote = expand(expandft, name, tmp_path / "remote", "remote-code", "1", copies)
    base = golden(name)
    expected = logits_of(padded, base["ids"], base["offsets"])
    check_close(expected, base["logits"], TOLERANCE)
    model = load_remote_code(remote)
    found = logits_with(model, name)
    check_close(found, expected, SAME)
    check_close(found, base["logits"], TOLERANCE)

    p = decoder_config(MODELS / name)["intermediate_size"]
    own, widths = ([layer.mlp.down_proj.in_features for layer in one.get_decoder().layers]
                   for one in (load_in_transformers(MODELS / name), model))
    assert widths == [copies * width if i == 1 else width for i, width in enumerate(own)]
    config = decoder_config(remote)
    assert config["layer_intermediate_sizes"] == widths
    assert config["intermediate_size"] == p
    assert read_config(remote)["model_type"] == read_config(MODELS / name)["model_type"]
    sizes = [sum(tensor.numel() for tensor in tensors_of(directory).values())
             for directory in (MODELS / name, remote, padded)]
    assert sizes[0] < sizes[1] < sizes[2]


@pytest.mark.parametrize("name", REMOTE)
def test_remote_code_is_saved_and_loaded_by_transformers(expandft, tmp_path, name):
    model = load_remote_code(expand(expandft, name, tmp_path / "remote", "remote-code"))
    model.save_pretrained(tmp_path / "saved")
    check_close(logits_with(load_remote_code(tmp_path / "saved"), name), logits_with(model, name), SAME)


@pytest.mark.parametrize("name", REMOTE)
def test_remote_code_without_weights(expandft, tmp_path, name):
    """A model built from the config alone initialises every MLP like the family's."""
    config = load_remote_code(expand(expandft, name, tmp_path / "remote", "remote-code")).config
    model = AutoModelForCausalLM.from_config(config, trust_remote_code=True)
    for layer in model.get_decoder().layers:
        std = layer.mlp.down_proj.weight.std().item()
        assert std == pytest.approx(config.get_text_config().initializer_range, rel=0.2)


def test_remote_code_needs_trust(expandft, tmp_path):
    """Stock code refuses it as a model of one width."""
    output = expand(expandft, "gqa", tmp_path / "remote", "remote-code")
    with pytest.raises(RuntimeError, match="size mismatch|mismatch"):
        AutoModelForCausalLM.from_pretrained(output, trust_remote_code=False)


@pytest.mark.parametrize("name", REMOTE)
def test_expandft_reads_remote_code(expandft, tmp_path, name):
    remote = expand(expandft, name, tmp_path / "remote", "remote-code")
    base = golden(name)
    ids = base["ids"][:17].tolist()
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    lines = run(expandft, "score", "--model", remote, "--ids", tmp_path / "ids.json", "--device", "cpu").splitlines()
    found = torch.tensor([json.loads(line)["logprob"] for line in lines[1:]], dtype=torch.float64)
    expected = base["logits"][:16].double().log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None]).flatten()
    check_close(found, expected, TOLERANCE)

    facts = json.loads(run(expandft, "inspect", remote, "--json"))
    assert facts["layer_intermediate_sizes"] == decoder_config(remote)["layer_intermediate_sizes"]
    assert facts["expansion"]["layout"] == "remote-code"
    assert facts["loads_in"]["transformers"] == "with trust_remote_code"
    assert facts["loads_in"]["llama.cpp"] == "no"


@pytest.mark.parametrize(("layers", "copies"), [("1", 2), ("all", 4)])
@pytest.mark.parametrize("name", REMOTE)
def test_unmerge_of_remote_code(expandft, tmp_path, name, layers, copies):
    remote = expand(expandft, name, tmp_path / "remote", "remote-code", layers, copies)
    run(expandft, "unmerge", "--model", remote, "--output", tmp_path / "back")
    expected, found = tensors_of(MODELS / name), tensors_of(tmp_path / "back")
    assert expected.keys() == found.keys()
    for key, tensor in expected.items():
        assert describe_difference(tensor, found[key]) == "", key
    assert (tmp_path / "back/config.json").read_bytes() == (MODELS / name / "config.json").read_bytes()
    assert not (tmp_path / "back/modeling_expandft.py").exists()


@pytest.mark.parametrize("name", ["gqa", "bias", "gemma2", "mistral", "qwen2", "qwen3", "phi3"])
def test_deci_is_refused(expandft, tmp_path, name):
    result = expandft("expand", "--model", MODELS / name, "--output", tmp_path / "out", "--layers", "1",
                      "--layout", "deci", "--device", "cpu")
    assert result.rc == 2
    assert "DeciLM does not support" in result.stderr and "remote-code" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("layout", ["remote-code", "deci"])
def test_every_verb_works_on_stories(expandft, tmp_path, stories, layout):
    """generate, score and eval give the same as on the base, and so does the base after unmerge."""
    grown = tmp_path / "grown"
    run(expandft, "expand", "--model", stories, "--output", grown, "--layers", "1,3", "--layout", layout,
        "--device", "cpu")
    prompt = ("generate", "--prompt", "Once upon a time", "--temperature", "0", "--max-tokens", "40", "--device", "cpu")
    assert run(expandft, *prompt, "--model", grown) == run(expandft, *prompt, "--model", stories)
    (tmp_path / "lily.txt").write_text(STORY)
    task = tmp_path / "lily.json"
    task.write_text(json.dumps({"name": "lily", "type": "perplexity", "data": "lily.txt", "block_length": 32}))
    compared = json.loads(run(expandft, "eval", "--model", grown, "--base", stories, "--tasks", task, "--json", "-",
                              "--device", "cpu"))
    assert compared["original_tasks"][0]["difference"] == pytest.approx(0, abs=1e-5)
    result = expandft("expand", "--model", grown, "--output", tmp_path / "twice", "--layers", "all", "--device", "cpu")
    assert result.rc == 2 and "already expanded" in result.stderr
    run(expandft, "unmerge", "--model", grown, "--output", tmp_path / "back")
    assert tensors_of(tmp_path / "back").keys() == tensors_of(stories).keys()
    facts = json.loads(run(expandft, "inspect", grown, "--json"))
    assert facts["loads_in"]["expandft"] == "yes"
    if layout == "deci":
        assert facts["layer_intermediate_sizes"] == [256, 512, 256, 512, 256]
        assert facts["loads_in"]["llama.cpp"].startswith("yes")


def test_deci_config(expandft, tmp_path, stories):
    grown = tmp_path / "grown"
    run(expandft, "expand", "--model", stories, "--output", grown, "--layers", "0", "--copies", "3", "--layout", "deci",
        "--device", "cpu")
    config = read_config(grown)
    assert config["model_type"] == "nemotron-nas"
    assert config["architectures"] == ["DeciLMForCausalLM"]
    widths = []
    for block in config["block_configs"]:
        assert block["attention"] == {"n_heads_in_group": 2, "no_op": False, "replace_with_linear": False}
        ffn = block["ffn"]
        assert (ffn["no_op"], ffn["replace_with_linear"]) == (False, False)
        assert isinstance(ffn["ffn_mult"], float)
        width = int(2 * ffn["ffn_mult"] * config["hidden_size"] / 3)
        widths.append((width + 255) // 256 * 256)
    assert widths == [768, 256, 256, 256, 256]
    tensors = tensors_of(grown)
    for i, width in enumerate(widths):
        assert tensors[f"model.layers.{i}.mlp.gate_proj.weight"].shape == (width, 64)
        assert not tensors[f"model.layers.{i}.mlp.down_proj.weight"][:, (516 if i == 0 else 172):].any()


@pytest.mark.parametrize("layout", ["remote-code", "deci"])
def test_train_and_merge_write_it(expandft, tmp_path, stories, layout):
    """A trained model in the layout that its run config names, and the same merged again, give the same logits."""
    (tmp_path / "story.txt").write_text(STORY)
    config = {"model": str(stories), "output": "run", "expansion": {"layers": [1, 3], "copies": 2}, "layout": layout,
              "data": {"train": "story.txt", "max_length": 32},
              "training": {"max_steps": 3, "batch_size": 4, "learning_rate": 0.01, "lr_scheduler": "constant", "warmup": 0}}
    (tmp_path / "run.json").write_text(json.dumps(config))
    run(expandft, "train", "--config", tmp_path / "run.json", "--device", "cpu")
    trained = tmp_path / "run/merged"
    facts = json.loads(run(expandft, "inspect", trained, "--json"))
    assert facts["expansion"]["layout"] == layout
    assert layout in (trained / "README.md").read_text()
    widths = {"remote-code": [172, 344, 172, 344, 172], "deci": [256, 512, 256, 512, 256]}[layout]
    assert facts["layer_intermediate_sizes"] == widths

    for other in ("padded", layout):
        run(expandft, "merge", "--model", stories, "--adapter", tmp_path / "run/adapter", "--output", tmp_path / other,
            "--layout", other, "--device", "cpu")
    again, before = tensors_of(tmp_path / layout), tensors_of(trained)
    assert all(torch.equal(again[key], tensor) for key, tensor in before.items())
    if layout == "remote-code":
        ids, offsets = torch.arange(3, 60, dtype=torch.int32), torch.tensor([0, 57])
        expected = logits_of(tmp_path / "padded", ids, offsets)
        with torch.no_grad():
            check_close(flat_logits(load_remote_code(trained), ids, offsets), expected, SAME)
        assert (expected - logits_of(stories, ids, offsets)).abs().max() > 0.1, "it learned nothing"
