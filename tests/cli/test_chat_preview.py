"""`chat-preview`: rows as the model will read them, and what of them is learned."""

import html
import json
import os
import pty
import re
import shutil
import subprocess

import pytest

CHATML = ("{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>'"
          " + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")
# Leaves out earlier reasoning, so that it is learned from a conversation that ends with it.
FORGETFUL = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['reasoning_content'] and loop.last %}"
             "({{ m['reasoning_content'] }}) {% endif %}{{ m['content'] }}<|im_end|>\n{% endfor %}"
             "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")
START, END = 512, 513
ROWS = [
    {"messages": [{"role": "user", "content": "Who is it?"}, {"role": "assistant", "content": "It is Tim."},
                  {"role": "user", "content": "And she?"}, {"role": "assistant", "content": "It is\nLily 日."}]},
    {"prompt": "Once upon", "completion": " a time."},
    {"instruction": "Add.", "input": "1 2", "output": "3"},
    {"text": "Once upon a time."},
]
LEARNED = [["It is Tim.<|im_end|>", "It is\nLily 日.<|im_end|>"], [" a time.<|im_end|>"], ["3<|im_end|>"]]


@pytest.fixture(scope="module")
def model(stories, tmp_path_factory):
    """A tokenizer with ChatML's two tokens and a chat template; there are no weights, which nothing here needs."""
    folder = tmp_path_factory.mktemp("model")
    shutil.copy(stories / "tokenizer.model", folder)
    texts = {START: "<|im_start|>", END: "<|im_end|>", 1: "<s>", 2: "</s>"}
    added = {str(id): {"content": text, "special": True} for id, text in texts.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer", "add_bos_token": False, "bos_token": "<s>", "eos_token": "<|im_end|>",
         "added_tokens_decoder": added, "chat_template": CHATML}))
    return folder


def write_rows(file, rows):
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


@pytest.fixture
def data(tmp_path):
    return write_rows(tmp_path / "rows.jsonl", ROWS)


@pytest.fixture
def preview(expandft, model):
    def run(*arguments, rc=0, given=("--model", model), **settings):
        result = expandft("chat-preview", *given, *arguments, **settings)
        assert result.rc == rc, result.stderr
        return result

    return run


def lines_of(result):
    return [json.loads(line) for line in result.stdout.splitlines()]


def stretches(text):
    """What stands in the brackets."""
    return re.findall("⟦(.*?)⟧", text, re.DOTALL)


def parts(output):
    """{heading: what follows it}"""
    found = re.split(r"^((?:row|block) \d+.*)$\n", output, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2]))


def test_what_is_learned_stands_in_brackets(preview, data):
    result = preview(data, "--rows", "10")
    assert "\x1b" not in result.stdout and "learned tokens stand between ⟦ and ⟧" in result.stdout.splitlines()[0]
    shown = parts(result.stdout)
    assert [re.sub(r":.*", "", heading) for heading in shown] == [f"row {i} (line {i})" for i in range(1, 5)]
    texts = list(shown.values())
    assert [stretches(text) for text in texts[:3]] == LEARNED
    assert texts[0].startswith("<|im_start|>user\nWho is it?<|im_end|>\n<|im_start|>assistant\n⟦It is Tim.")
    assert stretches(texts[3])[0].startswith(" upon") or "upon a time." in stretches(texts[3])[0]


def test_json_has_the_ids_and_what_is_learned(preview, data, expandft, model):
    lines = lines_of(preview(data, "--rows", "10", "--json"))
    headings = list(parts(preview(data, "--rows", "10").stdout))
    assert [line["line"] for line in lines] == [1, 2, 3, 4]
    for line, heading in zip(lines, headings):
        assert len(line["tokens"]) == len(line["learned"]) == len(line["pieces"])
        assert line["learned"][0] == 0, "nothing predicts the first token"
        assert heading.endswith(f": {len(line['tokens'])} tokens, {sum(line['learned'])} learned")
    first = lines[0]
    assert first["text"].count("<|im_start|>") == 4 and first["tokens"].count(END) == 4
    assert [token for token, learned in zip(first["tokens"], first["learned"]) if learned].count(END) == 2
    # The ids are those of the text.
    tokens = expandft("tokenize", "--model", model, "-", "--json", stdin=first["text"])
    assert json.loads(tokens.stdout) == {"ids": first["tokens"], "pieces": first["pieces"]}


def test_prompts_can_be_learned_too(preview, data):
    counts = [[sum(line["learned"]) for line in lines_of(preview(data, "--json", *arguments))]
              for arguments in ([], ["--train-on-prompt"])]
    assert all(less < more for less, more in zip(*counts))


