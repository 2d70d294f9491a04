"""Evaluation rows with the fields that lm-evaluation-harness reads, converted from ready-made prompts if needed."""

import json
from pathlib import Path


def winogrande(row):
    """The blank is where the two contexts begin to differ, at the beginning of a word."""
    first, second = row["context_options"]
    same = next((i for i, (a, b) in enumerate(zip(first, second)) if a != b), min(len(first), len(second)))
    begin = first.rfind(" ", 0, same) + 1
    return {"sentence": f"{first[:begin]}_ {row['continuation']}", "option1": first[begin:], "option2": second[begin:],
            "answer": str(row["gold"] + 1)}


def piqa(row):
    first, second = row["choices"]
    return {"goal": row["query"].removeprefix("Question: ").rstrip("\n"), "sol1": first, "sol2": second,
            "label": row["gold"]}


def arc_easy(row):
    labels = "ABCDE"[:len(row["choices"])]
    return {"question": row["query"].removeprefix("Question: "),
            "choices": {"text": row["choices"], "label": list(labels)}, "answerKey": labels[row["gold"]]}


def lambada_openai(row):
    return {"text": f"{row['context']} {row['continuation']}"}


# Task: (a field that only ready-made rows have, how such a row becomes the harness's).
TASKS = {"winogrande": ("context_options", winogrande), "piqa": ("query", piqa), "arc_easy": ("query", arc_easy),
         "lambada_openai": ("continuation", lambada_openai)}


def prepare(task, source, target, rows):
    """Writes the first rows of <source>/<task>.jsonl as <target>/<task>.jsonl; returns how many there are."""
    field, convert = TASKS[task]
    file = Path(source) / f"{task}.jsonl"
    if not file.is_file():
        raise SystemExit(f"{file} does not exist")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()][:rows]
    made = [convert(line) if field in line else line for line in lines]
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made)
    (Path(target) / f"{task}.jsonl").write_text(text, encoding="utf-8")
    return len(made)
