"""Helpers for tests of evaluation tasks: small tasks made from the shipped stories, a damaged model, runs."""

import json
import re
import shutil


def write_rows(file, rows):
    """JSON lines; a row that is a string is written unchanged."""
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return file


def write_task(folder, name, rows, **keys):
    """A task file with its data next to it."""
    write_rows(folder / f"{name}.jsonl", rows)
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"name": name, "data": f"{name}.jsonl"} | keys))
    return file


def sentences(source, count):
    """Sentences of the shipped stories, in order."""
    text = (source / "data/tinystories.valid.txt").read_text()[:80 * count + 4000]
    found = [one.strip() for one in re.findall(r"[A-Z][^.!?\"\n]{30,90}[.]", text)]
    assert len(found) >= count
    return found[:count]


def choice_task(folder, source, name="ending", count=40, **keys):
    """Endings of a sentence: its own, and those of two others."""
    halves = [(" ".join(words[:4]), " ".join(words[4:])) for words in map(str.split, sentences(source, count + 20))]
    rows = []
    for i in range(count):
        options = [halves[i + shift][1] for shift in (0, 9, 15)]
        target = i % 3
        options[0], options[target] = options[target], options[0]
        rows.append({"text": halves[i][0], "options": options, "answer": target})
    return write_task(folder, name, rows, **{
        "type": "choice", "prompt": "{text}", "choices": "{options}", "target": "{answer}",
        "metrics": ["acc", "acc_norm"],
        "written_prompt": "{text}\n{options|options}\nAnswer:", "written_answers": "{options|letters}"} | keys)


def last_word_rows(source, count):
    rows = []
    for line in sentences(source, count):
        prompt, _, word = line[:-1].rpartition(" ")
        rows.append({"prompt": prompt, "word": word})
    return rows


def continuation_task(folder, source, name="last_word", count=60, **keys):
    return write_task(folder, name, last_word_rows(source, count), **{
        "type": "continuation", "prompt": "{prompt}", "continuation": "{word}"} | keys)


def generate_task(folder, source, name="written_word", count=40, **keys):
    return write_task(folder, name, last_word_rows(source, count), **{
        "type": "generate", "prompt": "{prompt}", "reference": "{word}", "max_tokens": 6, "until": "\n",
        "metrics": [{"exact_match": {"extract": r"^\s*(\w+)"}}, "contains"]} | keys)


def rolling_task(folder, source, name="documents", count=6, **keys):
    lines = sentences(source, count * 4)
    rows = [{"page": " ".join(lines[4 * i:4 * i + 2 + i % 3])} for i in range(count)]
    return write_task(folder, name, rows, **{"type": "rolling", "text": "{page}"} | keys)


def perplexity_task(folder, source, name="blocks", **keys):
    (folder / f"{name}.txt").write_text(" ".join(sentences(source, 40)))
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"name": name, "type": "perplexity", "data": f"{name}.txt",
                                "block_length": 32} | keys))
    return file


def damage(stories, directory, amount=0.3):
    """A copy of the stories model with noise in one layer's MLP: another function, the same tokenizer."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(stories, directory)
    tensors = load_file(stories / "model.safetensors")
    name = "model.layers.2.mlp.down_proj.weight"
    noise = torch.randn(tensors[name].shape, generator=torch.Generator().manual_seed(0))
    tensors[name] = tensors[name] + amount * tensors[name].std() * noise
    save_file(tensors, directory / "model.safetensors", metadata={"format": "pt"})
    return directory


def run_eval(expandft, *arguments, rc=0, **settings):
    """`expandft eval` on one CPU thread; `tasks` can be a list."""
    words = [",".join(map(str, word)) if isinstance(word, list) else word for word in arguments]
    result = expandft("eval", *words, "--device", "cpu", "--threads", "1", **settings)
    assert result.rc == rc, result.stderr
    return result


def evaluate(expandft, *arguments, **settings):
    """The content of --json."""
    return json.loads(run_eval(expandft, *arguments, "--json", "-", **settings).stdout)


def read_lines(file):
    return [json.loads(line) for line in file.read_text().splitlines()]