def test_rows_from_a_line_on(preview, data):
    assert list(parts(preview(data, "--from", "2", "--rows", "1").stdout))[0].startswith("row 2 (line 2): ")
    assert len(lines_of(preview(data, "--json"))) == 3
    result = preview(data, "--from", "9", rc=2)
    assert "no rows from 9 on" in result.stderr and str(data) in result.stderr


def test_cells_have_ids(preview, data):
    line = lines_of(preview(data, "--json", "--rows", "1"))[0]
    shown = list(parts(preview(data, "--tokens", "--rows", "1").stdout).values())[0]
    cells = [cell for part in shown.splitlines() if part for cell in part.split(" | ")]
    assert cells[0] == f"<|im_start|> {START}" and f"⟦<|im_end|>⟧ {END}" in cells
    ids = [int(id) for cell in cells for id in re.sub(r"^\S+ ", "", cell).split()]
    assert ids == line["tokens"]
    assert any(cell.startswith("⟦日⟧ ") and len(cell.split()) == 4 for cell in cells), "three bytes are one character"


def on_a_terminal(binary, *arguments, **env):
    shown, terminal = pty.openpty()
    done = subprocess.run([binary, "chat-preview", *map(str, arguments)], stdout=terminal,
                          env={**os.environ, "TERM": "xterm", **env})
    os.close(terminal)
    text = os.read(shown, 1 << 16).decode()
    os.close(shown)
    assert done.returncode == 0
    return text


def test_a_terminal_shows_colours_and_no_control_characters_of_rows(binary, model, tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [{"prompt": "a\x1b[2J", "completion": " b\x9b\n"}])
    command = (binary, "--model", model, file)
    text = on_a_terminal(*command)
    assert "\\u001b[2J" in text and "\x1b[2J" not in text and "\x9b" not in text
    assert "\x1b[30;42m b\\u009b⏎\x1b[0m\r\n" in text and "⟦" not in text
    assert "\x1b[30;46m<|im_end|>\x1b[0m" in text
    plain = on_a_terminal(*command, NO_COLOR="1")
    assert "\x1b" not in plain and "⟦ b\\u009b\r\n<|im_end|>⟧" in plain
    assert "\x1b" not in on_a_terminal(*command, TERM="dumb")


def test_the_page_has_all_texts_escaped(preview, tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [{"prompt": "<b>&", "completion": "<script>x</script>"}, *ROWS, "{}"])
    page = tmp_path / "rows.html"
    result = preview(file, "--rows", "10", "--html", page, rc=2)
    assert result.stdout == "" and str(page) in result.stderr
    text = page.read_text()
    assert "<script" not in text and "http" not in text
    tokens = re.findall(r'<span class="learned[^"]*" title="([^"]*)">(.*?)</span>', text, re.DOTALL)
    learned = html.unescape(re.sub(r"<i.*?</i>", "", "".join(shown for _, shown in tokens)))
    assert learned.startswith("<script>x</script><|im_end|>" + "".join(LEARNED[0]))
    assert all(re.match(r"ids?( \d+)+( &#39;.*?&#39;)+$", title) for title, _ in tokens)
    assert text.count("<section aria-labelledby=") == 6 and text.count("refused") == 2
    assert str(file) in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rows.html", "rows.jsonl"]


def test_rows_that_training_refuses_show_why(preview, tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [
        {"prompt": "a", "completion": ""}, "", '{"prompt": 4, "completion": "b"}', "nonsense",
        {"messages": [{"role": "narrator", "content": "x"}]}, {"prompt": "a", "completion": "b " * 40}, ROWS[1]])
    result = preview(file, "--rows", "10", "--max-length", "16", rc=2)
    shown = parts(result.stdout)
    assert [heading.split(":")[0] for heading in shown] == [
        "row 1 (line 1)", "row 2 (line 3)", "row 3 (line 4)", "row 4 (line 5)", "row 5 (line 6)", "row 6 (line 7)"]
    texts = list(shown.values())
    for text, words in zip(texts, ("nothing would be learned", "rows.jsonl:3", "expected a JSON object", "narrator",
                                   "longer than max_length 16")):
        assert text.startswith("error: ") and words in text
    assert stretches(texts[5]) == LEARNED[1]
    assert "training would refuse 5 rows of the 6 shown" in result.stderr
    lines = lines_of(preview(file, "--rows", "10", "--max-length", "16", "--json", rc=2))
    assert [line["line"] for line in lines] == [1, 3, 4, 5, 6, 7]
    assert "narrator" in lines[3]["error"]["what"] and lines[3]["error"]["where"].endswith("rows.jsonl:5")
    assert "tokens" in lines[5] and "error" not in lines[5]


