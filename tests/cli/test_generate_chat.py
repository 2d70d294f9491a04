"""Conversations that `generate` continues: --chat, --messages and rows of --prompts."""

import json

import pytest

from chat_models import CHATML, END, START, add_chat, chatml, turns

# CHATML with tools, tool calls and a switch.
TOOLED = ("{% if tools %}{{ '<|im_start|>tools\n' + (tools | tojson) + '<|im_end|>\n' }}{% endif %}"
          "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + (m.content or '') }}"
          "{% if m.tool_calls %}{{ m.tool_calls | tojson }}{% endif %}{{ '<|im_end|>\n' }}{% endfor %}"
          "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}"
          "{% if enable_thinking is defined and not enable_thinking %}{{ '<think></think>' }}{% endif %}{% endif %}")
TOOL = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
LISTED = turns(("tools", json.dumps([TOOL])))
TALK = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": "Bye"}]
TALK_TEXT = chatml(("user", "Hi"), ("assistant", "Hello."), ("user", "Bye"))


@pytest.fixture
def model(tiny_model):
    return add_chat(tiny_model("chat", vocab_size=514, max_position_embeddings=1024))


@pytest.fixture
def tooled(model):
    (model / "chat_template.jinja").write_text(TOOLED)
    return model


@pytest.fixture
def generate(expandft):
    def run(model, *arguments, stdin=None):
        return expandft("generate", "--model", model, "--max-tokens", "2", "--temperature", "0", "--device", "cpu",
                        *arguments, stdin=stdin)

    return run


@pytest.fixture
def answer(generate):
    """answer(model, …): what --json prints."""

    def run(model, *arguments, stdin=None):
        result = generate(model, "--json", *arguments, stdin=stdin)
        assert result.rc == 0, result.stderr
        return json.loads(result.stdout)

    return run


def write(path, value):
    path.write_text(json.dumps(value))
    return path


def refused(result, *parts):
    assert result.rc == 2 and result.stdout == "", result
    for part in parts:
        assert part in result.stderr, result.stderr


def test_a_prompt_is_a_users_message(generate, answer, model):
    found = answer(model, "--chat", "--prompt", "Hi")
    assert found["prompt"] == "Hi" and found["prompt_text"] == chatml(("user", "Hi"))
    assert found["prompt_tokens"][0] == START and found["prompt_tokens"].count(END) == 1
    assert list(found) == ["prompt", "prompt_text", "text", "prompt_tokens", "tokens", "stop"]
    assert "prompt_text" not in answer(model, "--prompt", "Hi")
    assert answer(model, "--chat", stdin="Hi") == found
    echoed = generate(model, "--chat", "--prompt", "Hi", "--echo")
    assert echoed.stdout == found["prompt_text"] + found["text"] + "\n"


def test_a_system_message_comes_first(answer, model):
    found = answer(model, "--chat", "--prompt", "Hi", "--system", "Be brief.")
    assert found["prompt_text"] == chatml(("system", "Be brief."), ("user", "Hi"))
    found = answer(model, "--chat", "--prompt", "Hi", "--system", "")
    assert found["prompt_text"] == chatml(("system", ""), ("user", "Hi"))


def test_tools_and_switches_reach_the_template(generate, answer, tooled, tmp_path):
    for tools in ([TOOL], {"tools": [TOOL]}, {"functions": [TOOL["function"]]}):
        found = answer(tooled, "--chat", "--prompt", "Hi", "--tools", write(tmp_path / "tools.json", tools))
        assert found["prompt_text"] == LISTED + chatml(("user", "Hi"))
    found = answer(tooled, "--chat", "--prompt", "Hi", "--chat-template-kwargs", '{"enable_thinking": false}')
    assert found["prompt_text"] == chatml(("user", "Hi")) + "<think></think>"

    def with_tools(value):
        return generate(tooled, "--chat", "--prompt", "Hi", "--tools", write(tmp_path / "tools.json", value))

    refused(with_tools(TOOL), "tools.json", "expected a list of tools")
    refused(with_tools(["add"]), "tools.json", "tools.0")
    refused(with_tools(7), "tools.json", "of type number")
    for kwargs, part in (("[1]", "expected an object"), ("{", "--chat-template-kwargs:1"),
                         ('{"tools": []}', "which the conversation itself sets")):
        refused(generate(tooled, "--chat", "--prompt", "Hi", "--chat-template-kwargs", kwargs),
                "--chat-template-kwargs", part)


