"""GGUF files as models: every command reads them, an import is made once, and damage is refused by name."""

import json
import os
import struct
import subprocess

import pytest
from training import events, train, write_config
from transformers import AutoModelForCausalLM

import gguf_files

IDS = [1, 403, 407, 261, 378, 432, 440]


@pytest.fixture(scope="module")
def file(stories, tmp_path_factory):
    """stories260K as a GGUF file of Q8_0: its numbers are not the directory's."""
    path = tmp_path_factory.mktemp("gguf") / "stories.gguf"
    gguf_files.write_gguf(path, "llama-tied", AutoModelForCausalLM.from_pretrained(stories),
                          stories / "tokenizer.model", gguf_files.TYPES["Q8_0"])
    return path


@pytest.fixture(scope="module")
def imported(file, expandft):
    output = file.parent / "imported"
    result = expandft("import", file, "--output", output)
    assert result.rc == 0, result.stderr
    return output


def test_import_says_what_it_wrote(file, imported, expandft, tmp_path):
    result = expandft("import", file, "--output", tmp_path / "m", "--dtype", "float32")
    assert result.rc == 0, result.stderr
    assert "llama" in result.stdout and "F16, F32, Q8_0" in result.stdout and "float32" in result.stdout
    for folder in (imported, tmp_path / "m"):
        assert sorted(path.name for path in folder.glob("[a-z]*")) == [
            "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert json.loads((imported / "config.json").read_text())["torch_dtype"] == "bfloat16"
    again = expandft("import", file, "--output", tmp_path / "m")
    assert again.rc == 2 and "--force" in again.stderr
    assert expandft("import", file, "--output", tmp_path / "m", "--force").rc == 0


def test_commands_give_the_same_for_the_file_and_its_import(file, imported, expandft, tmp_path):
    ids, task = tmp_path / "ids.json", tmp_path / "stories.json"
    ids.write_text(json.dumps(IDS))
    (tmp_path / "stories.txt").write_text("Once upon a time there was a little girl named Lily. " * 20)
    task.write_text(json.dumps({"name": "stories", "type": "perplexity", "data": "stories.txt", "block_length": 64}))
    for command in (["score", "--ids", ids], ["generate", "--prompt", "Once upon a time", "--max-tokens", "20"],
                    ["eval", "--tasks", task, "--no-cache"], ["tokenize", tmp_path / "stories.txt"]):
        device = [] if command[0] == "tokenize" else ["--device", "cpu"]
        of_file = expandft(*command, "--model", file, *device)
        of_import = expandft(*command, "--model", imported, *device)
        assert of_file.rc == of_import.rc == 0, of_file.stderr + of_import.stderr
        assert of_file.stdout.replace(str(file), "") == of_import.stdout.replace(str(imported), ""), command


def test_training_on_the_file_and_on_its_import_gives_the_same_adapter(file, imported, expandft, tmp_path,
                                                                       read_tensors):
    for name, model in (("file", file), ("import", imported)):
        train(expandft, write_config(tmp_path, model, f"{name}.json", output=name, training__max_steps=3))
    adapters = [(tmp_path / name / "adapter/adapter_model.safetensors").read_bytes() for name in ("file", "import")]
    assert adapters[0] == adapters[1]
    resolved = json.loads((tmp_path / "file/config.resolved.json").read_text())
    assert resolved["model"] == str(file)
    # The adapter fits either, and the base comes back as it was imported.
    for model in (file, imported):
        merged = tmp_path / f"merged-{model.stem}"
        result = expandft("merge", "--model", model, "--adapter", tmp_path / "file/adapter", "--output", merged,
                          "--device", "cpu")
        assert result.rc == 0, result.stderr
        assert expandft("unmerge", "--model", merged, "--output", f"{merged}-base").rc == 0
        base, found = read_tensors(imported), read_tensors(tmp_path / f"merged-{model.stem}-base")
        assert base.keys() == found.keys()
        assert all(base[name].equal(found[name]) for name in base)


def test_a_run_on_a_file_goes_on(file, expandft, tmp_path):
    config = write_config(tmp_path, file, training__max_steps=3, training__checkpoint_every=1)
    train(expandft, config)
    result = train(expandft, config, "--resume", "--set", "training.max_steps=5")
    assert "importing" not in result.stderr
    assert [event["step"] for event in events(tmp_path / "out", "train")] == [1, 2, 3, 4, 5]


def test_an_import_is_made_once(file, expandft, tmp_path):
    ids, cache = tmp_path / "ids.json", tmp_path / "cache"
    ids.write_text(json.dumps(IDS))
    score = ["score", "--model", file, "--ids", ids, "--device", "cpu"]
    first, second = (expandft(*score, env={"EXPANDFT_CACHE": str(cache)}) for _ in range(2))
    assert first.rc == second.rc == 0
    assert "importing it once" in first.stderr and "importing it once" not in second.stderr
    assert first.stdout == second.stdout
    assert len(list((cache / "models").iterdir())) == 1
    # Another name of the same bytes is the same import but for the name; other bytes are another.
    changed = tmp_path / file.name
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    changed.write_bytes(data)
    third = expandft("score", "--model", changed, "--ids", ids, "--device", "cpu", env={"EXPANDFT_CACHE": str(cache)})
    assert third.rc == 0 and "importing it once" in third.stderr
    assert len(list((cache / "models").iterdir())) == 2


def test_processes_that_need_one_import_share_it(file, binary, tmp_path):
    ids = tmp_path / "ids.json"
    ids.write_text(json.dumps(IDS))
    environment = os.environ | {"EXPANDFT_CACHE": str(tmp_path / "cache")}
    running = [subprocess.Popen([binary, "score", "--model", file, "--ids", ids, "--device", "cpu"], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) for _ in range(4)]
    outputs = [process.communicate(timeout=120) for process in running]
    assert all(process.returncode == 0 for process in running), outputs
    assert len({out for out, _ in outputs}) == 1
    assert len(list((tmp_path / "cache/models").iterdir())) == 1


def test_without_a_cache_folder_the_way_out_is_named(file, expandft, tmp_path):
    ids = tmp_path / "ids.json"
    ids.write_text(json.dumps(IDS))
    result = expandft("score", "--model", file, "--ids", ids, env={"EXPANDFT_CACHE": "/dev/null"})
    assert result.rc == 1
    assert "/dev/null" in result.stderr and "EXPANDFT_CACHE" in result.stderr and "expandft import" in result.stderr


def test_inspect_describes_the_file_without_importing_it(file, expandft, tmp_path):
    cache = {"EXPANDFT_CACHE": str(tmp_path / "cache")}
    result = expandft("inspect", file, "--json", env=cache)
    assert result.rc == 0, result.stderr
    facts = json.loads(result.stdout)
    assert (facts["kind"], facts["family"], facts["layers"], facts["hidden_size"]) == ("GGUF file", "llama", 5, 64)
    assert set(facts["numbers_by_type"]) == {"F16", "F32", "Q8_0"}
    assert sum(facts["numbers_by_type"].values()) == facts["parameters"]
    assert facts["tokenizer"]["tokens"] == 512
    assert not (tmp_path / "cache").exists()
    assert "GGUF file" in expandft("inspect", file, env=cache).stdout


def test_validate_reads_the_file(file, expandft, tmp_path):
    assert expandft("validate", write_config(tmp_path, file)).rc == 0
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\x03\0\0\0")
    result = expandft("validate", write_config(tmp_path, broken))
    assert result.rc == 2 and "broken.gguf" in result.stderr


@pytest.mark.parametrize("length", [0, 3, 4, 20, 200, 5000, -1])
def test_a_file_that_was_cut_off_is_refused(file, expandft, tmp_path, length):
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(file.read_bytes()[:length])
    result = expandft("import", cut, "--output", tmp_path / "out")
    assert result.rc == 2
    assert "cut.gguf" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text, change, word", [
    ("general.architecture", lambda data, at: data.replace(b"llama", b"mamba", 1), "mamba"),
    ("version", lambda data, at: data[:4] + struct.pack("<I", 9) + data[8:], "9"),
    ("magic", lambda data, at: b"GGML" + data[4:], "GGUF"),
])
def test_what_is_not_known_is_named(file, expandft, tmp_path, text, change, word):
    changed = tmp_path / "changed.gguf"
    changed.write_bytes(change(file.read_bytes(), text))
    result = expandft("import", changed, "--output", tmp_path / "out")
    assert result.rc == 2
    assert "changed.gguf" in result.stderr and word in result.stderr
    assert not (tmp_path / "out").exists()


