"""data.train as a list, a folder and a glob: what is read, what is refused, and resuming with weights."""

import json
import shutil
import signal

import pytest

from live_runs import has_step, start, wait_for
from training import events, write_config

ROWS = [{"q": f"What is {i}?", "a": f"It is {i}.", "note": "n"} for i in range(10)]
FORM = {"prompt": "Q: {q}\nA:", "completion": " {a}"}


@pytest.fixture
def shards(tmp_path):
    """A folder with two shards of rows, and files to be skipped."""
    folder = tmp_path / "shards"
    (folder / "more").mkdir(parents=True)
    (folder / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[:4]))
    (folder / "more/b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS[4:]))
    (folder / "table.csv").write_text("q,a\n")
    (folder / ".hidden.jsonl").write_text("{}\n")
    return folder


def train(expandft, config, *arguments, rc=0):
    result = expandft("train", "--config", config, "--device", "cpu", "--threads", "1", *arguments)
    assert result.rc == rc, result.stderr
    return result


def mixed(model, folder, name="run.json", **changes):
    settings = dict(data__train=["train.txt", {"path": "shards", "weight": 2.5, "template": FORM}],
                    data__packing=False, evaluation=None) | changes
    return write_config(folder, model, name, **settings)


def adapter(run):
    return (run / "adapter/adapter_model.safetensors").read_bytes()


def test_a_list_with_weights_and_templates(expandft, tmp_path, stories, shards):
    config = mixed(stories, tmp_path, training__max_steps=None, training__epochs=2)
    result = train(expandft, config)
    assert "shards (2 files): 10 rows, 10 sequences" in result.stderr
    assert "at weight 2.5, 25 sequences an epoch" in result.stderr
    text = int(result.stderr.split("train.txt: ")[1].split(" row, ")[1].split(" sequences")[0])
    assert f"data.train: 2 sources, {text + 10} sequences" in result.stderr
    assert f"{text + 25} sequences an epoch" in result.stderr
    steps = events(tmp_path / "out", "train")
    assert len(steps) == -(-2 * (text + 25) // 4)  # batches of 4 that span the end of an epoch

    resolved = json.loads((tmp_path / "out/config.resolved.json").read_text())
    assert resolved["data"]["train"] == [
        {"path": str(tmp_path / "train.txt"), "weight": 1.0, "template": None},
        {"path": str(shards), "weight": 2.5, "template": FORM}]
    assert "`train.txt`, `shards` (weight 2.5)" in (tmp_path / "out/merged/README.md").read_text()
    # The resolved config is a config: it trains the same.
    again = tmp_path / "again.json"
    again.write_text(json.dumps(resolved | {"output": str(tmp_path / "again")}))
    train(expandft, again)
    assert adapter(tmp_path / "again") == adapter(tmp_path / "out")


def test_the_numbers_of_the_data_add_up(expandft, tmp_path, stories, shards):
    long_row = {"q": "Why? " * 60, "a": "Because.", "note": "n"}
    (shards / "c.jsonl").write_text(json.dumps(long_row) + "\n")
    config = mixed(stories, tmp_path, training__max_steps=None, training__epochs=1, data__packing=True)
    dry = train(expandft, config, "--dry-run")
    result = train(expandft, config)
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    data = summary["data"]["training"]
    assert [source["path"] for source in data["sources"]] == [str(tmp_path / "train.txt"), str(shards)]
    for key in ("rows", "sequences", "tokens", "targets", "truncated_rows", "truncated_tokens"):
        assert sum(source[key] for source in data["sources"]) == data[key]
    assert data["rows"] == 12 and data["truncated_rows"] == 1 and data["truncated_tokens"] > 50
    assert data["lengths"]["max"] == 64 and 2 <= data["lengths"]["min"] <= data["lengths"]["median"] <= 64
    epoch = data["first_epoch"]
    assert epoch["sequences"] == sum(source["sequences_per_epoch"] for source in data["sources"])
    assert epoch["packing_efficiency"] == pytest.approx(epoch["tokens"] / (epoch["packs"] * 64))
    assert (summary["tokens"], summary["targets"]) == (epoch["tokens"], epoch["targets"])  # the data of the run
    assert summary["data"]["validation"]["rows"] == 1

    said = f"{epoch['tokens']} tokens ({epoch['targets']} learned) in {epoch['sequences']} sequences"
    assert said in dry.stdout and said in result.stderr and said in (tmp_path / "out/report.html").read_text()
    assert f"{data['truncated_tokens']} tokens in all" in result.stderr
    line = next(line.split() for line in dry.stdout.splitlines() if line.startswith("all "))
    assert [int(number) for number in line[1:5]] == [data[key] for key in ("rows", "sequences", "tokens", "targets")]
    assert [int(number) for number in line[-2:]] == [1, data["truncated_tokens"]]


def test_folder_glob_and_list_of_the_same_files_train_the_same(expandft, tmp_path, stories, shards):
    shutil.copy(shards / "more/b.jsonl", shards / "b.jsonl")
    shutil.rmtree(shards / "more")
    forms = {"folder": "shards", "glob": "shards/[ab].json*", "list": ["shards/a.jsonl", {"path": "shards/b.jsonl"}]}
    for name, source in forms.items():
        train(expandft, write_config(tmp_path, stories, f"{name}.json", output=name, data__train=source,
                                     data__validation=source, evaluation=None, training__max_steps=3,
                                     data__template={"prompt": "{q}", "completion": " {a}"}))
    assert adapter(tmp_path / "folder") == adapter(tmp_path / "glob") == adapter(tmp_path / "list")
    validated = [json.loads((tmp_path / name / "summary.json").read_text())["validation_loss_after"] for name in forms]
    assert validated[0] == validated[1] == validated[2] > 0


@pytest.mark.parametrize("changes, expected", [
    (dict(data__train=["train.txt", "none-*.jsonl"]), ["data.train[1]", "no file matches", "none-*.jsonl"]),
    (dict(data__train="none"), ["data.train", "no such file"]),
    (dict(data__train=["train.txt", "empty"]), ["data.train[1]", "no data in the folder", ".jsonl"]),
    (dict(data__train=[{"path": "train.txt", "weight": -1}]), ["data.train[0].weight", "-1", "above 0"]),
    (dict(data__train=[{"path": "train.txt", "wieght": 1}]), ["data.train[0].wieght", "data.train[0].weight"]),
    (dict(data__train=[{"path": "shards", "template": {"prompt": "{q}"}}]),
     ["data.train[0].template.completion", "missing"]),
    (dict(data__validation=[{"path": "valid.txt", "weight": 2}]), ["data.validation[0].weight", "only data.train"]),
    (dict(data__train=["train.txt", "shards"], output="shards/out"), ["output", "is inside a folder of data"]),
])
def test_errors_name_the_json_path(expandft, tmp_path, stories, shards, changes, expected):
    (tmp_path / "empty").mkdir()
    config = write_config(tmp_path, stories, **changes)
    for command in (("validate", config), ("train", "--config", config, "--device", "cpu")):
        result = expandft(*command)
        assert result.rc == 2
        for part in expected:
            assert part in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("given, expected", [
    ({"path": "shards", "weight": 0.01, "template": FORM},
     ["data.train[1].weight", "none of the source's 10 examples"]),
    ({"path": "shards", "template": {"prompt": "{q}", "completion": "{"}}, ["data.train[1].template.completion"]),
    ({"path": "shards", "template": {"prompt": "{who}", "completion": "a"}}, ["who", "a.jsonl:1"]),
    ("shards/*.csv", ["table.csv", "expected .jsonl"]),
])
def test_what_shows_only_when_data_is_read(expandft, tmp_path, stories, shards, given, expected):
    result = train(expandft, write_config(tmp_path, stories, data__train=["train.txt", given]), rc=2)
    for part in expected:
        assert part in result.stderr
    assert not (tmp_path / "out").exists()


def test_set_takes_a_path_and_a_list(expandft, tmp_path, stories, shards):
    config = mixed(stories, tmp_path)
    result = expandft("train", "--config", config, "--device", "cpu", "--dry-run", "--set", "data.train=train.txt",
                      cwd=tmp_path)
    assert result.rc == 0 and "sources" not in result.stderr, result.stderr
    assert expandft("validate", config, "--set", 'data.train=["train.txt", {"path": "v*.txt", "weight": 0.5}]',
                    cwd=tmp_path).rc == 0
    result = expandft("validate", config, "--set", 'data.train=["train.txt", {"path": "w*.txt"}]', cwd=tmp_path)
    assert result.rc == 2 and "data.train[1]" in result.stderr


def test_killed_and_resumed_with_weights_ends_in_the_same_weights(expandft, binary, tmp_path, stories, shards):
    source = {"path": "shards", "weight": 2.5, "template": FORM}
    changes = dict(training__max_steps=60, training__checkpoint_every=5,  # several epochs
                   data__train=[{"path": "train.txt", "weight": 0.6}, source])
    train(expandft, mixed(stories, tmp_path, "alone.json", output="alone", **changes))
    config = mixed(stories, tmp_path, "killed.json", output="killed", **changes)
    process = start(binary, config)
    wait_for(lambda: has_step(tmp_path / "killed", 33), process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"

    shards.rename(tmp_path / "moved")  # the path of the data does not matter
    moved = [changes["data__train"][0], source | {"path": "moved"}]
    config = mixed(stories, tmp_path, "killed.json", output="killed", **changes | {"data__train": moved})
    result = train(expandft, config, "--resume")
    assert "resuming after step" in result.stderr
    assert adapter(tmp_path / "killed") == adapter(tmp_path / "alone")
    losses = [[line["loss"] for line in events(tmp_path / name, "train")] for name in ("alone", "killed")]
    assert losses[0] == losses[1] and len(losses[0]) == 60


def test_another_weight_is_not_resumed(expandft, tmp_path, stories, shards):
    config = mixed(stories, tmp_path, training__checkpoint_every=4)
    train(expandft, config)
    (tmp_path / "out/summary.json").unlink()
    values = json.loads(config.read_text())
    values["data"]["train"][1]["weight"] = 2
    config.write_text(json.dumps(values))
    result = train(expandft, config, "--resume", rc=2)
    assert "data.train" in result.stderr and "data_fingerprint" in result.stderr
