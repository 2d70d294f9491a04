"""Conversations: training on `messages`, and `generate --chat`, with the model's own chat template."""

import json

import pytest

from chat_models import CHATML, END, START
from training import write_config

ROWS = [{"messages": [{"role": "user", "content": f"What is {i} and {i}?"},
                      {"role": "assistant", "content": f"It is {2 * i}."}]} for i in range(24)]


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
    for train_on_prompt in ("false", "true"):
        result = train(expandft, config, "--dry-run", "--set", f"data.train_on_prompt={train_on_prompt}")
        assert result.rc == 0, result.stderr
        line = next(line for line in result.stderr.splitlines() if "of them learned" in line)
        count[train_on_prompt] = int(line.split(", ")[-1].split()[0])
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


def test_an_unusable_template_is_named_and_another_can_be_given(expandft, tmp_path, chat_model):
    settings = json.loads((chat_model / "tokenizer_config.json").read_text())
    settings["chat_template"] = "{{ messages[0]['content'] | shuffle }}"
    (chat_model / "tokenizer_config.json").write_text(json.dumps(settings))
    config = write_chat_config(tmp_path, chat_model, ROWS)
    result = train(expandft, config)
    assert result.rc == 2 and "shuffle" in result.stderr and "tokenizer_config.json" in result.stderr
    assert train(expandft, config, "--set", "data.chat_template=chatml", "--set", "training.max_steps=1").rc == 0

    ask = ["generate", "--model", chat_model, "--chat", "--prompt", "Hi", "--max-tokens", "1", "--device", "cpu"]
    result = expandft(*ask)
    assert result.rc == 2 and "shuffle" in result.stderr and "tokenizer_config.json" in result.stderr
    assert expandft(*ask, "--chat-template", "chatml").rc == 0


def learned(expandft, folder, model, row, *arguments):
    """The number of tokens, and of learned tokens, in a data set of one row."""
    result = train(expandft, write_chat_config(folder, model, [row]), "--dry-run", *arguments)
    assert result.rc == 0, result.stderr
    line = next(line for line in result.stderr.splitlines() if "of them learned" in line)
    return tuple(int(part.split()[0]) for part in line.split(", ")[-2:])


def turns(**switch):
    return [{"role": "user", "content": "What is two plus two?"},
            {"role": "assistant", "content": "It is five, obviously."} | switch,
            {"role": "user", "content": "Are you sure?"},
            {"role": "assistant", "content": "Sorry, it is four."}]


def test_answers_can_be_left_out(expandft, tmp_path, chat_model):
    tokens, targets = learned(expandft, tmp_path, chat_model, {"messages": turns()}, "--strict")
    for switch in ({"weight": 0}, {"train": False}):
        assert learned(expandft, tmp_path, chat_model, {"messages": turns(**switch)}, "--strict") == (
            tokens, learned(expandft, tmp_path, chat_model, {"messages": turns()[2:]})[1])
    assert learned(expandft, tmp_path, chat_model, {"messages": turns(weight=1)}, "--strict") == (tokens, targets)
    for row, words in (({"messages": turns(weight=0.5)}, "messages.1.weight is 0.5"),
                       ({"messages": [m | ({"weight": 0} if m["role"] == "assistant" else {}) for m in turns()]},
                        "nothing would be learned"),
                       ({"messages": turns(thinking="hm")}, "leaves out the reasoning"),
                       ({"messages": turns(), "tools": [{"name": "f"}]}, "has no place for tools")):
        result = train(expandft, write_chat_config(tmp_path, chat_model, [row]))
        assert result.rc == 2 and words in result.stderr, result.stderr


def test_a_system_text_beside_the_list(expandft, tmp_path, chat_model):
    system = {"role": "system", "content": "You answer in French only."}
    expected = learned(expandft, tmp_path, chat_model, {"messages": [system, *turns()]})
    assert learned(expandft, tmp_path, chat_model, {"system": system["content"], "messages": turns()}) == expected
    shared = [{"from": "human" if m["role"] == "user" else "gpt", "value": m["content"]} for m in turns()]
    row = {"system": system["content"], "tools": "[]", "conversations": shared}
    assert learned(expandft, tmp_path, chat_model, row, "--strict") == expected
    result = train(expandft, write_chat_config(tmp_path, chat_model, [
        {"system": "Other", "messages": [system, *turns()]}]))
    assert result.rc == 2 and "system text differs" in result.stderr


def ask(expandft, model, *arguments):
    result = expandft("generate", "--model", model, "--prompt", "Hi", "--max-tokens", "1", "--temperature", "0",
                      "--json", "--device", "cpu", *arguments)
    assert result.rc == 0, result.stderr
    return result, json.loads(result.stdout)["prompt_tokens"]


def test_generate_hints_at_the_template_and_reads_it_with_any_line_ends(expandft, chat_model):
    plain, _ = ask(expandft, chat_model)
    assert plain.stderr.count("has a chat template: --chat writes the prompt in it") == 1
    assert "--chat" not in ask(expandft, chat_model, "--quiet")[0].stderr
    chat, tokens = ask(expandft, chat_model, "--chat")
    assert "chat template" not in chat.stderr
    windows = CHATML.replace("\n", "\r\n").encode()
    (chat_model / "chat_template.jinja").write_bytes(windows)
    assert ask(expandft, chat_model, "--chat")[1] == tokens
    (chat_model / "chat_template.jinja").write_bytes(b"\xef\xbb\xbf" + windows)
    marked = expandft("generate", "--model", chat_model, "--chat", "--prompt", "Hi", "--device", "cpu")
    assert marked.rc == 2 and "byte order mark" in marked.stderr
    (chat_model / "chat_template.jinja").write_text("{{ messages")  # unusable: no misleading hint
    assert "--chat" not in ask(expandft, chat_model)[0].stderr


def test_prompts_of_samples_are_questions_where_conversations_are_learned(expandft, tmp_path, chat_model):
    config = write_chat_config(tmp_path, chat_model, ROWS, training__max_steps=150, training__learning_rate=1e-2,
                               expansion__layers="all", training__seed=1,
                               evaluation__prompts=["What is 3 and 3?"])
    result = train(expandft, config)
    assert result.rc == 0, result.stderr
    sample, = json.loads((tmp_path / "out/summary.json").read_text())["samples"]
    assert sample["prompt"] == "What is 3 and 3?" and sample["tuned"].startswith("It is")
    assert len(sample["tuned"]) < 40 and "<|im_" not in sample["tuned"]  # ends with its turn


def test_a_sample_of_nothing_is_explained(expandft, tmp_path, chat_model):
    """A row with a prompt only: the tuned model stops at once."""
    config = write_config(tmp_path, chat_model, data__train="rows.jsonl", data__validation=None,
                          evaluation={"prompts": ["Say nothing."]}, training__max_steps=80,
                          training__learning_rate=1e-2, expansion__layers="all")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"prompt": "Say nothing.", "completion": "<|im_end|>"}) + "\n")
    result = train(expandft, config)
    assert result.rc == 0, result.stderr
    sample, = json.loads((tmp_path / "out/summary.json").read_text())["samples"]
    assert sample["tuned"] == ""
    assert 'the tuned model writes nothing after "Say nothing."' in result.stderr
    page = (tmp_path / "out/report.html").read_text()
    assert ">(nothing)<" in page and "stops at once" in page