def test_parts_are_found_from_the_first(file, expandft, tmp_path, read_tensors, imported):
    import gguf

    reader = gguf.GGUFReader(file)
    parts = [tmp_path / f"m-{i:05}-of-00002.gguf" for i in (1, 2)]
    half = len(reader.tensors) // 2
    for i, path in enumerate(parts):
        writer = gguf.GGUFWriter(path, "llama" if i == 0 else "", use_temp_file=False)
        if i == 0:
            for field in reader.fields.values():
                if field.name.startswith(("GGUF.", "general.architecture")):
                    continue
                kind = field.types[0]
                writer.add_key_value(field.name, field.contents(), kind,
                                     sub_type=field.types[-1] if kind == gguf.GGUFValueType.ARRAY else None)
        writer.add_uint16("split.no", i)
        writer.add_uint16("split.count", 2)
        writer.add_int32("split.tensors.count", len(reader.tensors))
        for tensor in reader.tensors[:half] if i == 0 else reader.tensors[half:]:
            writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
    result = expandft("import", parts[0], "--output", tmp_path / "out")
    assert result.rc == 0, result.stderr
    expected, found = read_tensors(imported), read_tensors(tmp_path / "out")
    assert expected.keys() == found.keys() and all(expected[name].equal(found[name]) for name in expected)
    second = expandft("import", parts[1], "--output", tmp_path / "second")
    assert second.rc == 2 and "first" in second.stderr
    parts[1].unlink()
    missing = expandft("import", parts[0], "--output", tmp_path / "missing")
    assert missing.rc == 2 and parts[1].name in missing.stderr


