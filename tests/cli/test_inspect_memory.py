"""expandft inspect --memory: what each rank of a run would keep in memory, from config.json alone."""

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "bench"))
import ranks_model  # noqa: E402

# The fields of the model's config.json other than sizes.
GEMMA3_27B = ranks_model.GEMMA3_27B | {
    "query_pre_attn_scalar": 168, "max_position_embeddings": 131072, "sliding_window": 1024, "rms_norm_eps": 1e-6,
    "rope_theta": 1e6, "rope_local_base_freq": 1e4, "tie_word_embeddings": True,
    "hidden_activation": "gelu_pytorch_tanh"}


@pytest.fixture
def config(tmp_path):
    def write(**changes):
        (tmp_path / "gemma").mkdir(exist_ok=True)
        (tmp_path / "gemma/config.json").write_text(json.dumps(GEMMA3_27B))
        file = tmp_path / "run.json"
        file.write_text(json.dumps({
            "model": "gemma", "output": "out", "expansion": {"layers": "last:20"},
            "data": {"train": "text.txt", "max_length": 2048},
            "training": {"max_steps": 100, "batch_size": 64, "micro_batch_size": 2, "shard_base": True,
                         "gradient_checkpointing": True},
        } | changes))
        return file

    return write


def test_the_page_shows_what_it_prints(expandft, config):
    result = expandft("inspect", "--memory", "8", "--config", config())
    assert result.rc == 0, result.stderr
    table = result.stdout[result.stdout.index("on each of 8 ranks"):]
    assert f"```\n{table}```\n" in (ROOT / "docs/distributed.md").read_text()


def test_numbers_add_up_and_fall_with_ranks(expandft, config):
    def total(ranks):
        result = expandft("inspect", "--memory", ranks, "--config", config(), "--json")
        assert result.rc == 0, result.stderr
        found = json.loads(result.stdout)
        assert found["ranks"] == ranks
        assert found["total_bytes"] == pytest.approx(sum(found["bytes"].values()))
        return found["total_bytes"]

    totals = [total(ranks) for ranks in (1, 2, 8, 64)]
    assert totals == sorted(totals, reverse=True)
    assert totals[0] > 160e9 and totals[2] < 80e9


@pytest.mark.parametrize("arguments, message", [
    (["--memory", "8"], "--memory reads a run config"),
    (["--memory", "0"], "--memory: Value 0 not in range 1 to 65536"),
    (["--memory", "8", "--rank-layers"], "--rank-layers"),
])
def test_what_it_cannot_tell(expandft, config, arguments, message):
    config()
    result = expandft("inspect", *arguments)
    assert result.rc == 2 and message in result.stderr


@pytest.mark.parametrize("changes", [{"method": "lora", "expansion": {}}, {"expansion": {"layers": {"auto": 3}}}])
def test_what_it_has_to_be_measured_for(expandft, config, changes):
    training = {"max_steps": 100, "batch_size": 64}
    result = expandft("inspect", "--memory", "8", "--config", config(training=training, **changes))
    assert result.rc == 2
    assert "the memory is known beforehand only for listed layers" in result.stderr and "--dry-run" in result.stderr


def test_a_model_without_config(expandft, config, tmp_path):
    file = config()
    (tmp_path / "gemma/config.json").unlink()
    result = expandft("inspect", "--memory", "8", "--config", file)
    assert result.rc == 2 and "config.json" in result.stderr
