"""expandft eval: one model, and a tuned model against its base."""

import json
import math
import shutil

import pytest

from evaluation import damage

TEXT = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. " * 12


@pytest.fixture
def task(tmp_path):
    """Writes a task file: task("name", text, block_length=32)."""

    def write(name="stories", text=TEXT, block_length=32, **keys):
        (tmp_path / f"{name}.txt").write_text(text)
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps({"name": name, "type": "perplexity", "data": f"{name}.txt",
                                    "block_length": block_length} | keys))
        return file

    return write


@pytest.fixture
def damaged(stories, tmp_path):
    return damage(stories, tmp_path / "damaged")


def evaluate(expandft, *arguments, rc=0, **settings):
    result = expandft("eval", *arguments, "--json", "-", "--device", "cpu", **settings)
    assert result.rc == rc, result.stderr
    return json.loads(result.stdout)


def transformers_blocks(model, ids, block_length):
    """(sum of log-probabilities, predicted tokens) of each block."""
    import torch
    from transformers import LlamaForCausalLM

    decoder = LlamaForCausalLM.from_pretrained(model, dtype=torch.float32)
    blocks = []
    for begin in range(0, len(ids) - 1, block_length):
        block = torch.tensor([ids[begin:begin + block_length]])
        with torch.no_grad():
            log_probs = decoder(block).logits[0, :-1].double().log_softmax(-1)
        blocks.append((log_probs.gather(1, block[0, 1:, None]).sum().item(), block.shape[1] - 1))
    return blocks


@pytest.mark.parametrize("name", ["tinystories", "tinyshakespeare"])
def test_shipped_texts_agree_with_transformers(expandft, stories, source, tmp_path, name):
    """The first 20 blocks of 256 tokens, with the ids from transformers' own tokenizer."""
    from transformers import LlamaTokenizer

    data = source / f"data/{name}.valid.txt"
    text = data.read_text()
    ids = [1] + LlamaTokenizer.from_pretrained(stories)(text[:40_000], add_special_tokens=False)["input_ids"]
    blocks = transformers_blocks(stories, ids[:20 * 256], 256)
    file = tmp_path / "task.json"
    file.write_text(json.dumps({"name": "task", "type": "perplexity", "data": str(data), "max_tokens": 20 * 256}))
    (result,) = evaluate(expandft, "--model", stories, "--tasks", file)["tasks"]
    assert result["tokens"] == sum(tokens for _, tokens in blocks) == 20 * 255
    assert result["metrics"]["loss"] == pytest.approx(-sum(log_prob for log_prob, _ in blocks) / result["tokens"], abs=1e-4)


def test_comparison_agrees_with_transformers(expandft, stories, damaged, task):
    file = task()
    scored = expandft("score", "--model", stories, "--text", file.with_suffix(".txt"), "--device", "cpu")
    rows = [json.loads(line) for line in scored.stdout.splitlines()]
    ids = [row["id"] for row in rows]
    base, tuned = (transformers_blocks(model, ids, 32) for model in (stories, damaged))
    n = sum(tokens for _, tokens in base)
    d = [b - t for (b, _), (t, _) in zip(base, tuned)]
    ratio = sum(d) / n
    squares = sum((x - ratio * tokens) ** 2 for x, (_, tokens) in zip(d, base))

    found = evaluate(expandft, "--model", damaged, "--base", stories, "--tasks", file)["original_tasks"][0]
    assert found["tokens"] == n
    assert found["examples"] == len(base)
    assert found["base"]["loss"] == pytest.approx(-sum(b for b, _ in base) / n, abs=1e-4)
    assert found["tuned"]["perplexity"] == pytest.approx(math.exp(-sum(t for t, _ in tuned) / n), rel=1e-4)
    assert found["difference"] == pytest.approx(ratio, abs=1e-4)
    assert found["standard_error"] == pytest.approx(math.sqrt(len(d) / (len(d) - 1) * squares) / n, rel=1e-2)
    assert found["relative_change"] == pytest.approx(math.exp(ratio) - 1, abs=1e-4)
    assert found["verdict"] == "worse"
    predicted = "".join(row["token"] for i, row in enumerate(rows) if i % 32).replace("\u2581", " ")
    size = len(predicted.encode()) - 1  # the space inserted before the text is not part of it
    assert found["base"]["bits_per_byte"] == pytest.approx(-sum(b for b, _ in base) / math.log(2) / size, rel=1e-4)


