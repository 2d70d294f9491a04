"""GGUF files that expand, merge and train write: what is in them, and what is refused."""

import json
import shutil

import gguf
import numpy
import pytest
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import load_file, save_file
from training import train, write_config
from transformers import AutoModelForCausalLM, LlamaTokenizer

import gguf_files

TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0")
NUMPY = {torch.float32: Type.F32, torch.float16: Type.F16, torch.bfloat16: Type.BF16}


def run(expandft, *arguments, rc=0):
    result = expandft(*arguments, "--device", "cpu")
    assert result.rc == rc, result.stderr
    return result


def arrays_of(path):
    """{name: float32 array} of a GGUF file, and {name: type}."""
    tensors = gguf.GGUFReader(path).tensors
    return ({t.name: gguf.dequantize(t.data, t.tensor_type).reshape(tuple(reversed(t.shape.tolist()))) for t in tensors},
            {t.name: t.tensor_type.name for t in tensors})


def fields_of(path):
    reader = gguf.GGUFReader(path)
    return {name: field.contents() for name, field in reader.fields.items()}


def expected_arrays(tensors, heads, key_heads, architecture="llama"):
    """What llama.cpp's names and order of rows make of a directory's tensors."""
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, 8)
    arrays = {}
    for key, tensor in tensors.items():
        array = tensor.float().numpy()
        if ".q_proj." in key:
            array = gguf_files.permute(array, heads)
        if ".k_proj." in key:
            array = gguf_files.permute(array, key_heads)
        arrays[names.get_name(key, try_suffixes=(".weight", ".bias"))] = array
    return arrays


@pytest.fixture
def trained(expandft, tmp_path, stories):
    """An adapter on stories260K."""
    train(expandft, write_config(tmp_path, stories, training__max_steps=3, evaluation=None))
    return tmp_path / "out/adapter"


@pytest.mark.parametrize("kind", TYPES)
def test_a_file_holds_the_numbers_of_the_directory(expandft, tmp_path, stories, read_tensors, kind):
    run(expandft, "expand", "--model", stories, "--output", tmp_path / "grown", "--layers", "all")
    result = run(expandft, "expand", "--model", stories, "--output", tmp_path / "grown.gguf", "--layers", "all",
                 "--gguf-type", kind, "--json")
    facts = json.loads(result.stdout)
    assert facts["format"] == "gguf" and facts["layout"] == "native"
    found, types = arrays_of(tmp_path / "grown.gguf")
    expected = expected_arrays(read_tensors(tmp_path / "grown"), 8, 4)
    assert set(found) == set(expected)
    assert facts["weight_bytes"] == (tmp_path / "grown.gguf").stat().st_size
    for name, array in expected.items():
        own = kind if array.ndim > 1 else "F32"
        if own in ("Q8_0", "Q4_0") and array.shape[-1] % 32:
            own = "F16"
        assert types[name] == own, name
        numbers = gguf.dequantize(gguf.quantize(numpy.ascontiguousarray(array), Type[own]), Type[own])
        assert numpy.array_equal(found[name], numbers), name


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_the_type_is_the_checkpoints(expandft, tmp_path, tiny_model, read_tensors, dtype):
    model = tiny_model(dtype=dtype)
    run(expandft, "expand", "--model", model, "--output", tmp_path / "grown", "--layers", "all")
    run(expandft, "expand", "--model", model, "--output", tmp_path / "grown.gguf", "--layers", "all")
    expected, imported = tmp_path / "grown", tmp_path / "imported"
    kinds = arrays_of(tmp_path / "grown.gguf")[1]
    assert kinds["blk.0.ffn_up.weight"] == NUMPY[getattr(torch, dtype)].name
    result = expandft("import", tmp_path / "grown.gguf", "--output", imported, "--dtype", "float32")
    assert result.rc == 0, result.stderr
    found = read_tensors(imported)
    for name, tensor in read_tensors(expected).items():
        assert torch.equal(found[name], tensor.float()), name


def test_commands_read_what_was_written(expandft, tmp_path, stories):
    run(expandft, "expand", "--model", stories, "--output", tmp_path / "m.gguf", "--layers", "all")
    ids = tmp_path / "ids.json"
    ids.write_text(json.dumps([1, 403, 407, 261, 378, 432]))
    scores = []
    for model in (stories, tmp_path / "m.gguf"):
        result = run(expandft, "score", "--model", model, "--ids", ids)
        scores.append([json.loads(line)["logprob"] for line in result.stdout.splitlines()[1:]])
    assert numpy.allclose(*scores, atol=0.05)  # a GGUF file is read in bfloat16


