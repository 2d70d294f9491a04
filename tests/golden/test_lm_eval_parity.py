"""`expandft eval` gives lm-evaluation-harness's numbers: each example's log-likelihoods and texts, metrics, errors.

Both read tests/golden/tasks, with two models: a trained Llama with SentencePiece and BOS, and a random Qwen2 with
byte-level BPE, without BOS and with a shorter context. lm_eval_oracle.py runs the harness, once for each model.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
DATA = FOLDER / "tasks"
QUERY_DATA = DATA / "query"
MODELS = ["llama_stories", "random_qwen2"]  # fixtures

# For each task: expandft's name of a metric, and the harness's.
ACC = {"acc": "acc,none"}
ACC_NORM = ACC | {"acc_norm": "acc_norm,none"}
METRICS = {
    "wikitext": {name: f"{name},none" for name in ("word_perplexity", "byte_perplexity", "bits_per_byte")},
    "winogrande": ACC, "hellaswag": ACC_NORM, "piqa": ACC_NORM, "arc_easy": ACC_NORM, "arc_challenge": ACC_NORM,
    "boolq": ACC, "openbookqa": ACC_NORM, "sciq": ACC_NORM, "mathqa": ACC_NORM, "rte": ACC,
    "lambada_openai": ACC | {"perplexity": "perplexity,none"},
    "gsm8k": {"strict_match": "exact_match,strict-match", "flexible_extract": "exact_match,flexible-extract"},
    "wmt14_en_fr": {"bleu": "bleu,none", "chrf": "chrf,none"},
    "squad_completion": {"contains": "contains,none"},
}
TASKS = list(METRICS)
GENERATING = ["gsm8k", "wmt14_en_fr", "squad_completion"]
# Tasks that are also tested with so many few-shot examples, from <task>.train.jsonl. For a task without a test split,
# such as WinoGrande, the harness draws one more than it shows.
FEW_SHOT = {"arc_easy": 3, "winogrande": 2}
# Data sets that also come with ready-made prompts, with the same content.
WITH_QUERIES = ["winogrande", "piqa", "arc_easy", "arc_challenge", "boolq", "openbookqa", "lambada_openai", "gsm8k"]

LOG_PROB_TOLERANCE = 1e-3
# Tolerances of metrics: relative for perplexities and bits, absolute for the rest.
RELATIVE = {"perplexity": 1e-4, "word_perplexity": 1e-4, "byte_perplexity": 1e-4, "bits_per_byte": 1e-4}
ABSOLUTE = {"bleu": 0.01, "chrf": 0.01}


@pytest.fixture(scope="session")
def random_qwen2(tmp_path_factory):
    """A model without BOS, with the tokenizer of tokenizers/json/qwen2.json."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    fixture = json.loads((FOLDER / "tokenizers/json/qwen2.json").read_text())
    torch.manual_seed(0)
    model = Qwen2ForCausalLM(Qwen2Config(
        vocab_size=704, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=384, initializer_range=0.3, bos_token_id=None,
        eos_token_id=fixture["eos"], tie_word_embeddings=False))
    directory = tmp_path_factory.mktemp("models") / "random-qwen2"
    model.save_pretrained(directory)
    for name, content in {"tokenizer.json": fixture["tokenizer"], **fixture["files"]}.items():
        (directory / name).write_text(json.dumps(content))
    return directory


@pytest.fixture(scope="session")
def llama_stories(stories, tmp_path_factory):
    """With the file that tells transformers the tokenizer's class, and that BOS precedes texts."""
    directory = shutil.copytree(stories, tmp_path_factory.mktemp("models") / "stories260K")
    (directory / "tokenizer_config.json").write_text(json.dumps(
        {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True, "bos_token": "<s>", "eos_token": "</s>",
         "unk_token": "<unk>"}))
    return directory


