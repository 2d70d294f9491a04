"""Token weights, retention's texts and losses, the average of the weights, and learning rates by projection."""

import json

import pytest
from safetensors.numpy import load_file

from ranks import run_ranks
from training import METHODS, events, train, write_config

STEPS = dict(training__max_steps=4, evaluation=None)
FEW = {"samples": 6, "sample_length": 24, "batch_size": 4}
RULES = ["eaft", "dft", "stm"]


def adapter(folder):
    return load_file(folder / "out/adapter/adapter_model.safetensors")


def farthest(found, expected):
    assert found.keys() == expected.keys()
    return max(abs(found[name] - expected[name]).max() for name in found)


def made(expandft, tmp_path, stories, name, *arguments, **changes):
    """The folder of a finished run, and the program's result."""
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    return folder, train(expandft, write_config(folder, stories, **(STEPS | changes)), *arguments)


@pytest.mark.parametrize("rule", RULES)
def test_the_weighted_loss_is_logged_beside_the_loss(expandft, tmp_path, stories, rule):
    folder, _ = made(expandft, tmp_path, stories, rule, training__token_weights=rule)
    plain, _ = made(expandft, tmp_path, stories, "plain")
    weighted, expected = events(folder / "out", "train"), events(plain / "out", "train")
    assert weighted[0]["loss"] == pytest.approx(expected[0]["loss"], abs=1e-6)  # the same model, each target once
    assert 0 < weighted[0]["weighted_loss"] < weighted[0]["loss"]
    assert "weighted_loss" not in expected[0]
    assert weighted[-1]["loss"] != expected[-1]["loss"]
    first = [events(one / "out", "validation")[0]["loss"] for one in (folder, plain)]
    assert first[0] == first[1]  # unweighted
    assert farthest(adapter(folder), adapter(plain)) > 1e-5


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("changes", [
    {}, {"training__cache_prefix": "memory"}, {"training__gradient_checkpointing": True},
    {"training__micro_batch_size": 4}], ids=["micro batches", "cache", "checkpointing", "whole"])
def test_it_is_the_same_however_it_is_computed(expandft, tmp_path, stories, rule, changes):
    settings = dict(training__token_weights=rule, retention={"weight": 0.5, "on": "both", **FEW},
                    training__max_steps=None, training__epochs=2, training__batch_size=8)
    one, _ = made(expandft, tmp_path, stories, "one", **settings, training__micro_batch_size=1)
    other, _ = made(expandft, tmp_path, stories, "other", **(settings | {"training__micro_batch_size": 2} | changes))
    for ours, theirs in zip(events(other / "out", "train"), events(one / "out", "train"), strict=True):
        for key in ("loss", "weighted_loss", "retention", "data_retention", "grad_norm"):
            assert ours[key] == pytest.approx(theirs[key], rel=1e-3, abs=1e-5), key
    assert farthest(adapter(other), adapter(one)) < 2e-4


@pytest.mark.parametrize("rule", ["none", "eaft", "stm"])
@pytest.mark.parametrize("shards", [False, True])
def test_ranks_train_what_one_does(expandft, binary, tmp_path, stories, rule, shards):
    (tmp_path / "replay.txt").write_text("There was a dog. " * 40)
    settings = dict(training__token_weights=rule, training__batch_size=5, training__micro_batch_size=1,
                    training__ema=0.9, retention={"weight": 0.5, "on": "both", "loss": "both", **FEW,
                                                  "text": ["self", {"path": str(tmp_path / "replay.txt"), "weight": 2}]})
    one, _ = made(expandft, tmp_path, stories, "one", **settings)
    folder = tmp_path / "ranks"
    folder.mkdir()
    run_ranks(binary, 3, "train", "--config",
              write_config(folder, stories, **(STEPS | settings), training__shard_base=shards))
    for ours, theirs in zip(events(folder / "out", "train"), events(one / "out", "train"), strict=True):
        for key in theirs.keys() - {"event", "tokens_per_second"}:
            assert ours[key] == pytest.approx(theirs[key], rel=1e-3, abs=1e-4), key
    assert farthest(adapter(folder), adapter(one)) < 2e-4