def test_keys_say_what_the_config_does(expandft, tmp_path, stories):
    run(expandft, "expand", "--model", stories, "--output", tmp_path / "m.gguf", "--layers", "all", "--gguf-type", "Q8_0")
    fields = fields_of(tmp_path / "m.gguf")
    config = json.loads((stories / "config.json").read_text())
    assert fields["general.architecture"] == "llama" and fields["general.file_type"] == 7
    assert fields["general.name"] == "m"
    assert fields["llama.feed_forward_length"] == 2 * config["intermediate_size"]
    assert fields["llama.attention.head_count_kv"] == config["num_key_value_heads"]
    assert fields["tokenizer.ggml.model"] == "llama" and len(fields["tokenizer.ggml.tokens"]) == 512
    assert fields["tokenizer.ggml.bos_token_id"] == 1
    info = json.loads(fields["expandft.info"])
    assert info["format"] == "expandft-merged" and info["copies"] == 2


def test_layers_of_different_widths(expandft, tmp_path, tiny_model, stories):
    # Llama becomes llama.cpp's "deci", whose layers have their own widths.
    model = tiny_model(intermediate_size=256)
    result = run(expandft, "expand", "--model", model, "--output", tmp_path / "m.gguf", "--layers", "1", "--json")
    assert json.loads(result.stdout)["layout"] == "deci"
    fields = fields_of(tmp_path / "m.gguf")
    assert fields["general.architecture"] == "deci"
    assert fields["deci.feed_forward_length"] == [256, 512, 256]
    arrays = arrays_of(tmp_path / "m.gguf")[0]
    assert arrays["blk.1.ffn_up.weight"].shape == (512, 32) and arrays["blk.2.ffn_up.weight"].shape == (256, 32)
    # A model that "deci" cannot compute, and one that is told so, get one width.
    source = gguf_files.make_source("qwen2")
    source.save_pretrained(tmp_path / "qwen2")
    shutil.copy(stories / "tokenizer.model", tmp_path / "qwen2")
    for base, layout in ((tmp_path / "qwen2", []), (model, ["--layout", "padded"])):
        output = tmp_path / f"{base.name}-padded.gguf"
        result = run(expandft, "expand", "--model", base, "--output", output, "--layers", "1", "--json", *layout)
        facts = json.loads(result.stdout)
        assert facts["layout"] == "padded" and facts["padding_bytes"] > 0
        array = arrays_of(output)[0]["blk.0.ffn_up.weight"]
        assert not array[len(array) // 2:].any()


def test_a_merge(expandft, tmp_path, stories, trained, read_tensors):
    for output in ("merged", "merged.gguf"):
        result = run(expandft, "merge", "--model", stories, "--adapter", trained, "--output", tmp_path / output,
                     "--layout", "padded", "--strength", "0.5", "--json")
        assert json.loads(result.stdout)["as_written"]["worst_logit_difference"] < 1e-3
    expected = expected_arrays(read_tensors(tmp_path / "merged"), 8, 4)
    found = arrays_of(tmp_path / "merged.gguf")[0]
    assert all(numpy.array_equal(found[name], array) for name, array in expected.items())
    assert json.loads(fields_of(tmp_path / "merged.gguf")["expandft.info"])["strength"] == 0.5


def test_rounding_is_reported(expandft, tmp_path, stories, trained):
    result = run(expandft, "merge", "--model", stories, "--adapter", trained, "--output", tmp_path / "m.gguf",
                 "--gguf-type", "Q4_0")
    assert "rounding of the weights to Q4_0 explains it" in result.stdout


@pytest.mark.parametrize("method", [{"method": "lora", "lora__rank": 4}, {"method": "llama-pro"}, {"method": "full"},
                                    {}])
def test_a_run(expandft, tmp_path, stories, method):
    config = write_config(tmp_path, stories, output_format="gguf", gguf_type="F16", training__max_steps=2,
                          evaluation=None, **method)
    result = train(expandft, config)
    file = tmp_path / "out/merged.gguf"
    assert str(file) in result.stdout and not (tmp_path / "out/merged").exists()
    arrays, types = arrays_of(file)
    assert types["blk.0.attn_q.weight"] == "F16"
    assert len([name for name in arrays if name.endswith("ffn_up.weight")]) == (7 if "pro" in str(method) else 5)
    inspected = json.loads(expandft("inspect", tmp_path / "out", "--json").stdout)
    assert inspected["merged"] is True
    assert "merged.gguf" in [file["name"] for file in inspected["files"]]
    again = expandft("eval", "--config", config, "--tasks", "wikitext")
    assert again.rc == 2 and "merged.gguf" in again.stderr and "expandft import" in again.stderr


def test_a_run_that_is_resumed_in_another_format_has_one_merged_model(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__max_steps=2, training__checkpoint_every=2, evaluation=None)
    train(expandft, config)
    assert (tmp_path / "out/merged").is_dir()
    config = write_config(tmp_path, stories, training__max_steps=3, training__checkpoint_every=2, evaluation=None,
                          output_format="gguf")
    train(expandft, config, "--resume")
    assert (tmp_path / "out/merged.gguf").is_file() and not (tmp_path / "out/merged").exists()


def test_a_tokenizer_json_with_bytes_as_tokens(expandft, tmp_path, stories):
    # SentencePiece's scores come from the order of the merges.
    model = shutil.copytree(stories, tmp_path / "model")
    LlamaTokenizer.from_pretrained(stories).save_pretrained(model)
    (model / "tokenizer.model").unlink(missing_ok=True)
    result = run(expandft, "expand", "--model", model, "--output", tmp_path / "m.gguf", "--layers", "all")
    # llama.cpp puts a space before a text that starts with one, and this tokenizer.json does not.
    assert f'{tmp_path / "m.gguf"}: the tokenizer in the file has other ids than the model\'s for the text " leading ' \
        'space"' in result.stderr
    scores = fields_of(tmp_path / "m.gguf")["tokenizer.ggml.scores"]
    run(expandft, "expand", "--model", stories, "--output", tmp_path / "n.gguf", "--layers", "all")
    fields = fields_of(tmp_path / "n.gguf")
    assert fields["tokenizer.ggml.tokens"] == fields_of(tmp_path / "m.gguf")["tokenizer.ggml.tokens"]
    merged = [i for i, kind in enumerate(fields["tokenizer.ggml.token_type"])
              if kind == 1 and len(fields["tokenizer.ggml.tokens"][i]) > 1]
    original = fields["tokenizer.ggml.scores"]
    assert sorted(merged, key=lambda i: -scores[i]) == sorted(merged, key=lambda i: -original[i])


REFUSED = [
    (["--output", "m.gguf", "--format", "huggingface"], ["m.gguf", "does not end"]),
    (["--output", "m", "--format", "gguf"], ["expected a name that ends in .gguf"]),
    (["--output", "m", "--gguf-type", "F16"], ["--gguf-type is for GGUF files"]),
    (["--output", "m.gguf", "--gguf-type", "Q4_K"], ["Q4_K", "Q4_0"]),
    (["--output", "m.gguf", "--layout", "remote-code"], ["Python file", "padded"]),
]


@pytest.mark.parametrize("arguments, parts", REFUSED)
def test_contradictions_are_refused(expandft, tmp_path, stories, arguments, parts):
    result = expandft("expand", "--model", stories, "--layers", "all", *arguments, cwd=tmp_path)
    assert result.rc == 2
    assert all(part in result.stderr for part in parts), result.stderr
    assert list(tmp_path.iterdir()) == []


def test_existing_files(expandft, tmp_path, stories):
    output = tmp_path / "m.gguf"
    expand = ["expand", "--model", stories, "--layers", "all", "--output", output]
    output.write_bytes(b"mine")
    for more in ([], ["--force"]):
        result = run(expandft, *expand, *more, rc=2)
        assert "found a file, expected a new one" in result.stderr
    assert output.read_bytes() == b"mine"
    output.unlink()
    run(expandft, *expand)
    assert "--force" in run(expandft, *expand, rc=2).stderr
    run(expandft, *expand, "--force", "--gguf-type", "F16")
    assert fields_of(output)["general.file_type"] == 1
    output.unlink()
    output.mkdir()
    assert "found a directory, expected a new file" in run(expandft, *expand, rc=2).stderr


def test_models_that_gguf_cannot_hold_are_refused_before_any_work(expandft, tmp_path, tiny_model, stories):
    model = tiny_model()
    (model / "tokenizer.model").unlink()
    expand = ["expand", "--model", model, "--layers", "all", "--output", tmp_path / "m.gguf"]
    assert "neither a tokenizer.model nor a tokenizer.json" in run(expandft, *expand, rc=2).stderr
    shutil.copy(stories / "tokenizer.model", model)
    config = json.loads((model / "config.json").read_text())
    config["hidden_act"] = "gelu_pytorch_tanh"
    (model / "config.json").write_text(json.dumps(config))
    result = run(expandft, *expand, rc=2)
    assert 'llama.cpp\'s "llama" does not compute this activation' in result.stderr
    # Of a run, with its other problems.
    train_config = write_config(tmp_path, model, output_format="gguf")
    result = expandft("train", "--config", train_config, "--device", "cpu")
    assert result.rc == 2 and "does not compute this activation" in result.stderr
    assert not (tmp_path / "out").exists() and not (tmp_path / "m.gguf").exists()


def unmerged(expandft, file, output, rc=0):
    result = expandft("unmerge", "--model", file, "--output", output)
    assert result.rc == rc, result.stderr
    return result


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_base_comes_back_out_of_a_file(expandft, tmp_path, stories, trained, dtype):
    base, adapter = tmp_path / "base", trained
    shutil.copytree(stories, base)
    if dtype is torch.bfloat16:
        tensors = {name: tensor.to(dtype) for name, tensor in load_file(base / "model.safetensors").items()}
        save_file(tensors, base / "model.safetensors", metadata={"format": "pt"})
        adapter = tmp_path / "out16/adapter"
        train(expandft, write_config(tmp_path, base, training__max_steps=3, evaluation=None,
                                     output=str(tmp_path / "out16")))
    run(expandft, "merge", "--model", base, "--adapter", adapter, "--output", tmp_path / "m.gguf")
    unmerged(expandft, tmp_path / "m.gguf", tmp_path / "again")
    assert (tmp_path / "again/config.json").read_bytes() == (base / "config.json").read_bytes()
    before, after = (load_file(folder / "model.safetensors") for folder in (base, tmp_path / "again"))
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert tensor.dtype == after[name].dtype == dtype and torch.equal(tensor, after[name]), name
    assert not {"imported", "expandft.json"} & {path.name for path in tmp_path.glob("again/*")}


def test_files_that_hold_no_base_are_named(expandft, tmp_path, stories, trained):
    merge = ["merge", "--model", stories, "--adapter", trained, "--output"]
    run(expandft, *merge, tmp_path / "q8.gguf", "--gguf-type", "Q8_0")
    result = unmerged(expandft, tmp_path / "q8.gguf", tmp_path / "base", rc=2)
    assert "rounded to Q8_0; expected F32 or BF16" in result.stderr and "q8.gguf" in result.stderr
    run(expandft, *merge, tmp_path / "half.gguf", "--strength", "0.5")
    result = unmerged(expandft, tmp_path / "half.gguf", tmp_path / "base", rc=2)
    assert "cannot be undone bit for bit" in result.stderr and "half.gguf" in result.stderr
    # Its numbers are rounded, which the types do not show.
    run(expandft, *merge, tmp_path / "bf16.gguf", "--gguf-type", "BF16")
    result = unmerged(expandft, tmp_path / "bf16.gguf", tmp_path / "base", rc=1)
    assert "the restored model is not the base" in result.stderr and "GGUF" in result.stderr
    # Of another program.
    other = tmp_path / "other.gguf"
    gguf_files.write_gguf(other, "llama-tied", AutoModelForCausalLM.from_pretrained(stories), stories / "tokenizer.model")
    assert "not merged by expandft" in unmerged(expandft, other, tmp_path / "base", rc=2).stderr
    assert not (tmp_path / "base").exists()


def test_a_failure_leaves_nothing(expandft, tmp_path, tiny_model):
    model = tiny_model()
    tensors = load_file(model / "model.safetensors")
    tensors["model.layers.0.mlp.up_proj.weight"] *= 1e6  # beyond float16
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    result = run(expandft, "expand", "--model", model, "--layers", "all", "--output", tmp_path / "x/m.gguf",
                 "--gguf-type", "F16", rc=2)
    assert "too large for F16" in result.stderr and "row" in result.stderr
    assert not (tmp_path / "x").exists()
