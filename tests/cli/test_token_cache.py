"""The cache of token ids: a run with it equals one without, and damage costs time only."""

import json
import os

from training import train, write_config


def rows(folder):
    text = "".join(json.dumps({"prompt": f"Lily saw {i} cats.", "completion": " She said hello."}) + "\n"
                   for i in range(18000))
    (folder / "rows.jsonl").write_text(text)


def weights(folder):
    return (folder / "out/adapter/adapter_model.safetensors").read_bytes()


def test_cached_runs_end_in_the_same_weights(expandft, tmp_path, stories):
    rows(tmp_path)
    config = write_config(tmp_path, stories, data__train="rows.jsonl", training__max_steps=2, evaluation=None)
    cache = tmp_path / "cache"
    environment = {"EXPANDFT_CACHE": str(cache)}
    arguments = ("--restart", "--log-level", "debug")

    train(expandft, config, "--dry-run", env=environment)
    assert not cache.exists(), "a dry run writes nothing"
    cold = train(expandft, config, *arguments, env=environment).stderr
    expected = weights(tmp_path)
    [entry] = (cache / "tokens").iterdir()
    assert "are from the cache" not in cold
    counts = next(line.split("] ")[-1] for line in cold.splitlines() if "rows.jsonl: 18000 rows" in line)

    warm = train(expandft, config, *arguments, env=environment).stderr
    assert "are from the cache" in warm and counts in warm
    assert weights(tmp_path) == expected

    damaged = bytearray(entry.read_bytes())
    damaged[len(damaged) // 2] ^= 4
    entry.write_bytes(damaged)
    again = train(expandft, config, *arguments, env=environment).stderr
    assert "is damaged; rows.jsonl is tokenized again" in again
    assert weights(tmp_path) == expected

    blocked = tmp_path / "blocked"
    blocked.write_text("")
    without = train(expandft, config, *arguments, env={"EXPANDFT_CACHE": str(blocked)}).stderr
    assert "are from the cache" not in without
    assert weights(tmp_path) == expected


def test_without_any_home_there_is_no_cache(expandft, tmp_path, stories):
    rows(tmp_path)
    config = write_config(tmp_path, stories, data__train="rows.jsonl", training__max_steps=1, evaluation=None)
    unset = {"EXPANDFT_CACHE": "", "XDG_CACHE_HOME": "", "HOME": ""}
    train(expandft, config, env=unset)
    assert "tokens" not in os.listdir(tmp_path)