def test_single_model(expandft, stories, task):
    found = evaluate(expandft, "--model", stories, "--tasks", task())
    (result,) = found["tasks"]
    metrics = result["metrics"]
    assert metrics["perplexity"] == pytest.approx(math.exp(metrics["loss"]))
    assert result["standard_errors"]["perplexity"] == pytest.approx(
        metrics["perplexity"] * result["standard_errors"]["loss"])
    assert result["bos"] is True
    text = expandft("eval", "--model", stories, "--tasks", task(), "--device", "cpu")
    assert text.rc == 0
    assert "stories" in text.stdout and f"{metrics['perplexity']:.3f}" in text.stdout


def test_a_model_against_itself(expandft, stories, task):
    found = evaluate(expandft, "--model", stories, "--base", stories, "--tasks", task(), "--max-drop", "0")
    (result,) = found["original_tasks"]
    assert result["difference"] == 0
    assert result["standard_error"] == 0
    assert found["within_budget"] is True


@pytest.mark.parametrize("budget, rc", [("0.1%", 3), ("1000%", 0), ("0.001", 3), ("1000", 0)])
def test_budget(expandft, stories, damaged, task, tmp_path, budget, rc):
    out = tmp_path / "results.json"
    result = expandft("eval", "--model", damaged, "--base", stories, "--tasks", task(), "--max-drop", budget,
                      "--json", out, "--device", "cpu")
    assert result.rc == rc, result.stderr
    assert ("over budget" if rc else "within budget") in result.stdout, "results are printed all the same"
    found = json.loads(out.read_text())
    assert found["max_drop"] == (budget if "%" in budget else float(budget))
    assert found["within_budget"] is (rc == 0)
    if rc:
        assert result.stderr.splitlines()[-2].startswith(f"error: original tasks dropped beyond the budget of {budget}")


@pytest.fixture
def run_config(tmp_path, stories, task):
    task("kept"), task("learned", text="My lord, I will not speak of it again. " * 20)
    (tmp_path / "train.txt").write_text("text\n")
    file = tmp_path / "run.json"

    def write(**evaluation):
        file.write_text(json.dumps({
            "model": str(stories), "output": "run", "expansion": {"layers": "all"}, "data": {"train": "train.txt"},
            "evaluation": {"original_tasks": ["kept"], "tasks": ["learned"], "max_drop": "1%"} | evaluation}))
        return file

    return write


def test_config(expandft, run_config, damaged, tmp_path):
    config = run_config()
    missing = expandft("eval", "--original-tasks", "--config", config)
    assert missing.rc == 2
    assert "no merged model yet" in missing.stderr and "expandft train" in missing.stderr

    shutil.copytree(damaged, tmp_path / "run/merged")
    found = evaluate(expandft, "--original-tasks", "--config", config, rc=3)
    assert [result["task"] for result in found["original_tasks"]] == ["kept"]
    assert [result["task"] for result in found["tasks"]] == ["learned"]
    assert found["original_tasks"][0]["verdict"] == "over budget"
    assert "verdict" not in found["tasks"][0]
    assert found["max_drop"] == "1%"

    assert found["strength"] is None, "nothing says it"

    loose = evaluate(expandft, "--config", config, "--max-drop", "900%")
    assert loose["within_budget"] is True
    other = evaluate(expandft, "--config", config, "--tasks", "learned", "--max-drop", "900%")
    assert [result["task"] for result in other["original_tasks"]] == ["learned"]
    assert other["tasks"] == []


def test_config_without_original_tasks(expandft, run_config, damaged, tmp_path):
    shutil.copytree(damaged, tmp_path / "run/merged")
    config = run_config(original_tasks=[], tasks=["learned"])
    result = expandft("eval", "--original-tasks", "--config", config)
    assert result.rc == 2
    assert "no original tasks" in result.stderr
    assert evaluate(expandft, "--config", config)["original_tasks"] == []


def test_different_tokenizers(expandft, stories, tiny_model, task):
    other = tiny_model(vocab_size=600)
    (other / "added_tokens.json").write_text(json.dumps({"<extra>": 512}))
    (other / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer",
         "added_tokens_decoder": {"512": {"content": "<extra>", "special": True}}}))
    result = expandft("eval", "--model", other, "--base", stories, "--tasks", task(), "--device", "cpu")
    assert result.rc == 2
    assert "different tokenizers" in result.stderr
    assert result.stdout == ""


