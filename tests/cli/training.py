"""Helpers for tests of training: a small run on the stories model."""

import json

TEXT = """First Citizen:
Before we proceed any further, hear me speak.

All:
Speak, speak.
"""
# Every method, as arguments of write_config.
METHODS = {
    "new": {},
    "new-k3": {"expansion__copies": 3},
    "mlp": {"method": "mlp"},
    "zero-init": {"method": "zero-init"},
    "llama-pro": {"method": "llama-pro"},
    "lora": {"method": "lora", "lora__rank": 4, "lora__alpha": 8},
    "full": {"method": "full"},
    "last:2": {"method": "last:2"},
}


def write_config(folder, model, name="run.json", **changes):
    """Writes a run config with its data next to it; `changes` are dotted keys ("training__seed")."""
    (folder / "train.txt").write_text(TEXT * 40)
    (folder / "valid.txt").write_text(TEXT * 4)
    (folder / "stories.txt").write_text("Once upon a time there was a little girl named Lily. " * 60)
    (folder / "stories.json").write_text(json.dumps(
        {"name": "stories", "type": "perplexity", "data": "stories.txt", "block_length": 64}))
    config = {
        "model": str(model), "output": "out",
        "expansion": {"layers": "last:2", "copies": 2}, "method": "new",
        "data": {"train": "train.txt", "validation": "valid.txt", "max_length": 64},
        "training": {"max_steps": 8, "batch_size": 4, "micro_batch_size": 2, "learning_rate": 2e-3,
                     "precision": "float32", "seed": 3},
        "evaluation": {"original_tasks": ["./stories.json"]},
    }
    for key, value in changes.items():
        *parents, last = key.split("__")
        place = config
        for parent in parents:
            place = place.setdefault(parent, {})
        if value is None:
            place.pop(last, None)
        else:
            place[last] = value
    file = folder / name
    file.write_text(json.dumps(config))
    return file


def events(run, kind=None):
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if kind in (None, line["event"])]


def train(expandft, config, *arguments, rc=0, **settings):
    result = expandft("train", "--config", config, "--device", "cpu", "--threads", "1", *arguments, **settings)
    assert result.rc == rc, result.stderr
    return result


def runs_of(settings, expandft, stories, tmp_path_factory):
    """A function that gives a run's folder and result by its name in `settings`; each is made on first use."""
    made = {}

    def run(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name.replace(":", "-"))
            result = train(expandft, write_config(folder, stories, **settings[name]))
            made[name] = (folder / "out", result)
        return made[name]

    return run


def unmerge(expandft, stories, merged, output, read_tensors):
    """Takes the base out of a merged model, and compares its tensors byte for byte."""
    result = expandft("unmerge", "--model", merged, "--output", output)
    assert result.rc == 0, result.stderr
    base, back = read_tensors(stories), read_tensors(output)
    assert set(base) == set(back)
    assert all(back[key].equal(tensor) for key, tensor in base.items())
