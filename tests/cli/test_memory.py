"""Memory of commands beyond the files they map does not grow with the model's depth."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ranks import run_ranks
from training import write_config

sys.path.append(str(Path(__file__).parents[2] / "bench"))
from watch import run_watched  # noqa: E402

pytestmark = pytest.mark.bounded_memory
SHALLOW, DEEP = 4, 36
HIDDEN, WIDTH = 256, 1024
LAYER_NUMBERS = 3 * HIDDEN * WIDTH + 4 * HIDDEN * HIDDEN + 2 * HIDDEN  # of one layer
ADDED_NUMBERS = (DEEP - SHALLOW) * LAYER_NUMBERS


def rewrite(file):
    """Written in one go, like a copy: the system then keeps the file in large blocks and may map a whole block,
    which brings back neighbouring pages that were released."""
    whole = file.read_bytes()
    file.unlink()
    file.write_bytes(whole)


@pytest.fixture
def layered_model(tiny_model):
    def make(layers, **settings):
        model = tiny_model(f"layers-{layers}", **({"dtype": "bfloat16"} | settings), num_hidden_layers=layers,
                           hidden_size=HIDDEN, intermediate_size=WIDTH, num_attention_heads=4, num_key_value_heads=4,
                           initializer_range=0.02)
        rewrite(model / "model.safetensors")
        return model

    return make


@pytest.fixture
def watched(binary):
    def run(*arguments):
        seen = run_watched([binary, *arguments, "--device", "cpu", "--threads", "2"])
        assert seen.returncode == 0, seen.stderr
        return seen

    return run


def growth(make_seen):
    """How much more a deep model takes than a shallow one: (anonymous, resident) bytes."""
    shallow, deep = make_seen(SHALLOW), make_seen(DEEP)
    return deep.anonymous - shallow.anonymous, deep.resident - shallow.resident


def test_expanding_needs_the_memory_of_a_layer(watched, layered_model, tmp_path):
    _, resident = growth(lambda layers: watched("expand", "--model", layered_model(layers), "--layers", "all",
                                                "--output", tmp_path / f"grown-{layers}"))
    # The base's file has 2 bytes per number, and the wide model's is larger.
    assert resident < ADDED_NUMBERS


def test_merging_needs_the_memory_of_a_layer(expandft, watched, layered_model, tmp_path):
    def merge(layers):
        model = layered_model(layers)
        folder = tmp_path / f"run-{layers}"
        folder.mkdir()
        config = write_config(folder, model, expansion__layers="all", training__max_steps=1, evaluation=None)
        result = expandft("train", "--config", config, "--device", "cpu")
        assert result.rc == 0, result.stderr
        return watched("merge", "--model", model, "--adapter", folder / "out/adapter", "--output",
                       tmp_path / f"merged-{layers}")

    anonymous, _ = growth(merge)  # the only file that stays mapped is the adapter
    assert anonymous < ADDED_NUMBERS


@pytest.mark.parametrize("precision, bytes_a_number", [("bfloat16", 2), ("float32", 4)])
def test_loading_takes_a_models_size_once(watched, layered_model, tmp_path, precision, bytes_a_number):
    text = tmp_path / "text.txt"
    text.write_text("Once upon a time")
    _, resident = growth(lambda layers: watched("score", "--model", layered_model(layers), "--text", text,
                                                "--precision", precision))
    assert resident == pytest.approx(bytes_a_number * ADDED_NUMBERS, rel=0.2)


def test_a_model_that_is_as_computed_stays_mapped(watched, layered_model, tmp_path):
    """A file that expandft wrote, in the compute dtype, is not copied."""
    text = tmp_path / "text.txt"
    text.write_text("Once upon a time")

    def score(layers):
        grown = tmp_path / f"grown-{layers}"
        watched("expand", "--model", layered_model(layers, dtype="float32"), "--layers", "all", "--output", grown)
        return watched("score", "--model", grown, "--text", text, "--precision", "float32")

    anonymous, resident = growth(score)
    assert anonymous < ADDED_NUMBERS
    assert resident > 4 * ADDED_NUMBERS


@pytest.mark.parametrize("method", ["new", "full", "lora"])
@pytest.mark.parametrize("size", ["small", "large"])
def test_the_dry_run_tells_the_peak_of_the_run(expandft, layered_model, stories, tmp_path, method, size):
    """Within a tenth; the run's peak is in its summary. Other phases of a run keep some 20 MB of code and buffers in
    memory that a dry run does not touch."""
    model = stories if size == "small" else layered_model(24, dtype="float32")
    config = write_config(tmp_path, model, method=method, expansion__layers="all", training__max_steps=6)
    common = ("train", "--config", config, "--device", "cpu", "--threads", "1")
    dry = expandft(*common, "--dry-run")
    assert dry.rc == 0, dry.stderr
    number, unit = re.search(r"peak memory +([0-9.]+) (MB|GB)", dry.stdout).groups()
    estimate = float(number) * {"MB": 1e6, "GB": 1e9}[unit]
    run = expandft(*common)
    assert run.rc == 0, run.stderr
    measured = json.loads((tmp_path / "out/summary.json").read_text())["peak_memory_bytes"]
    assert abs(estimate - measured) <= 0.1 * measured, (estimate, measured)


def estimate_and_peak(expandft, folder, config):
    """A dry run's estimates of the peak and of the cached states, and the run's peak; bytes."""
    common = ("train", "--config", config, "--device", "cpu", "--threads", "1")
    dry = expandft(*common, "--dry-run")
    assert dry.rc == 0, dry.stderr

    def told(what):
        found = re.search(rf"{what} +([0-9.]+) (MB|GB)", dry.stdout)
        return float(found[1]) * {"MB": 1e6, "GB": 1e9}[found[2]] if found else 0

    assert expandft(*common).rc == 0
    measured = json.loads((folder / "out/summary.json").read_text())["peak_memory_bytes"]
    return told("peak memory"), told("states of the frozen layers"), measured


def test_the_dry_run_knows_of_the_cache(expandft, stories, tmp_path):
    config = write_config(tmp_path, stories, expansion__layers="last:1", training__batch_size=16, evaluation=None,
                          training__max_steps=None, training__epochs=2, training__cache_prefix="memory")
    (tmp_path / "train.txt").write_text("To be, or not to be, that is the question: " * 6000)
    estimate, states, measured = estimate_and_peak(expandft, tmp_path, config)
    assert states > 0.12 * measured  # otherwise the test shows little
    assert abs(estimate - measured) <= 0.1 * measured, (estimate, measured)


def peak_of(expandft, folder, model, **settings):
    folder.mkdir()
    config = write_config(folder, model, evaluation=None, data__validation=None, **settings)
    result = expandft("train", "--config", config, "--device", "cpu", "--threads", "1")
    assert result.rc == 0, result.stderr
    [end] = [line for line in map(json.loads, (folder / "out/metrics.jsonl").read_text().splitlines())
             if line["event"] == "end"]
    return end["peak_memory_bytes"]


def test_checkpointing_saves_the_activations_of_all_layers_but_one(expandft, layered_model, tmp_path):
    """Gate and up of base and copies alone are 4 · WIDTH floats per token and layer."""
    layers = 6
    model = layered_model(layers, dtype="float32")
    settings = dict(expansion__layers="all", training__max_steps=2, training__batch_size=64,
                    training__micro_batch_size=64)
    plain = peak_of(expandft, tmp_path / "plain", model, **settings)
    config = write_config(tmp_path, model, evaluation=None, data__validation=None,
                          training__gradient_checkpointing=True, **settings)
    estimate, _, saving = estimate_and_peak(expandft, tmp_path, config)
    assert plain - saving > 0.8 * (layers - 1) * 64 * 64 * 4 * WIDTH * 4
    # Layers that are loaded and dropped fragment the memory, so the estimate is a little low.
    assert abs(estimate - saving) <= 0.2 * saving, (estimate, saving)


def peak_of_ranks(binary, folder, model, count, **settings):
    """Peak memory of rank 0 in two steps."""
    folder.mkdir()
    config = write_config(folder, model, evaluation=None, data__validation=None, training__batch_size=4,
                          training__micro_batch_size=1, **settings)
    outputs, _ = run_ranks(binary, count, "train", "--config", config, "--dry-run")
    return float(re.search(r"peak memory +([0-9.]+) MB", outputs[0])[1]) * 1e6


def test_a_base_in_shares_takes_less_with_each_rank(binary, layered_model, tmp_path):
    model = layered_model(DEEP, dtype="float32")
    layers = 4 * DEEP * LAYER_NUMBERS
    one, two, four = (peak_of_ranks(binary, tmp_path / f"{count}", model, count, training__shard_base=True)
                      for count in (1, 2, 4))
    # A half and three quarters are saved, less two gathered layers and Gloo's own memory. A rank's peak varies by some
    # 10 MB.
    assert one - two > 0.2 * layers
    assert one - four > 0.4 * layers


def test_optimizer_state_takes_less_with_each_rank(binary, layered_model, tmp_path):
    layers = 24
    model = layered_model(layers, dtype="float32")
    moments = 8 * layers * 3 * HIDDEN * WIDTH
    one, two, four = (peak_of_ranks(binary, tmp_path / f"{count}", model, count, expansion__layers="all")
                      for count in (1, 2, 4))
    assert one - two > 0.3 * moments
    assert two - four > 0.15 * moments


def test_memory_does_not_grow_with_the_steps(expandft, stories, tmp_path):
    few = peak_of(expandft, tmp_path / "few", stories, training__max_steps=20)
    many = peak_of(expandft, tmp_path / "many", stories, training__max_steps=200)
    assert many <= 1.01 * few


def test_the_peak_is_not_that_of_who_started_the_run(binary, stories, tmp_path):
    config = write_config(tmp_path, stories, training__max_steps=2, evaluation=None)
    large = 1 << 30
    subprocess.run([sys.executable, "-c", f"import os, sys; held = b'x' * {large}; os.execv(sys.argv[1], sys.argv[1:])",
                    str(binary), "train", "--config", str(config), "--device", "cpu", "--quiet"], check=True)
    assert json.loads((tmp_path / "out/summary.json").read_text())["peak_memory_bytes"] < large
