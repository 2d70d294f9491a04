"""Unused content of model files gives a notice, once per command, in dry run and report; --strict refuses it."""

import json
import shutil

import pytest

UNKNOWN = "odd_field"


@pytest.fixture
def model(stories, tmp_path):
    """A copy of the model whose config has an unknown field."""
    copy = tmp_path / "model"
    shutil.copytree(stories, copy)
    edit_config(copy, odd_field=3)
    return copy


def edit_config(model, **fields):
    file = model / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


@pytest.fixture
def run_config(model, tmp_path):
    (tmp_path / "text.txt").write_text("Once upon a time there was a model that nobody knew.\n" * 40)
    config = tmp_path / "run.json"
    config.write_text(json.dumps({
        "model": str(model), "output": str(tmp_path / "run"), "expansion": {"layers": "last:1"},
        "data": {"train": "text.txt", "max_length": 32}, "training": {"max_steps": 2, "batch_size": 2}}))
    return config


def commands(model, tmp_path):
    (tmp_path / "ids.json").write_text("[1, 403, 407]")
    return {
        "score": ["score", "--model", model, "--ids", tmp_path / "ids.json"],
        "generate": ["generate", "--model", model, "--prompt", "Once", "--max-tokens", 2],
        "expand": ["expand", "--model", model, "--output", tmp_path / "grown", "--layers", "last:1"],
        "inspect": ["inspect", model],
        "eval": ["eval", "--model", model, "--base", model, "--tasks", "tinystories", "--limit", 2, "--no-cache"],
    }


@pytest.mark.parametrize("command", ["score", "generate", "expand", "inspect", "eval"])
def test_a_field_that_nobody_knows_is_named_once(expandft, model, tmp_path, command):
    done = expandft(*commands(model, tmp_path)[command])
    assert done.rc == 0, done.stderr
    assert done.stderr.count(UNKNOWN) == 1, done.stderr
    assert "config.json" in done.stderr
    assert UNKNOWN not in done.stdout


@pytest.mark.parametrize("command", ["score", "generate", "expand", "inspect", "eval"])
def test_strict_refuses_it(expandft, model, tmp_path, command):
    done = expandft("--strict", *commands(model, tmp_path)[command])
    assert done.rc == 2
    assert UNKNOWN in done.stderr and "--strict" in done.stderr
    assert not (tmp_path / "grown").exists()


def test_a_run_tells_it_in_dry_run_log_report_and_summary(expandft, run_config, model, tmp_path):
    edit_config(model, attention_dropout=0.1)
    dry = expandft("train", "--config", run_config, "--dry-run")
    assert dry.rc == 0, dry.stderr
    assert UNKNOWN in dry.stdout and "without dropout" in dry.stdout
    done = expandft("train", "--config", run_config)
    assert done.rc == 0, done.stderr
    assert done.stderr.count(UNKNOWN) == 1
    warnings = json.loads((tmp_path / "run/summary.json").read_text())["warnings"]
    assert [UNKNOWN in text for text in warnings].count(True) == 1
    assert UNKNOWN in (tmp_path / "run/report.html").read_text()
    merged = expandft("merge", "--model", model, "--adapter", tmp_path / "run/adapter", "--output", tmp_path / "merged")
    assert merged.rc == 0, merged.stderr
    assert merged.stderr.count(UNKNOWN) == 1


def test_strict_keeps_a_run_from_beginning(expandft, run_config, tmp_path):
    done = expandft("--strict", "train", "--config", run_config)
    assert done.rc == 2 and UNKNOWN in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_head_of_its_own_counts_though_the_config_ties_it(expandft, model, tmp_path):
    """Like transformers 5.24, and so does the written model."""
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM

    tensors = load_file(model / "model.safetensors")
    torch.manual_seed(0)
    tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"] + 0.1 * torch.randn(512, 64)
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    ids = [1, 403, 407, 261, 378, 31]
    (tmp_path / "six.json").write_text(json.dumps(ids))
    expected = reference_log_probs(AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32), ids)

    assert expandft("expand", "--model", model, "--output", tmp_path / "grown", "--layers", "all").rc == 0
    for directory in (model, tmp_path / "grown"):
        done = expandft("score", "--model", directory, "--ids", tmp_path / "six.json")
        assert done.rc == 0 and done.stderr.count("lm_head.weight") == 1, done.stderr
        found = [json.loads(line).get("logprob") for line in done.stdout.splitlines()][1:]
        assert found == pytest.approx(expected, abs=2e-3)


def reference_log_probs(model, ids):
    import torch

    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0]
    return logits.log_softmax(-1)[:-1].gather(1, torch.tensor(ids)[1:, None])[:, 0].tolist()
