"""expandft inspect: describes a directory."""

import json
import shlex
import signal

import pytest

from live_runs import start, wait_until_it_trains
from training import train, write_config


def facts(expandft, directory):
    result = expandft("inspect", directory, "--json")
    assert result.rc == 0, result.stderr
    return json.loads(result.stdout)


def test_model(expandft, stories):
    found = facts(expandft, stories)
    assert found["kind"] == "model"
    assert found["family"] == "llama"
    assert (found["layers"], found["hidden_size"], found["intermediate_size"]) == (5, 64, 172)
    assert found["context"] == 512
    assert found["tied_head"] is True
    assert found["dtypes"] == ["F32"]
    assert found["tokenizer"] == {"tokens": 512, "bos": "<s>", "eos": "</s>", "adds_bos": True}
    assert found["loads_in"]["expandft"] == "yes"
    assert "expansion" not in found


def test_parameters_are_counted_by_part(expandft, stories, read_tensors):
    found = facts(expandft, stories)
    tensors = read_tensors(stories)
    assert found["parameters"] == sum(tensor.numel() for tensor in tensors.values())
    assert found["weight_bytes"] == sum(tensor.nbytes for tensor in tensors.values())
    parts = {part["part"]: part for part in found["parts"]}
    mlp = [tensor for name, tensor in tensors.items() if ".mlp." in name]
    assert parts["mlp"]["parameters"] == sum(tensor.numel() for tensor in mlp)
    assert parts["mlp"]["tensors"] == len(mlp) == 15
    assert sum(part["parameters"] for part in parts.values()) == found["parameters"]
    assert sum(part["share"] for part in parts.values()) == pytest.approx(1)
    assert "other" not in parts


def test_text(expandft, stories):
    result = expandft("inspect", stories)
    assert result.rc == 0
    assert "family" in result.stdout and "llama" in result.stdout
    assert "attention" in result.stdout


def test_model_without_a_tokenizer(expandft, stories, tiny_model):
    model = tiny_model(dtype="bfloat16")
    (model / "tokenizer.model").unlink()
    found = facts(expandft, model)
    assert found["dtypes"] == ["BF16"]
    assert "none" in found["tokenizer"]
    assert "head" in [part["part"] for part in found["parts"]], "it is not tied"


def test_family_that_cannot_be_computed(expandft, tiny_model):
    model = tiny_model()
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"model_type": "mamba"}))
    found = facts(expandft, model)
    assert found["family"] == "mamba"
    assert found["loads_in"]["expandft"].startswith("no")
    assert found["parameters"] > 0


def test_run(expandft, tmp_path):
    (tmp_path / "checkpoints/step-000020").mkdir(parents=True)
    (tmp_path / "checkpoints/.step-000030.partial").mkdir()
    (tmp_path / "config.resolved.json").write_text(json.dumps({"model": "base", "method": "new"}))
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "event": "train", "loss": 3.5}\n'
                                            '{"step": 2, "event": "train", "loss": 3.25}\n'
                                            '{"step": 3, "event": "tr')
    found = facts(expandft, tmp_path)
    assert found["kind"] == "run"
    assert found["status"] == "unfinished"
    assert found["model"] == "base"
    assert found["last"] == {"train": {"step": 2, "loss": 3.25}}
    assert found["checkpoints"] == ["step-000020"]
    assert found["adapter"] is False and found["merged"] is False

    assert (found["state"], found["step"], found["total_steps"]) == ("ended", 2, None)
    assert found["continue"] == f"expandft train --config {tmp_path}/config.resolved.json --resume"
    assert [file["name"] for file in found["files"]] == ["metrics.jsonl", "config.resolved.json", "checkpoints/"]
    page = expandft("inspect", tmp_path).stdout
    assert "ended for an unknown reason after step 2" in page and found["continue"] in page

    (tmp_path / "summary.json").write_text('{"steps": 3}')
    assert facts(expandft, tmp_path)["status"] == "finished"
    assert "finished" in expandft("inspect", tmp_path).stdout


def line_of(page, label):
    [line] = [line for line in page.splitlines() if line.startswith(label + " ")]
    return line.removeprefix(label).strip()


def test_the_page_of_a_finished_run(expandft, tmp_path, stories):
    new = {"name": "new", "type": "perplexity", "data": "train.txt", "block_length": 64}
    (tmp_path / "new.json").write_text(json.dumps(new))
    config = write_config(tmp_path, stories, training__checkpoint_every=4, evaluation__tasks=["./new.json"])
    train(expandft, config)
    out = tmp_path / "out"
    found = facts(expandft, out)
    assert (found["status"], found["state"], found["step"], found["total_steps"]) == ("finished", "finished", 8, 8)
    assert [(task["task"], task["original"]) for task in found["tasks"]] == [("stories", True), ("new", False)]
    row = found["summary"]["evaluation"]["original_tasks"][0]
    assert found["tasks"][0]["base"] == row["base"]["perplexity"]
    assert found["tasks"][0]["verdict"] == row["verdict"]
    assert found["tasks"][1]["verdict"] == "learned"
    sizes = {file["name"]: file["bytes"] for file in found["files"]}
    assert sizes["merged/"] == sum(p.stat().st_size for p in (out / "merged").rglob("*") if p.is_file())
    assert {"adapter/", "report.html", "summary.json", "metrics.jsonl", "checkpoints/"} <= sizes.keys()
    assert found["process"] is None and found["continue"] is None

    page = expandft("inspect", out).stdout
    assert line_of(page, "state") == "finished, step 8 of 8"
    assert line_of(page, "method") == "new, layers last:2, 2 copies of each MLP"
    assert "->" in line_of(page, "validation")
    [task] = [line.split() for line in page.splitlines() if line.startswith("new ")]
    assert task[:3] == ["new", "new", "perplexity"] and task[-1] == "learned"
    assert f"expandft generate --model {out}/merged" in page
    assert "{" not in page and "summary: " not in page
    assert found["warnings"] == found["summary"]["warnings"] and all(text in page for text in found["warnings"])