@pytest.fixture(scope="session", params=MODELS)
def model(request):
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="session")
def harness(model, tmp_path_factory):
    """The harness's results by task, as lm_eval_oracle.py writes them."""
    output = tmp_path_factory.mktemp("harness") / "oracle.json"
    tasks = TASKS + [f"{task}:{count}" for task, count in FEW_SHOT.items()]
    done = subprocess.run([sys.executable, FOLDER / "lm_eval_oracle.py", "--model", model, "--data", DATA, "--tasks",
                           ",".join(tasks), "--output", output], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(output.read_text())["tasks"]


def evaluate(expandft, model, tasks, data, folder):
    """({task: its entry in --json}, {task: its lines of --examples}), all tasks in one run."""
    results, examples = folder / "results.json", folder / "examples.jsonl"
    done = expandft("eval", "--model", model, "--tasks", ",".join(tasks), "--task-data", data, "--no-cache",
                    "--examples", examples, "--json", results, "--device", "cpu", "--precision", "float32",
                    "--threads", "1")
    assert done.rc == 0, done.stderr
    lines = {}
    for line in examples.read_text().splitlines():
        example = json.loads(line)
        lines.setdefault(example["task"], []).append(example)
    return {task["task"]: task for task in json.loads(results.read_text())["tasks"]}, lines


@pytest.fixture(scope="session")
def ours(expandft, model, tmp_path_factory):
    return evaluate(expandft, model, TASKS, DATA, tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="session")
def ours_from_queries(expandft, model, tmp_path_factory):
    return evaluate(expandft, model, WITH_QUERIES, QUERY_DATA, tmp_path_factory.mktemp("queries"))


@pytest.fixture(scope="session")
def ours_few_shot(expandft, source, model, tmp_path_factory):
    """With task files derived from the built-in ones."""
    folder = tmp_path_factory.mktemp("few-shot")
    for task, count in FEW_SHOT.items():
        content = json.loads((source / f"configs/tasks/{task}.json").read_text())
        few_shot = {"data": f"{task}.train.jsonl", "count": count, "spare": task == "winogrande"}  # no test split
        content |= {"name": f"{task}_{count}", "fewshot": few_shot}
        (folder / f"{task}.json").write_text(json.dumps(content))
    return evaluate(expandft, model, [str(folder / f"{task}.json") for task in FEW_SHOT], DATA, folder)


def tolerance(metric, value):
    """For a metric, or its standard error, with this value."""
    return RELATIVE[metric] * abs(value) if metric in RELATIVE else ABSOLUTE.get(metric, 1e-6)


def check_likelihoods(expected, found):
    assert [example["index"] for example in found] == list(range(len(expected)))
    for index, (theirs, example) in enumerate(zip(expected, found)):
        asked = f"example {index}: {theirs['requests']}"
        if "greedy" in theirs:
            assert example["log_probs"] == pytest.approx(theirs["log_probs"], abs=LOG_PROB_TOLERANCE, rel=0), asked
            assert example["greedy"] == theirs["greedy"], asked
        else:  # a document: the harness gives the sum over its windows, of float32 numbers
            assert [sum(example["log_probs"])] == pytest.approx(theirs["log_probs"], abs=LOG_PROB_TOLERANCE, rel=1e-6)


@pytest.mark.parametrize("task", TASKS)
def test_examples(harness, ours, task):
    expected, found = harness[task]["examples"], ours[1][task]
    assert all(example["task"] == task and example["model"] == "model" for example in found)
    if task in GENERATING:
        assert [example["text"] for example in found] == [example["text"] for example in expected]
    else:
        check_likelihoods(expected, found)


@pytest.mark.parametrize("task", TASKS)
def test_metrics(harness, ours, task):
    expected, found = harness[task], ours[0][task]
    assert found["examples"] == len(expected["examples"])
    assert METRICS[task].keys() <= found["metrics"].keys()
    for metric, theirs in METRICS[task].items():
        value = expected["metrics"][theirs]
        assert found["metrics"][metric] == pytest.approx(value, abs=tolerance(metric, value), rel=0), metric


@pytest.mark.parametrize("task", TASKS)
def test_metrics_of_each_example(harness, ours, task):
    """For metrics that are a mean over examples."""
    checked = 0
    for theirs, example in zip(harness[task]["examples"], ours[1][task], strict=True):
        for metric, name in METRICS[task].items():
            if metric in RELATIVE or metric in ABSOLUTE:
                continue
            assert float(example[metric]) == theirs["metrics"][name], (metric, theirs)
            checked += 1
    assert checked or task in ("wikitext", "wmt14_en_fr")


@pytest.mark.parametrize("task", TASKS)
def test_standard_errors_of_means(harness, ours, task):
    """Only closed forms; errors that the harness computes from random draws are not compared."""
    expected, found = harness[task]["standard_errors"], ours[0][task]["standard_errors"]
    for metric, theirs in METRICS[task].items():
        if metric not in RELATIVE and metric not in ABSOLUTE and theirs in expected:
            assert found[metric] == pytest.approx(expected[theirs], abs=1e-6, rel=0), metric


def test_slices_tell_right_from_wrong(harness):
    """In most tasks, some answers of this model are right and some wrong, and some texts stop early."""
    mixed = sum(any(0 < harness[task]["metrics"][theirs] < 1 for metric, theirs in METRICS[task].items()
                    if metric not in RELATIVE and metric not in ABSOLUTE) for task in TASKS)
    assert mixed >= 8
    assert any(len(set(map(len, (example["text"] for example in harness[task]["examples"])))) > 1
               for task in GENERATING)


@pytest.mark.parametrize("task", WITH_QUERIES)
def test_ready_made_prompts_give_the_same(ours, ours_from_queries, task):
    raw, ready = ours[1][task], ours_from_queries[1][task]
    assert len(raw) == len(ready) > 0
    for one, other in zip(raw, ready):
        assert one.get("log_probs", []) == pytest.approx(other.get("log_probs", []), abs=1e-5, rel=0)
        assert one.get("greedy") == other.get("greedy")
        assert one.get("text") == other.get("text")
    for metric in METRICS[task]:
        assert ours_from_queries[0][task]["metrics"][metric] == pytest.approx(ours[0][task]["metrics"][metric], rel=1e-6)


@pytest.mark.parametrize("task", FEW_SHOT)
def test_few_shot(harness, ours_few_shot, task):
    expected, found = harness[f"{task}:{FEW_SHOT[task]}"], f"{task}_{FEW_SHOT[task]}"
    check_likelihoods(expected["examples"], ours_few_shot[1][found])
    for metric, theirs in METRICS[task].items():
        assert ours_few_shot[0][found]["metrics"][metric] == pytest.approx(expected["metrics"][theirs], abs=1e-6)


def test_truncation_is_counted(harness, ours):
    """Passages longer than the model's context lose their beginning, and are counted."""
    assert ours[0]["boolq"]["truncated"] > 0
    assert ours[0]["rte"]["truncated"] >= 1
    assert ours[0]["winogrande"]["truncated"] == 0