@pytest.mark.parametrize("method", ["full", "lora", "mlp", "llama-pro"])
def test_every_method_has_token_weights_and_retention_on_its_data(expandft, tmp_path, stories, method):
    folder, _ = made(expandft, tmp_path, stories, "run", **METHODS[method], training__token_weights="stm",
                     retention={"weight": 1.0, "on": "data"})
    steps = events(folder / "out", "train")
    assert abs(steps[0]["data_retention"]) < 1e-6 < steps[-1]["data_retention"]
    assert "retention" not in steps[0]
    assert not (folder / "out/retention.safetensors").exists()  # no text is read or written


def test_retention_on_the_data_keeps_closer_there(expandft, tmp_path, stories):
    divergence = {}
    for weight in (1e-6, 5.0):
        folder, _ = made(expandft, tmp_path, stories, f"weight {weight}", training__max_steps=20,
                         training__learning_rate=5e-3, retention={"weight": weight, "on": "data"})
        divergence[weight] = events(folder / "out", "train")[-1]["data_retention"]
    assert divergence[5.0] < 0.5 * divergence[1e-6]


def test_replay_learns_the_text(expandft, tmp_path, stories):
    losses = {}
    for loss in ("kl", "cross-entropy", "both"):
        folder, _ = made(expandft, tmp_path, stories, loss, training__max_steps=20, training__learning_rate=5e-3,
                         retention={"weight": 1.0, "loss": loss, "text": "train.txt", "batch_size": 2})
        losses[loss] = events(folder / "out", "train")
    assert "retention_loss" not in losses["kl"][0] and "retention" not in losses["cross-entropy"][0]
    assert losses["cross-entropy"][-1]["retention_loss"] < losses["cross-entropy"][0]["retention_loss"] - 0.2
    assert losses["both"][0]["retention"] == 0 and losses["both"][0]["retention_loss"] > 1
    assert losses["both"][-1]["retention_loss"] > losses["cross-entropy"][-1]["retention_loss"]


def prompts(folder, *rows):
    file = folder / "prompts.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def test_the_base_continues_prompts(expandft, tmp_path, stories):
    file = prompts(tmp_path, {"prompt": "Once upon a time"}, {"prompt": "Lily", "id": 1})
    settings = dict(retention={"weight": 1.0, "prompts": str(file), **FEW}, training__checkpoint_every=1)
    folder, result = made(expandft, tmp_path, stories, "run", **settings)
    assert "after 2 prompts" in result.stderr
    assert "nothing reads the fields id" in result.stderr
    texts = load_file(folder / "out/retention.safetensors")
    given = list(texts["prompt_tokens"])
    assert given[0::2] == [given[0]] * 3 and given[1::2] == [given[1]] * 3 and given[0] != given[1]
    offsets = texts["offsets"]
    starts = [list(texts["ids"][offsets[i]:offsets[i] + given[i]]) for i in range(6)]
    assert starts[0] == starts[2] == starts[4] and starts[1] == starts[3]
    assert len({tuple(texts["ids"][offsets[i]:offsets[i + 1]]) for i in range(6)}) > 3  # they differ
    assert events(folder / "out", "train")[-1]["retention"] > 0

    # Resumed and repeated it is the same.
    kept = (folder / "out/retention.safetensors").read_bytes()
    train(expandft, folder / "run.json", "--resume", "--set", "training.max_steps=6")
    assert (folder / "out/retention.safetensors").read_bytes() == kept
    again, _ = made(expandft, tmp_path, stories, "again", **settings)
    assert (again / "out/retention.safetensors").read_bytes() == kept


