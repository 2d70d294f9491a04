"""expandft expand, merge and unmerge: what they write, and what they refuse."""

import json

import pytest

from training import write_config


def run(expandft, *arguments, rc=0):
    result = expandft(*arguments)
    assert result.rc == rc, result.stderr
    return result


def expand(expandft, model, output, *arguments, rc=0):
    return run(expandft, "expand", "--model", model, "--output", output, "--device", "cpu", *arguments, rc=rc)


@pytest.mark.parametrize("layers, grown", [
    ("all", [0, 1, 2, 3, 4]), ("last:2", [3, 4]), ("first:2", [0, 1]), ("every:2", [1, 3]),
    ("1-3", [1, 2, 3]), ("0,2,-1", [0, 2, 4]), ("0,3-4", [0, 3, 4])])
def test_layer_selections(expandft, tmp_path, stories, layers, grown):
    result = expand(expandft, stories, tmp_path / "out", "--layers", layers, "--json")
    facts = json.loads(result.stdout)
    assert facts["layers"] == grown
    assert facts["layout"] == ("native" if len(grown) == 5 else "padded")
    assert facts["split_form"] == {"worst_logit_difference": 0.0, "identical": True}
    assert facts["as_written"]["worst_logit_difference"] < 1e-4


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("copies", [2, 3, 4])
def test_expands_in_every_dtype(expandft, tmp_path, tiny_model, dtype, copies):
    model = tiny_model(dtype=dtype)
    result = expand(expandft, model, tmp_path / "out", "--layers", "0,2", "--copies", copies, "--json")
    assert json.loads(result.stdout)["split_form"]["identical"] is True


def test_from_a_config(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories)
    result = expand(expandft, stories, tmp_path / "out", "--config", config)
    assert "2 of 5 layers (3, 4)" in result.stdout
    assert "bit for bit" in result.stdout


def test_strength_of_a_merge(expandft, tmp_path, stories, read_tensors):
    config = write_config(tmp_path, stories, training__max_steps=3, evaluation=None)
    run(expandft, "train", "--config", config, "--device", "cpu")
    adapter = tmp_path / "out/adapter"

    def merge(name, *arguments, rc=0):
        return run(expandft, "merge", "--model", stories, "--adapter", adapter, "--output", tmp_path / name,
                   "--device", "cpu", *arguments, rc=rc)

    merge("full")
    ours, trained = read_tensors(tmp_path / "full"), read_tensors(tmp_path / "out/merged")
    assert all(ours[name].equal(trained[name]) for name in trained)
    merge("half", "--strength", "0.5")
    name = "model.layers.4.mlp.down_proj.weight"
    half, base = read_tensors(tmp_path / "half")[name], read_tensors(stories)[name]
    assert half[:, :172].equal(base * 0.75)
    assert half[:, 172:].equal(read_tensors(adapter)[name.replace(".weight", ".copy1.weight")] * 0.25)
    assert "cannot be undone" in run(expandft, "unmerge", "--model", tmp_path / "half", "--output",
                                     tmp_path / "back", rc=2).stderr
    assert not (tmp_path / "back").exists()
    merge("none", "--strength", "0")
    run(expandft, "unmerge", "--model", tmp_path / "none", "--output", tmp_path / "back")
    assert all(t.equal(read_tensors(tmp_path / "back")[n]) for n, t in read_tensors(stories).items())


def test_an_adapter_belongs_to_its_base(expandft, tmp_path, stories, tiny_model):
    config = write_config(tmp_path, stories, training__max_steps=1, evaluation=None)
    run(expandft, "train", "--config", config, "--device", "cpu")
    result = run(expandft, "merge", "--model", tiny_model(), "--adapter", tmp_path / "out/adapter", "--output",
                 tmp_path / "merged", rc=2)
    assert "another base" in result.stderr
    assert not (tmp_path / "merged").exists()


def test_outputs_of_others_are_not_replaced(expandft, tmp_path, stories):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    result = expand(expandft, stories, out, "--layers", "all", rc=2)
    assert "--force" in result.stderr and (out / "thesis.txt").exists()
    result = expand(expandft, stories, out, "--layers", "all", "--force", rc=2)
    assert "thesis.txt" in result.stderr and (out / "thesis.txt").read_text() == "years of work"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out"]


def test_refusals(expandft, tmp_path, stories, tiny_model):
    out = tmp_path / "grown"
    assert "--layers" in expand(expandft, stories, out, rc=2).stderr
    assert "native" in expand(expandft, stories, out, "--layers", "0", "--layout", "native", rc=2).stderr
    assert "7" in expand(expandft, stories, out, "--layers", "7", rc=2).stderr
    other = tiny_model()
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"model_type": "mamba"}))
    assert "mamba" in expand(expandft, other, out, "--layers", "all", rc=2).stderr
    (other / "config.json").write_text(json.dumps(config))
    weights = (other / "model.safetensors").read_bytes()
    (other / "model.safetensors").write_bytes(weights[:-100])
    assert "model.safetensors" in expand(expandft, other, out, "--layers", "all", rc=2).stderr
    assert "merged by expandft" in run(expandft, "unmerge", "--model", stories, "--output", out, rc=2).stderr
    assert not out.exists()


def test_inputs_are_not_changed(expandft, tmp_path, tiny_model):
    model = tiny_model()
    before = {p.name: p.read_bytes() for p in model.iterdir()}
    expand(expandft, model, tmp_path / "out", "--layers", "all")
    assert {p.name: p.read_bytes() for p in model.iterdir()} == before
