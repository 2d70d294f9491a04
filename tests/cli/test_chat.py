"""Conversations: training on `messages`, and `generate --chat`, in the model's own chat format."""

import json

import pytest

from training import write_config

CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'"
          " + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
START, END = 512, 513
ROWS = [{"messages": [{"role": "user", "content": f"What is {i} and {i}?"},
                      {"role": "assistant", "content": f"It is {2 * i}."}]} for i in range(24)]


@pytest.fixture
def chat_model(tiny_model):
    """A random model whose tokenizer has ChatML's two tokens after its vocabulary."""
    model = tiny_model("chat", vocab_size=514)
    added = {str(START): {"content": "<|im_start|>", "special": True}, str(END): {"content": "<|im_end|>", "special": True},
             "1": {"content": "<s>", "special": True}, "2": {"content": "</s>", "special": True}}
    (model / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False, "bos_token": "<s>", "eos_token": "<|im_end|>",
         "added_tokens_decoder": added, "chat_template": CHATML}))
    return model


def write_chat_config(folder, model, rows, **changes):
    config = write_config(folder, model, data__train="chat.jsonl", data__validation=None, evaluation=None,
                          data__max_length=128, **changes)
    (folder / "chat.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return config


def train(expandft, config, *arguments):
    return expandft("train", "--config", config, "--device", "cpu", "--threads", "1", *arguments)


def test_answers_are_learned_and_the_merged_model_answers(expandft, tmp_path, chat_model):
    config = write_chat_config(tmp_path, chat_model, ROWS, training__max_steps=150, training__learning_rate=1e-2,
                               expansion__layers="all", training__seed=1)
    result = train(expandft, config)
    assert result.rc == 0, result.stderr
    lines = [json.loads(line) for line in (tmp_path / "out/metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in lines if line["event"] == "train"]
    assert losses[-1] < 0.5 * losses[0]

    answer = expandft("generate", "--model", tmp_path / "out/merged", "--chat", "--json", "--max-tokens", "30",
                      "--temperature", "0", "--prompt", "What is 3 and 3?", "--device", "cpu")
    assert answer.rc == 0, answer.stderr
    answer = json.loads(answer.stdout)
    assert answer["prompt_tokens"][0] == START and answer["prompt_tokens"].count(START) == 2
    assert answer["prompt_tokens"].count(END) == 1
    assert answer["stop"] == "end" and answer["text"].startswith("It is")


def test_prompts_carry_no_loss(expandft, tmp_path, chat_model):
    config = write_chat_config(tmp_path, chat_model, ROWS)
    count = {}
    for learn_prompt in ("false", "true"):
        result = train(expandft, config, "--dry-run", "--set", f"data.learn_prompt={learn_prompt}")
        assert result.rc == 0, result.stderr
        line = next(line for line in result.stderr.splitlines() if "of them learned" in line)
        count[learn_prompt] = int(line.split(", ")[-1].split()[0])
    assert 0 < count["false"] < count["true"]


@pytest.mark.parametrize(("row", "words"), [
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "narrator", "content": "x"}]}, "narrator"),
    ({"messages": [{"role": "user", "content": 5}]}, "content"),
])
def test_damaged_rows_are_named_by_line(expandft, tmp_path, chat_model, row, words):
    result = train(expandft, write_chat_config(tmp_path, chat_model, [*ROWS, row]))
    assert result.rc == 2
    assert f"chat.jsonl:{len(ROWS) + 1}" in result.stderr and words in result.stderr
    assert not (tmp_path / "out").exists()


def test_an_unknown_template_names_the_way_out(expandft, tmp_path, chat_model):
    settings = json.loads((chat_model / "tokenizer_config.json").read_text())
    settings["chat_template"] = "{{ messages[0]['content'] | shuffle }}"
    (chat_model / "tokenizer_config.json").write_text(json.dumps(settings))
    config = write_chat_config(tmp_path, chat_model, ROWS)
    result = train(expandft, config)
    assert result.rc == 2 and "chat_format" in result.stderr and "tokenizer_config.json" in result.stderr
    assert train(expandft, config, "--set", "data.chat_format=chatml", "--set", "training.max_steps=1").rc == 0

    result = expandft("generate", "--model", chat_model, "--chat", "--prompt", "Hi", "--device", "cpu")
    assert result.rc == 2 and "chat-format" in result.stderr + result.stdout