def test_the_base_answers_conversations(expandft, tmp_path, chat_model):
    file = prompts(tmp_path, {"messages": [{"role": "user", "content": "Hello"}]})
    folder, result = made(expandft, tmp_path, chat_model, "run", retention={"weight": 1.0, "prompts": str(file), **FEW})
    assert "after 1 prompt" in result.stderr
    texts = load_file(folder / "out/retention.safetensors")
    assert min(texts["prompt_tokens"]) > 5


@pytest.mark.parametrize("rows, message", [
    ([{"text": "a"}], "prompts.jsonl:1"),
    ([{"prompt": "word " * 40}], "with its continuation a text has at most 24"),
    ([{"messages": [{"role": "user", "content": "Hello"}]}], "template"),  # the model has none
])
def test_prompts_that_cannot_be_continued_are_refused(expandft, tmp_path, stories, rows, message):
    file = prompts(tmp_path, *rows)
    folder = tmp_path / "run"
    folder.mkdir()
    config = write_config(folder, stories, **STEPS, retention={"weight": 1.0, "prompts": str(file), **FEW})
    for command in (("train", "--config", config), ("validate", config)):
        result = expandft(*command)
        assert result.rc == 2 and message in result.stderr + result.stdout


@pytest.mark.parametrize("changes, path, message", [
    ({"retention__text": ["self", "self"]}, "retention.text", "more than once"),
    ({"retention__text": ["self", "none.txt"]}, "retention.text[1]", "no such file"),
    ({"retention__text": [{"path": "stories.txt", "weight": 0}]}, "retention.text[0].weight", "above 0"),
    ({"retention__text": [{"path": "stories.txt", "template": None}]}, "retention.text[0].template", "unknown key"),
    ({"retention__prompts": "none.jsonl"}, "retention.prompts", "no such file"),
    ({"retention__prompts": "train.txt", "retention__text": "stories.txt"}, "retention.prompts", "nothing reads it"),
    ({"retention__text": "stories.txt", "retention__on": "data"}, "retention.text", "nothing reads it"),
    ({"retention__prompts": "train.txt", "retention__on": "data"}, "retention.prompts", "nothing reads it"),
    ({"retention__loss": "both", "retention__on": "data"}, "retention.loss", "what the run trains already"),
    ({"retention__loss": "mse"}, "retention.loss", "cross-entropy"),
    ({"training__token_weights": "focal"}, "training.token_weights", "eaft"),
    ({"training__stm_threshold": 1}, "training.stm_threshold", "above 1"),
    ({"training__ema": 1}, "training.ema", "at most 0.99999"),
    ({"training__learning_rate_scales": {"gate": 2}, "method": "full"}, "training.learning_rate_scales", "full"),
    ({"training__learning_rate_scales": {"gate": -1}}, "training.learning_rate_scales.gate", "0"),
])
def test_settings_that_mean_nothing_are_refused(expandft, tmp_path, stories, changes, path, message):
    config = write_config(tmp_path, stories, **{"retention__weight": 1.0} | changes)
    result = train(expandft, config, rc=2)
    assert path in result.stderr and message in result.stderr
    assert not (tmp_path / "out").exists()


AVERAGED = dict(training__max_steps=6, training__lr_scheduler="constant", training__warmup=1, training__ema=0.8,
                training__checkpoint_every=1, training__keep_checkpoints=10, training__output_checkpoint="last",
                training__learning_rate=1e-2)