def test_tools_without_a_place_are_refused(generate, model, tmp_path):
    refused(generate(model, "--chat", "--prompt", "Hi", "--tools", write(tmp_path / "tools.json", [TOOL])),
            "has no place for tools")


def test_tools_have_a_template_of_their_own(answer, model, tmp_path):
    (model / "chat_template.jinja").write_text(CHATML)
    (model / "additional_chat_templates").mkdir()
    (model / "additional_chat_templates/tool_use.jinja").write_text(TOOLED)
    tools = write(tmp_path / "tools.json", [TOOL])
    assert answer(model, "--chat", "--prompt", "Hi")["prompt_text"] == chatml(("user", "Hi"))
    assert "add" in answer(model, "--chat", "--prompt", "Hi", "--tools", tools)["prompt_text"]
    named = answer(model, "--chat", "--prompt", "Hi", "--chat-template", "tool_use", "--chat-template-kwargs",
                   '{"enable_thinking": false}')
    assert named["prompt_text"].endswith("<think></think>")


def test_templates_are_named_or_files(generate, answer, model, tmp_path):
    file = tmp_path / "own.jinja"
    file.write_text("{% for m in messages %}Q: {{ m.content }}{% endfor %}{% if add_generation_prompt %} A:{% endif %}")
    assert answer(model, "--chat", "--prompt", "Hi", "--chat-template", file)["prompt_text"] == "Q: Hi A:"
    found = answer(model, "--chat", "--prompt", "Hi", "--chat-template", "chatml")
    assert found["prompt_text"] == chatml(("user", "Hi"))
    refused(generate(model, "--chat", "--prompt", "Hi", "--chat-template", "chatmi"), "chatmi", "chatml")
    refused(generate(model, "--chat", "--prompt", "Hi", "--chat-format", "chatml"), "--chat-format", "--chat-template")
    assert "--chat-format" not in generate(model, "--help").stdout


def test_a_conversation_is_continued(answer, model, tmp_path):
    file = tmp_path / "talk.json"
    found = answer(model, "--messages", write(file, TALK))
    assert found["prompt"] == TALK and found["prompt_text"] == TALK_TEXT
    assert answer(model, "--messages", write(file, {"messages": TALK}), "--chat") == found
    assert answer(model, "--messages", "-", stdin=json.dumps(TALK)) == found
    shared = [{"from": {"user": "human", "assistant": "gpt"}[m["role"]], "value": m["content"]} for m in TALK]
    found = answer(model, "--messages", write(file, {"conversations": shared, "system": "S"}))
    assert found["prompt"] == shared
    assert found["prompt_text"] == chatml(("system", "S"), ("user", "Hi"), ("assistant", "Hello."), ("user", "Bye"))


def test_a_tools_answer_is_continued(answer, tooled, tmp_path):
    call = {"type": "function", "function": {"name": "add", "arguments": {"a": 1.50, "b": 2}}}
    talk = [{"role": "user", "content": "1.5 + 2?"}, {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "3.5"}]
    file = write(tmp_path / "talk.json", {"messages": talk, "tools": [TOOL],
                                          "chat_template_kwargs": {"enable_thinking": False}})
    found = answer(tooled, "--messages", file)
    assert found["prompt"] == talk
    assert found["prompt_text"] == LISTED + chatml(
        ("user", "1.5 + 2?"), ("assistant", json.dumps([call])), ("tool", "3.5")) + "<think></think>"


