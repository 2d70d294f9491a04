"""expandft inspect: says what a directory is."""

import json

import pytest


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
    (tmp_path / "config.resolved.json").write_text(json.dumps({"model": "base", "train": "new"}))
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

    (tmp_path / "summary.json").write_text('{"steps": 3}')
    assert facts(expandft, tmp_path)["status"] == "finished"
    assert "finished" in expandft("inspect", tmp_path).stdout


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