def test_the_average_of_the_weights_is_what_is_written(expandft, tmp_path, stories):
    folder, _ = made(expandft, tmp_path, stories, "run", **AVERAGED)
    saved = [load_file(folder / f"out/checkpoints/step-{step:06}/parameters.safetensors") for step in range(1, 7)]
    decay, found = 0.8, adapter(folder)
    scale = (1 - decay) / (1 - decay ** 6)
    for name, tensor in found.items():
        mean = sum(decay ** (5 - i) * one[name].astype("float64") for i, one in enumerate(saved)) * scale
        assert abs(tensor - mean).max() < 1e-5
        assert abs(tensor - saved[-1][name]).max() > 1e-5
    # Training goes on from the weights themselves, and validation is of the average: the merged model has that loss.
    plain, _ = made(expandft, tmp_path, stories, "plain", **(AVERAGED | {"training__ema": None}))
    last = load_file(plain / "out/checkpoints/step-000006/parameters.safetensors")
    assert farthest(last, saved[-1]) == 0
    merged, _ = made(expandft, tmp_path, folder / "out/merged", "merged", training__max_steps=1)
    validation = events(folder / "out", "validation")[-1]["loss"]
    assert events(merged / "out", "validation")[0]["loss"] == pytest.approx(validation, abs=1e-5)
    assert events(plain / "out", "validation")[-1]["loss"] != pytest.approx(validation, abs=1e-4)

    # A run that goes on from a snapshot has the same average.
    other, _ = made(expandft, tmp_path, stories, "other", "--set", "training.max_steps=3", **AVERAGED)
    train(expandft, other / "run.json", "--resume")
    assert farthest(adapter(other), found) == 0


def test_the_best_step_has_its_average(expandft, tmp_path, stories):
    folder, _ = made(expandft, tmp_path, stories, "run", **(AVERAGED | {
        "training__learning_rate": 5e-2, "training__validate_every": 1, "training__output_checkpoint": "best"}))
    validations = {line["step"]: line["loss"] for line in events(folder / "out", "validation") if line["step"]}
    best = min(validations, key=validations.get)
    average = load_file(folder / f"out/checkpoints/step-{best:06}/optimizer.safetensors")
    for name, tensor in adapter(folder).items():
        assert abs(tensor - average[f"{name}.average"]).max() == 0


def test_a_projection_of_rate_0_does_not_train(expandft, tmp_path, stories):
    folder, _ = made(expandft, tmp_path, stories, "run", training__learning_rate_scales={"gate": 0, "up": 0.5})
    plain, _ = made(expandft, tmp_path, stories, "plain", training__max_steps=1, training__checkpoint_every=1)
    start = {name: tensor for name, tensor in adapter(folder).items() if "gate_proj" in name}
    assert start
    again, _ = made(expandft, tmp_path, stories, "again", training__learning_rate_scales={"gate": 0, "up": 0.5},
                    training__max_steps=1)
    for name, tensor in start.items():
        assert (adapter(again)[name] == tensor).all()  # as it was after the first step
        assert not (adapter(plain)[name] == tensor).all()


def test_a_run_of_an_earlier_version_goes_on(expandft, tmp_path, stories):
    """Its snapshots do not have the keys that came later."""
    folder, _ = made(expandft, tmp_path, stories, "run", training__checkpoint_every=2,
                     retention={"weight": 1.0, **FEW})
    for file in (folder / "out/checkpoints").glob("step-*/state.json"):
        state = json.loads(file.read_text())
        for key in ("token_weights", "stm_threshold", "ema", "learning_rate_scales"):
            del state["identity"]["training"][key]
        for key in ("loss", "on"):
            del state["identity"]["retention"][key]
        file.write_text(json.dumps(state))
    train(expandft, folder / "run.json", "--resume", "--set", "training.max_steps=6")
    result = train(expandft, folder / "run.json", "--resume", "--set", "training.token_weights=dft", rc=2)
    assert 'training.token_weights: "none" in the snapshot, "dft" now' in result.stderr


def test_a_dry_run_has_all_of_it(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__token_weights="stm", training__ema=0.99,
                          training__micro_batch_size="auto", retention={"weight": 1.0, "on": "both", "loss": "both", **FEW})
    result = train(expandft, config, "--dry-run")
    assert "the average of its weights" in result.stdout
    assert not (tmp_path / "out").exists()
