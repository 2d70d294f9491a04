"""expandft score: log-probabilities as JSON lines."""

import json
import shutil

import pytest

TEXT = "Once upon a time, there was a little girl named Lily."


def rows_of(result):
    assert result.rc == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def text_file(tmp_path):
    file = tmp_path / "text.txt"
    file.write_text(TEXT)
    return file


def ids_file(folder, ids):
    file = folder / "ids.json"
    file.write_text(ids if isinstance(ids, str) else json.dumps(ids))
    return file


def test_rows(expandft, stories, text_file):
    rows = rows_of(expandft("score", "--model", stories, "--text", text_file, "--device", "cpu"))
    assert rows[0] == {"id": 1, "token": "<s>"}
    assert "".join(row["token"] for row in rows[1:]).replace("\u2581", " ").strip() == TEXT
    assert all(set(row) == {"id", "token", "logprob"} and row["logprob"] < 0 for row in rows[1:])
    mean = sum(row["logprob"] for row in rows[1:]) / len(rows[1:])
    assert -2 < mean < 0, "a text as the model was trained on"


def test_agrees_with_transformers(expandft, stories, text_file):
    import torch
    from transformers import LlamaForCausalLM

    rows = rows_of(expandft("score", "--model", stories, "--text", text_file, "--device", "cpu"))
    ids = torch.tensor([[row["id"] for row in rows]])
    with torch.no_grad():
        logits = LlamaForCausalLM.from_pretrained(stories, dtype=torch.float32)(ids).logits[0]
    expected = logits[:-1].log_softmax(-1).gather(1, ids[0, 1:, None]).flatten().tolist()
    assert [row["logprob"] for row in rows[1:]] == pytest.approx(expected, abs=1e-4)


def test_stdin_and_ids_give_the_same(expandft, stories, text_file, tmp_path):
    rows = rows_of(expandft("score", "--model", stories, "--text", text_file, "--device", "cpu"))
    assert rows == rows_of(expandft("score", "--model", stories, "--device", "cpu", "-", stdin=TEXT))
    ids = [row["id"] for row in rows]
    assert rows == rows_of(expandft("score", "--model", stories, "--ids", ids_file(tmp_path, ids), "--device", "cpu"))
    assert rows == rows_of(expandft("score", "--model", stories, "--ids", "-", "--device", "cpu", stdin=json.dumps(ids)))


def test_ids_need_no_tokenizer(expandft, stories, tmp_path):
    model = tmp_path / "model"
    shutil.copytree(stories, model)
    (model / "tokenizer.model").unlink()
    rows = rows_of(expandft("score", "--model", model, "--ids", ids_file(tmp_path, [1, 400, 401]), "--device", "cpu"))
    assert [row["id"] for row in rows] == [1, 400, 401]
    assert [set(row) for row in rows] == [{"id"}, {"id", "logprob"}, {"id", "logprob"}]

    result = expandft("score", "--model", model, "-", "--device", "cpu", stdin=TEXT)
    assert result.rc == 2
    assert "tokenizer" in result.stderr


def test_one_id_has_no_logprob(expandft, stories, tmp_path):
    rows = rows_of(expandft("score", "--model", stories, "--ids", ids_file(tmp_path, [7]), "--device", "cpu"))
    assert [set(row) for row in rows] == [{"id", "token"}]


@pytest.mark.parametrize("ids, message", [
    ("[1, 512]", "found 512, expected an array of token ids from 0 to 511"),
    ("[-1]", "found -1"),
    ("[1.5]", "found 1.5"),
    ("[1, true]", "found true"),
    ('{"ids": [1]}', "found object"),
    ("[1, 2", "ids.json"),
    ("[]", "no tokens to score"),
    (str([5] * 513), "513 tokens; the model reads at most 512"),
])
def test_bad_ids(expandft, stories, tmp_path, ids, message):
    result = expandft("score", "--model", stories, "--ids", ids_file(tmp_path, ids), "--device", "cpu")
    assert result.rc == 2
    assert result.stdout == ""
    assert message in result.stderr
    assert "ids.json" in result.stderr


def test_one_input_at_a_time(expandft, stories, text_file):
    both = expandft("score", "--model", stories, "--text", text_file, "--ids", text_file)
    none = expandft("score", "--model", stories)
    assert both.rc == none.rc == 2


def test_missing_files(expandft, stories, tmp_path):
    text = expandft("score", "--model", stories, "--text", tmp_path / "none.txt")
    model = expandft("score", "--model", tmp_path / "none", "-", stdin=TEXT)
    assert text.rc == model.rc == 2
    assert "none.txt" in text.stderr
    assert str(tmp_path / "none") in model.stderr


def test_text_in_another_encoding_is_refused_with_its_line(expandft, stories, tmp_path):
    file = tmp_path / "latin1.txt"
    file.write_bytes("tea\ncaf\u00e9".encode("latin-1"))
    result = expandft("score", "--model", stories, "--text", file, "--device", "cpu")
    assert result.rc == 2 and f"{file}:2" in result.stderr and "save the file as UTF-8" in result.stderr


def test_bfloat16_is_near(expandft, stories, text_file):
    exact = rows_of(expandft("score", "--model", stories, "--text", text_file, "--device", "cpu"))
    near = rows_of(expandft("score", "--model", stories, "--text", text_file, "--device", "cpu", "--precision", "bfloat16"))
    difference = [abs(a["logprob"] - b["logprob"]) for a, b in zip(exact[1:], near[1:])]
    assert 0 < max(difference) < 0.5


def large_model(stories, folder, read_tensors, factor):
    """The stories model with hidden states scaled by a factor before its head."""
    from safetensors.torch import save_file

    shutil.copytree(stories, folder)
    tensors = read_tensors(stories)
    tensors["model.norm.weight"] *= factor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("command", ["score", "generate"])
def test_what_is_not_finite_is_an_error(expandft, stories, read_tensors, text_file, tmp_path, command):
    """Logits beyond float16's range that are finite in float32."""
    model = large_model(stories, tmp_path / "large", read_tensors, 1e5)
    inputs = {"score": ["--text", text_file], "generate": ["--prompt", TEXT, "--max-tokens", 4]}[command]
    arguments = [command, "--model", model, *inputs, "--device", "cpu", "--precision"]
    result = expandft(*arguments, "float16")
    assert result.rc == 1 and result.stdout == ""
    assert "non-finite" in result.stderr
    assert "token 1 (id 403)" in result.stderr if command == "score" else "token 16 of the text" in result.stderr
    assert "float16 holds no number above 65504" in result.stderr and "bfloat16 or float32" in result.stderr
    assert "null" not in expandft(*arguments, "float32").stdout


def test_weights_that_are_not_finite_are_named_as_such(expandft, stories, read_tensors, text_file, tmp_path):
    model = large_model(stories, tmp_path / "nan", read_tensors, float("nan"))
    result = expandft("score", "--model", model, "--text", text_file, "--device", "cpu")
    assert result.rc == 1 and result.stdout == ""
    assert "the weights are the cause" in result.stderr and "--precision" not in result.stderr
