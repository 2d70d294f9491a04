"""expandft generate: continues a prompt."""

import json
import os
import pty
import shutil
import subprocess

import pytest

PROMPT = "Once upon a time, there was a little"


@pytest.fixture
def generate(expandft, stories):
    """generate(*options, model=…, stdin=…) on the CPU."""

    def run(*options, model=stories, stdin=None):
        return expandft("generate", "--model", model, "--device", "cpu", *options, stdin=stdin)

    return run


def test_greedy_agrees_with_transformers(generate, stories):
    import torch
    from transformers import LlamaForCausalLM

    result = generate("--prompt", PROMPT, "--temperature", "0", "--max-tokens", "60", "--json")
    assert result.rc == 0, result.stderr
    found = json.loads(result.stdout)
    ids = torch.tensor([found["prompt_tokens"]])
    output = LlamaForCausalLM.from_pretrained(stories, dtype=torch.float32).generate(
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=60, do_sample=False, eos_token_id=2, pad_token_id=0)
    assert found["tokens"] == output[0, ids.shape[1]:].tolist()
    assert found["prompt"] == PROMPT
    assert found["stop"] == "max_tokens"
    assert found["prompt_tokens"][0] == 1, "BOS stands first"


def test_prints_the_continuation_and_a_line_end(generate):
    plain = generate("--prompt", PROMPT, "--temperature", "0", "--max-tokens", "20")
    as_json = json.loads(generate("--prompt", PROMPT, "--temperature", "0", "--max-tokens", "20", "--json").stdout)
    echoed = generate("--prompt", PROMPT, "--temperature", "0", "--max-tokens", "20", "--echo")
    assert plain.rc == echoed.rc == 0
    assert plain.stdout == as_json["text"] + "\n"
    assert echoed.stdout == PROMPT + plain.stdout
    assert plain.stdout.startswith((" ", ",")), "the first word is apart from the prompt's last"


def test_prompt_from_stdin_and_file(generate, tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text(PROMPT)
    options = ("--temperature", "0", "--max-tokens", "20")
    expected = generate("--prompt", PROMPT, *options).stdout
    assert generate(*options, stdin=PROMPT).stdout == expected
    assert generate("--prompt-file", file, *options).stdout == expected
    assert generate("--prompt-file", "-", *options, stdin=PROMPT).stdout == expected


def test_a_terminal_is_shown_control_characters_and_a_pipe_is_given_them(binary, stories):
    command = [binary, "generate", "--model", stories, "--device", "cpu", "--prompt", "a\x1b[2J\x9b é\n", "--echo",
               "--temperature", "0", "--max-tokens", "1"]
    piped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert piped.startswith("a\x1b[2J\x9b é\n")
    shown, terminal = pty.openpty()
    subprocess.run(command, stdout=terminal, check=True)
    os.close(terminal)
    assert os.read(shown, 1000).decode().startswith("a\\u001b[2J\\u009b é\r\n")
    os.close(shown)


def test_samples_follow_the_seed(generate):
    def text(seed):
        return generate("--prompt", PROMPT, "--max-tokens", "40", "--seed", seed).stdout

    assert text(1) == text(1)
    assert len({text(seed) for seed in range(4)}) > 1


def test_top_k_1_is_greedy(generate):
    greedy = generate("--prompt", PROMPT, "--temperature", "0", "--max-tokens", "20").stdout
    assert generate("--prompt", PROMPT, "--top-k", "1", "--max-tokens", "20").stdout == greedy
    assert generate("--prompt", PROMPT, "--top-p", "0", "--max-tokens", "20").stdout == greedy


def test_empty_prompt_starts_from_bos(generate):
    result = generate("--prompt", "", "--temperature", "0", "--max-tokens", "20")
    assert result.rc == 0
    assert result.stdout.startswith("Once upon a time"), "and has no space before the first word"


def test_stops_at_an_end_token(generate, stories, tmp_path):
    options = ("--prompt", PROMPT, "--temperature", "0", "--max-tokens", "30", "--json")
    tokens = json.loads(generate(*options).stdout)["tokens"]
    model = tmp_path / "model"
    shutil.copytree(stories, model)
    (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [2, tokens[4]]}))
    found = json.loads(generate(*options, model=model).stdout)
    assert found["tokens"] == tokens[:tokens.index(tokens[4])]
    assert found["stop"] == "end"


def test_stops_at_the_last_position(generate, tiny_model):
    model = tiny_model(max_position_embeddings=16)
    result = generate("--prompt", "a", "--max-tokens", "100", "--json", "--seed", "3", model=model)
    found = json.loads(result.stdout)
    assert found["stop"] in ("context", "end")
    if found["stop"] == "context":
        assert len(found["prompt_tokens"]) + len(found["tokens"]) == 17
        assert "no positions left" in result.stderr


def test_prompt_that_is_too_long(generate):
    result = generate("--prompt", "word " * 600)
    assert result.rc == 2
    assert result.stdout == ""
    assert "the model reads at most 512" in result.stderr


@pytest.mark.parametrize("option, value", [("--max-tokens", "0"), ("--temperature", "-1"), ("--top-p", "1.5"),
                                           ("--top-k", "-2"), ("--seed", "x")])
def test_impossible_values(generate, option, value):
    result = generate("--prompt", PROMPT, option, value)
    assert result.rc == 2
    assert option in result.stderr


def test_strength_needs_an_adapter(generate):
    result = generate("--prompt", PROMPT, "--strength", "0.5")
    assert result.rc == 2
    assert "--adapter" in result.stderr


@pytest.fixture
def prompts(tmp_path):
    """prompts(text, …): a file of JSON lines."""

    def write(*texts):
        file = tmp_path / "prompts.jsonl"
        file.write_text("".join(json.dumps({"prompt": text, "other": 1}) + "\n" for text in texts))
        return file

    return write


def test_many_prompts_are_continued_as_each_is_alone(generate, prompts):
    texts = [PROMPT, "Tom", "", "She was very sad because"]
    options = ("--temperature", "0", "--max-tokens", "30")
    result = generate("--prompts", prompts(*texts), *options)
    assert result.rc == 0, result.stderr
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert found == [json.loads(generate("--prompt", text, *options, "--json").stdout) for text in texts]


def test_many_prompts_draw_with_seeds_that_follow(generate, prompts):
    result = generate("--prompts", prompts(PROMPT, PROMPT), "--max-tokens", "20", "--seed", "4")
    found = [json.loads(line)["text"] + "\n" for line in result.stdout.splitlines()]
    assert found == [generate("--prompt", PROMPT, "--max-tokens", "20", "--seed", seed).stdout for seed in "45"]


def test_a_row_without_a_prompt_is_named(generate, tmp_path, prompts):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"prompt": "a"}\n{"text": "b"}\n')
    result = generate("--prompts", file)
    assert result.rc == 2
    assert f"{file}:2" in result.stderr
    result = generate("--prompts", prompts("a", "word " * 600))
    assert result.rc == 2
    assert result.stdout == ""
    assert "prompts.jsonl:2" in result.stderr
    file.write_text("")
    assert generate("--prompts", file).rc == 2


@pytest.mark.parametrize("option", [("--prompt", "a"), ("--prompt-file", "-"), ("--echo",), ("--json",)])
def test_options_of_one_prompt_do_not_go_with_many(generate, prompts, option):
    result = generate("--prompts", prompts("a"), *option)
    assert result.rc == 2
    assert "--prompts" in result.stderr
