"""Unknown content of a tokenizer's files gives one notice per command, and is refused with --strict."""

import json
import shutil

import pytest
from training import write_config

FIELD = "a_field_of_tomorrow"


@pytest.fixture
def model(stories, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(stories, folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "LlamaTokenizer", FIELD: "on"}))
    return folder


def test_an_unknown_field_is_told_once_by_each_command(expandft, model, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("Once upon a time there was a girl. " * 20)
    task = tmp_path / "stories.json"
    task.write_text(json.dumps({"name": "stories", "type": "perplexity", "data": "text.txt", "block_length": 64}))
    config = write_config(tmp_path, model)
    for command in (["score", "--model", model, "--text", text], ["generate", "--model", model, "--prompt", "Once"],
                    ["inspect", model], ["eval", "--model", model, "--tasks", task, "--no-cache"],
                    ["train", "--config", config, "--dry-run"]):
        result = expandft(*command)
        assert result.rc == 0, result.stderr
        assert result.stderr.count(f"\"{FIELD}\" is not known") == 1, (command, result.stderr)
        strict = expandft(*command, "--strict")
        assert strict.rc == 2 and FIELD in strict.stderr, (command, strict.stderr)
    assert FIELD in expandft("train", "--config", config, "--dry-run").stdout


def test_a_text_in_place_of_a_flag_is_refused(expandft, model):
    (model / "tokenizer_config.json").write_text('{"split_special_tokens": "true"}')
    result = expandft("generate", "--model", model, "--prompt", "Once")
    assert result.rc == 2 and "tokenizer_config.json: split_special_tokens" in result.stderr, result.stderr
    assert "true or false" in result.stderr


def test_chats_need_special_tokens_in_texts(expandft, model, tmp_path):
    (model / "tokenizer_config.json").write_text(json.dumps(
        {"split_special_tokens": True, "chat_template": "x", "bos_token": "<s>", "eos_token": "</s>"}))
    rows = tmp_path / "rows.jsonl"
    rows.write_text(json.dumps({"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}) + "\n")
    config = write_config(tmp_path, model, data__train="rows.jsonl", data__validation=None, data__chat_template="chatml")
    result = expandft("train", "--config", config, "--dry-run")
    assert result.rc == 2 and "split_special_tokens" in result.stderr, result.stderr