def test_a_row_that_was_shortened_or_split_says_so(preview, tmp_path, data):
    whole = len(lines_of(preview(data, "--json", "--rows", "1"))[0]["tokens"])
    heading = list(parts(preview(data, "--rows", "1", "--max-length", "40").stdout))[0]
    left, dropped = map(int, re.search(r": (\d+) tokens, .*; (\d+) tokens dropped to fit 40$", heading).groups())
    assert left <= 40 and left + dropped == whole

    template = tmp_path / "forgetful.jinja"
    template.write_text(FORGETFUL)
    messages = [message | ({"reasoning_content": "Why?"} if message["role"] == "assistant" else {})
                for message in ROWS[0]["messages"]]
    file = write_rows(tmp_path / "reasons.jsonl", [{"messages": messages}])
    shown = parts(preview(file, "--chat-template", template).stdout)
    assert ["row 1 (line 1), sequence 1 of 2", "row 1 (line 1), sequence 2 of 2"] == [
        heading.split(":")[0] for heading in shown]
    assert [stretches(text) for text in shown.values()] == [["(Why?) " + answer] for answer in reversed(LEARNED[0])]


def test_blocks_of_plain_text(preview, tmp_path):
    file = tmp_path / "text.txt"
    file.write_text("Once upon a time there was a girl.\n" * 40)
    shown = parts(preview(file, "--max-length", "16", "--from", "2", "--rows", "2").stdout)
    assert [heading for heading in shown] == [f"block {i}: 16 tokens, 15 learned" for i in (2, 3)]
    lines = lines_of(preview(file, "--max-length", "16", "--json"))
    assert [line["block"] for line in lines] == [1, 2, 3]


def write_run(folder, model, **data):
    config = folder / "run.json"
    config.write_text(json.dumps({"model": str(model), "output": "out", "expansion": {"layers": "all"}, "data": data}))
    return config


def test_a_run_config_says_what_is_read_and_how(preview, tmp_path, model, data):
    write_rows(tmp_path / "questions.jsonl", [{"q": "Who?", "a": "Tim"}])
    template = {"prompt": "{q}\n", "completion": "{a}"}
    config = write_run(tmp_path, model, train=["rows.jsonl", {"path": "questions.jsonl", "template": template}],
                       max_length=40, train_on_prompt=True)
    given = ("--config", config)
    result = preview("--json", given=given)
    assert "data.train begins with" in result.stderr
    assert lines_of(result) == lines_of(preview(data, "--json", "--max-length", "40", "--train-on-prompt"))
    assert lines_of(result)[0]["dropped"] > 0
    # A file of another source has that one's template, whatever the folder it is named from.
    result = preview("questions.jsonl", "--set", "data.train_on_prompt=false", given=given, cwd=tmp_path)
    assert [stretches(text) for text in parts(result.stdout).values()] == [["Tim<|im_end|>"]]
    assert preview("--max-length", "1024", "--rows", "1", "--json", given=given).stdout.count('"dropped":0') == 1


def test_notices_are_reported(preview, tmp_path):
    file = write_rows(tmp_path / "rows.jsonl", [ROWS[1] | {"id": 1}])
    assert "nothing reads the fields id (once)" in preview(file).stderr
    assert "id (once)" in preview(file, "--strict", rc=2).stderr


def test_wrong_usage(preview, tmp_path, model, data):
    assert "no data file is given" in preview(rc=2).stderr
    assert "--model" in preview(data, rc=2, given=()).stderr
    assert "--max-length" in preview(data, "--max-length", "1", rc=2).stderr
    assert "--set" in preview(data, "--set", "data.max_length=4", rc=2).stderr
    assert "no-such-name" in preview(data, "--chat-template", "no-such-name", rc=2).stderr
    assert "missing.jsonl" in preview(tmp_path / "missing.jsonl", rc=2).stderr


def test_a_gguf_file_brings_its_template(preview, expandft, stories, tmp_path):
    """Without its weights: nothing is imported."""
    from transformers import AutoModelForCausalLM

    import gguf_files

    text = ("{% for m in messages %}{{ m['role'] }}:\n{{ m['content'] }}{% if m['role'] == 'assistant' %}"
            "{{ eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}assistant:\n{% endif %}")
    file = tmp_path / "stories.gguf"
    model = AutoModelForCausalLM.from_pretrained(stories)
    gguf_files.write_gguf(file, "llama-tied", model, stories / "tokenizer.model",
                          extra=lambda writer: writer.add_chat_template(text))
    rows = write_rows(tmp_path / "rows.jsonl", ROWS[:2])
    result = preview(rows, given=("--model", file), env={"EXPANDFT_CACHE": str(tmp_path / "cache")})
    first = list(parts(result.stdout).values())[0]
    assert stretches(first) == ["It is Tim.</s>", "It is\nLily 日.</s>"]
    assert "user:\nWho is it?" in first and not (tmp_path / "cache").exists()
    of_directory = lines_of(preview(rows, "--json", "--from", "2", given=("--model", stories)))
    assert lines_of(preview(rows, "--json", "--from", "2", given=("--model", file))) == of_directory