@pytest.fixture
def adapter(expandft, stories, tmp_path, read_tensors):
    """An adapter for two layers whose copies are the base's MLPs plus noise."""
    import torch
    from safetensors.torch import save_file

    expanded = tmp_path / "expanded"
    assert expandft("expand", "--model", stories, "--output", expanded, "--layers", "all", "--device", "cpu").rc == 0
    fingerprint = json.loads((expanded / "expandft.json").read_text())["base_fingerprint"]
    base, generator, tensors = read_tensors(stories), torch.Generator().manual_seed(0), {}
    for layer in (1, 3):
        for part in ("gate_proj", "up_proj", "down_proj"):
            name = f"model.layers.{layer}.mlp.{part}"
            weight = base[f"{name}.weight"]
            noise = 0.5 * weight.std() * torch.randn(weight.shape, generator=generator)
            tensors[f"{name}.copy1.weight"] = weight + noise
    directory = tmp_path / "adapter"
    directory.mkdir()
    save_file(tensors, directory / "adapter_model.safetensors")
    (directory / "adapter_config.json").write_text(json.dumps({
        "format": "expandft-adapter", "format_version": 1, "base_model_name_or_path": "stories260K",
        "base_fingerprint": fingerprint, "method": "new", "layers": [1, 3], "copies": 2, "num_hidden_layers": 5,
        "hidden_size": 64, "intermediate_size": 172, "strength": 1.0}))
    return directory


def test_adapter(expandft, stories, adapter, task):
    def difference(*options):
        found = evaluate(expandft, "--base", stories, "--adapter", adapter, "--tasks", task(), *options)
        assert found["adapter"] == str(adapter)
        return found["original_tasks"][0]["difference"]

    assert difference("--strength", "0") == 0, "strength 0 is the base, bit for bit"
    assert 0 < difference("--strength", "0.3") < difference("--strength", "1") == difference()
    # The same with --model alone, and with the merged model.
    alone = evaluate(expandft, "--model", stories, "--adapter", adapter, "--tasks", task())["tasks"][0]["metrics"]["loss"]
    base = evaluate(expandft, "--model", stories, "--tasks", task())["tasks"][0]["metrics"]["loss"]
    assert alone - base == pytest.approx(difference(), abs=1e-12)
    merged = adapter.parent / "merged"
    assert expandft("merge", "--model", stories, "--adapter", adapter, "--output", merged, "--device", "cpu").rc == 0
    folded = evaluate(expandft, "--model", merged, "--tasks", task())["tasks"][0]["metrics"]["loss"]
    assert folded == pytest.approx(alone, abs=1e-5)


def test_adapter_of_another_base(expandft, damaged, adapter, task):
    result = expandft("eval", "--base", damaged, "--adapter", adapter, "--tasks", task(), "--device", "cpu")
    assert result.rc == 2
    assert "fingerprint" in result.stderr or "another" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("arguments, message", [
    ([], "no model to evaluate"),
    (["--model", "{stories}"], "no tasks to evaluate"),
    (["--model", "{stories}", "--original-tasks", "--tasks", "tinystories"], "none is given"),
    (["--model", "{stories}", "--tasks", "tinystories", "--max-drop", "1%"], "none is given"),
    (["--model", "{stories}", "--base", "{stories}", "--tasks", "tinystories", "--max-drop", "one"], '"one" is not a budget'),
    (["--model", "{stories}", "--tasks", "tinystorys"], "tinystories"),
    (["--model", "nowhere", "--tasks", "tinystories"], "nowhere"),
    (["--config", "nowhere.json"], "nowhere.json"),
])
def test_wrong_usage(expandft, stories, arguments, message):
    result = expandft("eval", *(argument.format(stories=stories) for argument in arguments))
    assert result.rc == 2, result
    assert result.stdout == ""
    assert message in result.stderr


def test_text_too_short(expandft, stories, task):
    result = expandft("eval", "--model", stories, "--tasks", task(text=""), "--device", "cpu")
    assert result.rc == 2
    assert "nothing can be predicted" in result.stderr


def test_blocks_longer_than_the_model_reads(expandft, stories, task):
    result = expandft("eval", "--model", stories, "--tasks", task(block_length=1024), "--device", "cpu")
    assert result.rc == 2
    assert "blocks of 1024 tokens" in result.stderr and "512" in result.stderr


def test_weights_that_are_not_finite(expandft, stories, damaged, task, read_tensors):
    from safetensors.torch import save_file

    tensors = read_tensors(damaged)
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, damaged / "model.safetensors", metadata={"format": "pt"})
    result = expandft("eval", "--model", damaged, "--base", stories, "--tasks", task(), "--device", "cpu")
    assert result.rc == 1
    assert "non-finite" in result.stderr
    assert result.stdout == ""


def test_folder_of_the_results_is_missing(expandft, stories, task, tmp_path):
    result = expandft("eval", "--model", stories, "--tasks", task(), "--json", tmp_path / "none/results.json",
                      "--device", "cpu")
    assert result.rc == 2
    assert "results.json" in result.stderr
    assert result.stdout == "", "found before anything is computed"
    assert not (tmp_path / "none").exists()