def test_the_page_of_a_run_that_runs_and_is_interrupted(expandft, binary, tmp_path, stories):
    config = write_config(tmp_path, stories, training__max_steps=2000, evaluation=None)
    out = tmp_path / "out"
    process = start(binary, config, preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    wait_until_it_trains(out, process, lines=5)
    found = facts(expandft, out)
    assert found["state"] == "running" and f"process {process.pid} on " in found["process"]
    assert found["continue"] is None
    page = expandft("inspect", out).stdout
    assert "running, step " in page and " of 2000" in page and f"process {process.pid} on " in page
    assert process.poll() is None, "looking at it has ended it"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)

    found = facts(expandft, out)
    assert found["state"] == "interrupted" and found["process"] is None
    page = expandft("inspect", out).stdout
    assert f"interrupted after step {found['step']} of 2000" in page
    assert "report.html" in page and "snapshot" in page
    command = line_of(page, "to continue")
    assert command == found["continue"]
    result = expandft(*shlex.split(command)[1:], "--set", f"training.max_steps={found['step'] + 2}",
                      "--device", "cpu", "--threads", "1")
    assert result.rc == 0, result.stderr
    assert facts(expandft, out)["state"] == "finished"


def test_the_page_of_a_run_that_diverged(expandft, tmp_path):
    (tmp_path / "config.resolved.json").write_text(json.dumps({"model": "base", "method": "new"}))
    (tmp_path / "metrics.jsonl").write_text('{"step": 3, "event": "train", "loss": 3.5}\n')
    (tmp_path / "diverged.json").write_text('{"step": 4, "what": "training diverged: the loss is nan"}')
    assert facts(expandft, tmp_path)["state"] == "diverged"
    page = expandft("inspect", tmp_path).stdout
    assert "step 4: training diverged: the loss is nan" in page and "training.learning_rate" in page


def test_merged_model(expandft, stories, tmp_path):
    output = tmp_path / "expanded"
    result = expandft("expand", "--model", stories, "--output", output, "--layers", "all", "--copies", "2",
                      "--device", "cpu")
    assert result.rc == 0, result.stderr
    found = facts(expandft, output)
    assert found["kind"] == "merged model"
    assert found["intermediate_size"] == 2 * 172
    assert found["expansion"]["layers"] == [0, 1, 2, 3, 4]
    assert "copies" in expandft("inspect", output).stdout
    assert found["padding_bytes"] == 0


@pytest.mark.parametrize("layout, narrow", [("padded", 344), ("remote-code", 172)])
def test_zeros_of_a_layout(expandft, stories, tmp_path, layout, narrow, read_tensors):
    """The size of the output, and how much of it is padding, is reported before and after."""
    output = tmp_path / "expanded"
    result = expandft("expand", "--model", stories, "--output", output, "--layers", "last:2", "--layout", layout,
                      "--device", "cpu", "--json")
    said, found = json.loads(result.stdout), facts(expandft, output)
    zeros = 3 * 3 * 64 * (narrow - 172) * 4  # layers, projections, hidden size, bytes
    assert said["padding_bytes"] == found["padding_bytes"] == zeros
    assert said["weight_bytes"] == found["weight_bytes"] == sum(t.nbytes for t in read_tensors(output).values())
    text = expandft("expand", "--model", stories, "--output", tmp_path / "again", "--layers", "last:2", "--layout",
                    layout, "--device", "cpu")
    assert ("(padded: " in text.stdout) is (zeros > 0) and text.stdout.count(" MB") >= 1
    assert ("of zeros)" in text.stderr) is (zeros > 0), "the log says it beforehand"


@pytest.mark.parametrize("content, message", [
    (None, "no such directory"),
    ({}, "neither a model"),
    ({"config.json": "{}"}, "no weights"),
    ({"adapter_config.json": '{"peft_type": "LORA"}'}, "adapter_config.json"),
    ({"config.resolved.json": "{"}, "config.resolved.json"),
])
def test_what_it_cannot_tell(expandft, tmp_path, content, message):
    directory = tmp_path / "directory"
    if content is not None:
        directory.mkdir()
        for name, text in content.items():
            (directory / name).write_text(text)
    result = expandft("inspect", directory)
    assert result.rc == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert str(directory) in result.stderr