def test_tokenize_prints_ids_and_pieces(expandft, stories, tmp_path):
    text = tmp_path / "text"
    text.write_text("Once upon\n")
    shown = expandft("tokenize", "--model", stories, text)
    assert shown.rc == 0, shown.stderr
    ids = [int(line.split("\t")[0]) for line in shown.stdout.splitlines()]
    as_json = json.loads(expandft("tokenize", "--model", stories, "--json", text).stdout)
    assert as_json["ids"] == ids and len(as_json["pieces"]) == len(ids) and ids[0] == 1
    plain = json.loads(expandft("tokenize", "--model", stories, "--json", "--no-special", text).stdout)
    assert plain["ids"] == ids[1:]
    of_input = expandft("tokenize", "--model", stories, "--json", "-", stdin="Once upon\n")
    assert json.loads(of_input.stdout) == as_json
    without_newline = expandft("tokenize", "--model", stories, "--json", "-", stdin="Once upon")
    assert json.loads(without_newline.stdout)["ids"] != ids
    assert expandft("tokenize", "--model", stories, tmp_path / "missing").rc == 2
    assert expandft("tokenize", "--model", tmp_path, text).rc == 2


def test_what_is_not_known_in_a_file_is_named_by_every_command(expandft, tmp_path, stories):
    file, ids = tmp_path / "odd.gguf", tmp_path / "ids.json"
    gguf_files.write_gguf(file, "llama-tied", AutoModelForCausalLM.from_pretrained(stories), stories / "tokenizer.model",
                          extra=lambda writer: writer.add_uint32("llama.hidden_trick", 3))
    ids.write_text(json.dumps(IDS))
    for _ in range(2):  # when it is imported, and from the import
        result = expandft("score", "--model", file, "--ids", ids, "--device", "cpu")
        assert result.rc == 0 and result.stderr.count('"llama.hidden_trick" is not known') == 1, result.stderr
    result = expandft("score", "--model", file, "--ids", ids, "--device", "cpu", "--strict")
    assert result.rc == 2 and "llama.hidden_trick" in result.stderr
    result = expandft("import", file, "--output", tmp_path / "m")
    assert result.rc == 0 and result.stderr.count("llama.hidden_trick") == 1
    result = expandft("score", "--model", tmp_path / "m", "--ids", ids, "--device", "cpu")
    assert result.rc == 0 and result.stderr.count("llama.hidden_trick") == 1