def test_what_file_and_command_line_both_give_is_refused(generate, answer, tooled, tmp_path):
    file, tools = tmp_path / "talk.json", write(tmp_path / "tools.json", [TOOL])
    options = ("--system", "S", "--tools", tools, "--chat-template-kwargs", '{"enable_thinking": false}')
    text = answer(tooled, "--messages", write(file, TALK), *options)["prompt_text"]
    assert text.count("add") == 1 and turns(("system", "S")) in text and text.endswith("</think>")
    system = [{"role": "system", "content": "S"}, *TALK]
    for row, option in (({"messages": system}, "--system"), ({"messages": TALK, "system": "S"}, "--system"),
                        ({"messages": TALK, "tools": [TOOL]}, "--tools"),
                        ({"messages": TALK, "chat_template_kwargs": {"a": 1}}, "--chat-template-kwargs")):
        refused(generate(tooled, "--messages", write(file, row), *options), str(file), f"{option} gives more")


def test_damaged_conversations_are_named(generate, model, tmp_path):
    file = tmp_path / "talk.json"
    answered = TALK[:2]
    for value, parts in ((answered, ["ends with the assistant's message", "remove that message"]),
                         ({"prompt": "Hi"}, ['expected a list of messages, or an object with "messages"']),
                         ("Hi", ["of type string"]), ([], ["no messages"]),
                         ([{"role": "narrator", "content": "x"}], ["messages.0.role", "narrator"]),
                         ({"messages": TALK, "documents": ["d"]}, ["documents"])):
        refused(generate(model, "--messages", write(file, value)), str(file), *parts)
    file.write_text("[{")
    refused(generate(model, "--messages", file), f"{file}:1")
    refused(generate(model, "--messages", "-", stdin="[]"), "stdin")
    refused(generate(model, "--messages", tmp_path / "none.json"), "none.json")


def test_fields_that_nothing_reads_are_told(generate, model, tmp_path):
    file = write(tmp_path / "talk.json", {"messages": TALK, "id": 7})
    result = generate(model, "--messages", file)
    assert result.rc == 0 and "nothing reads the fields id (once)" in result.stderr
    refused(generate(model, "--messages", file, "--strict"), "nothing reads the fields id")


@pytest.mark.parametrize("option", [("--prompt", "a"), ("--prompt-file", "-"), ("--prompts", "rows.jsonl")])
def test_a_conversation_is_not_a_prompt(generate, model, tmp_path, option):
    refused(generate(model, "--messages", write(tmp_path / "talk.json", TALK), *option), "--messages", option[0])


@pytest.mark.parametrize("option", [("--system", "S"), ("--tools", "t.json"), ("--chat-template-kwargs", "{}"),
                                    ("--chat-template", "chatml")])
def test_options_of_a_chat_need_one(generate, model, option):
    refused(generate(model, "--prompt", "Hi", *option), f"{option[0]} requires --chat")


def rows_of(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_rows_are_prompts_or_conversations(generate, answer, tooled, tmp_path):
    rows = rows_of(tmp_path / "rows.jsonl", {"prompt": "Hi", "other": 1}, {"messages": TALK, "tools": [TOOL]},
                   {"prompt": "Hi", "system": "S", "tools": [TOOL]})
    result = generate(tooled, "--prompts", rows, "--chat")
    assert result.rc == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    tools = write(tmp_path / "tools.json", [TOOL])
    assert found == [answer(tooled, "--chat", "--prompt", "Hi"),
                     answer(tooled, "--messages", write(tmp_path / "talk.json", TALK), "--tools", tools),
                     answer(tooled, "--chat", "--prompt", "Hi", "--system", "S", "--tools", tools)]
    assert [row["prompt"] for row in found] == ["Hi", TALK, "Hi"]


@pytest.mark.parametrize("row, options, part", [
    ({"messages": TALK}, [], "--chat"),
    ({"messages": TALK, "prompt": "Hi"}, ["--chat"], "a prompt and messages"),
    ({"messages": TALK[:2]}, ["--chat"], "ends with the assistant's message"),
    ({"messages": TALK, "tools": [TOOL]}, ["--chat"], "has no place for tools"),
    ({"text": "Hi"}, ["--chat"], '"messages"'),
])
def test_rows_that_cannot_be_asked_are_named(generate, model, tmp_path, row, options, part):
    rows = rows_of(tmp_path / "rows.jsonl", {"prompt": "Hi"}, row)
    refused(generate(model, "--prompts", rows, *options), f"{rows}:2", part)
