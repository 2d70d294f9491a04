#!/usr/bin/env python3
"""What each method learns and forgets on a real model.

    scripts/study --model DIR --material DIR                  # screens all methods on French, one seed
    scripts/study --model DIR --material DIR --stage final    # three tasks, three seeds, 1000 rows of each original task
    scripts/study --model DIR --material DIR --only lora,new  # some methods only

MODEL is a Hugging Face directory or a GGUF file. MATERIAL has text/multi30k and tasks/ (docs/results.md names the
sources). Each finished run is a line of bench/results/MODEL.jsonl, which is kept in the repository: a later call runs
what is missing and writes the tables of docs/results.md. Runs can be interrupted: the next call resumes them.
"""

import argparse
import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import real_study_page
from real_study_methods import STAGES, TRIALS, Stage, select

ROOT = Path(__file__).resolve().parents[1]
ORIGINAL = ("piqa", "winogrande", "arc_easy", "lambada_openai", "boolq")
BATCH_TOKENS = 4096
# The first rows of an original task choose strengths, later ones are reported.
DIAL_ROWS = 200
# The new tasks: template of the training rows, and how answers are measured.
TASKS = {
    "french": dict(
        template={"prompt": "English phrase: {en}\nFrench phrase:", "completion": " {fr}\n"},
        measured=dict(type="generate", prompt="English phrase: {en}\nFrench phrase:", reference="{fr}", until="\n",
                      max_tokens=64, metrics=["bleu", "chrf"]),
        likelihood=dict(prompt="English phrase: {en}\nFrench phrase:", continuation="{fr}")),
    "gsm8k": dict(
        template={"prompt": "Question: {question}\nAnswer:", "completion": " {answer}"},
        measured=dict(type="generate", prompt="Question: {question}\nAnswer:", reference="{answer}",
                      until=["Question:"], max_tokens=256,
                      metrics=[{"exact_match": {"name": "strict_match", "extract": "#### (\\-?[0-9\\.\\,]+)",
                                                "ignore": [",", "\\$", "(?s).*#### ", "\\.$"]}}]),
        likelihood=dict(prompt="Question: {question}\nAnswer:", continuation="{answer}")),
    "mathqa": dict(
        template={"prompt": "{query}", "completion": " {answer}"},
        measured=dict(type="choice", prompt="{query}", choices="{choices}", target="{gold}", metrics=["acc"]),
        likelihood=dict(prompt="{query}", continuation="{answer}")),
}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--material", type=Path, default=os.environ.get("EXPANDFT_MATERIAL"))
    parser.add_argument("--stage", choices=STAGES, default="screen")
    parser.add_argument("--only", default="", help="run only these methods, comma-separated")
    parser.add_argument("--binary", type=Path,
                        default=os.environ.get("EXPANDFT_BINARY", ROOT / "build/release/bin/expandft"))
    parser.add_argument("--work", type=Path, default=ROOT / "build/real-study")
    parser.add_argument("--results", type=Path, help="the file of finished runs (default: bench/results/MODEL.jsonl)")
    parser.add_argument("--steps", type=int, help="training steps of 4096 tokens, in place of the stage's")
    parser.add_argument("--rows", type=int, help="rows of each task, in place of the stage's")
    parser.add_argument("--write", action="store_true", help="write the tables into docs/results.md")
    options = parser.parse_args()
    options.binary = Path(options.binary).resolve()
    if not options.binary.is_file():
        parser.error(f"{options.binary} does not exist: build expandft first")
    if not options.material or not (options.material / "tasks").is_dir():
        parser.error("--material (or $EXPANDFT_MATERIAL) must name a folder with text/multi30k and tasks/")
    if not options.model.exists():
        parser.error(f"no model at {options.model}")
    options.results = options.results or ROOT / "bench/results" / f"{options.model.stem}.jsonl"
    options.trials = select(options.only.split(",") if options.only else None, parser.error)
    stage = STAGES[options.stage]
    options.settings = Stage(stage.tasks, stage.seeds, options.steps or stage.steps, options.rows or stage.rows)
    return options


def lines_of(path):
    with (gzip.open(path, "rt") if path.suffix == ".gz" else open(path)) as file:
        return file.read().splitlines()


def rows_of(material, task):
    """(training, validation, test) rows of a new task."""
    if task == "french":
        pairs = {}
        for part, name in (("train", "train"), ("valid", "val"), ("test", "test_2016_flickr")):
            english, french = (lines_of(material / f"text/multi30k/{name}.{language}.gz") for language in ("en", "fr"))
            pairs[part] = [{"en": one, "fr": other} for one, other in zip(english, french, strict=True)]
        return pairs["train"], pairs["valid"][:200], pairs["test"]
    rows = {name: [json.loads(line) for line in lines_of(material / "tasks" / name)]
            for name in (["gsm8k.train.jsonl", "gsm8k.jsonl"] if task == "gsm8k" else ["math_qa.jsonl"])}
    if task == "gsm8k":
        training = rows["gsm8k.train.jsonl"]
        return training[:-200], training[-200:], [
            row if "answer" in row and "question" in row else
            {"question": row["context"], "answer": f"{row['chain_of_thought']}\n#### {row['answer']}"}
            for row in rows["gsm8k.jsonl"]]
    questions = [row | {"query": row["query"].rstrip(), "answer": row["choices"][row["gold"]]}
                 for row in rows["math_qa.jsonl"]]
    return questions[:2000], questions[2000:2200], questions[2200:]


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")


def make_inputs(options, task):
    """The folder with a new task's rows and the task files; made anew each time, which takes seconds."""
    folder = options.work.resolve() / f"{task}-{options.settings.rows}"
    training, validation, test = rows_of(options.material, task)
    write_rows(folder / "train.jsonl", training)
    write_rows(folder / "valid.jsonl", validation)
    write_rows(folder / "test.jsonl", test[:options.settings.rows])
    about = TASKS[task]
    common = {"data": "test.jsonl"}
    (folder / f"{task}.json").write_text(json.dumps({"name": task} | common | about["measured"]))
    (folder / f"{task}_likelihood.json").write_text(json.dumps(
        {"name": f"{task}_likelihood", "type": "continuation", "metrics": ["perplexity"]} | common | about["likelihood"]))
    for name in ORIGINAL:
        rows = lines_of(options.material / "tasks" / f"{name}.jsonl")
        dial = min(DIAL_ROWS, len(rows) // 2)
        for part, some in (("dial", rows[:dial]), ("test", rows[dial:dial + options.settings.rows])):
            (folder / part).mkdir(exist_ok=True)
            (folder / part / f"{name}.jsonl").write_text("\n".join(some) + "\n")
        built_in = json.loads((ROOT / "configs/tasks" / f"{name}.json").read_text())
        dial = built_in | {"name": f"{name}_dial", "data": f"dial/{name}.jsonl"}
        (folder / f"{name}_dial.json").write_text(json.dumps(dial))
    return folder


def run_config(options, trial, rate, seed, task, inputs, output):
    settings = options.settings
    original = list(ORIGINAL) + [str(inputs / f"{name}_dial.json") for name in ORIGINAL]
    config = {
        "model": str(options.model.resolve()), "output": str(output), "method": "new",
        "data": {"train": str(inputs / "train.jsonl"), "validation": str(inputs / "valid.jsonl"),
                 "template": TASKS[task]["template"], "max_length": 512},
        "training": {"max_steps": settings.steps, "batch_tokens": BATCH_TOKENS, "learning_rate": rate,
                     "lr_scheduler": "cosine", "warmup": 0.1, "seed": seed, "output_checkpoint": "last"},
        "retention": {"weight": 0.0, "text": str(ROOT / "data/wikitext.txt"), "batch_size": 2},
        "evaluation": {"original_tasks": original, "task_data": [str(inputs / "test")],
                       "tasks": [str(inputs / f"{task}.json"), str(inputs / f"{task}_likelihood.json")],
                       "strengths": list(trial.strengths)},
    }
    for key, value in trial.settings.items():
        group, _, name = key.rpartition(".")
        (config.setdefault(group, {}) if group else config)[name] = value
    return config


def key_of(options, trial, rate, seed, task):
    settings = options.settings
    return {"task": task, "method": trial.name, "rate": rate, "seed": seed, "tokens": settings.steps * BATCH_TOKENS,
            "rows": settings.rows}


def row_of(key, trial, summary):
    """What is kept of a run."""
    curve = [{"strength": point["strength"],
              "tasks": {task["task"]: {name: task[name] for name in ("metric", "value", "loss", "kl") if name in task}
                        for task in point["tasks"]}}
             for point in summary["strengths"]]
    return key | {"settings": trial.settings, "validation_loss": summary["validation_loss_after"],
                  "validation_loss_before": summary["validation_loss_before"],
                  "tokens_per_second": summary["tokens_per_second"], "peak_memory_bytes": summary["peak_memory_bytes"],
                  "steps": summary["steps"], "curve": curve}


def run(options, trial, rate, seed, task, inputs, finished):
    key = key_of(options, trial, rate, seed, task)
    for row in finished:
        if key.items() <= row.items():
            return row
    name = f"{task}-{trial.name}-{rate:g}-seed{seed}-{options.settings.steps}-{options.settings.rows}"
    folder = options.work.resolve() / name
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "run.json"
    config.write_text(json.dumps(run_config(options, trial, rate, seed, task, inputs, folder / "run"), indent=2))
    print(f"running {name}", file=sys.stderr, flush=True)
    result = subprocess.run([options.binary, "train", "--config", config, "--resume", "--log-level", "warn"],
                            stdout=subprocess.DEVNULL)
    if result.returncode != 0:
        raise SystemExit(f"{name}: exit code {result.returncode}; the same command continues it")
    row = row_of(key, trial, json.loads((folder / "run/summary.json").read_text()))
    options.results.parent.mkdir(parents=True, exist_ok=True)
    with open(options.results, "a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    finished.append(row)
    return row


def main():
    options = parse_arguments()
    finished = []
    if options.results.is_file():
        finished = [json.loads(line) for line in options.results.read_text().splitlines()]
    rows = []
    for task in options.settings.tasks:
        inputs = make_inputs(options, task)
        for trial in options.trials:
            for seed in options.settings.seeds:
                for rate in trial.rates_for(options.stage, task, finished):
                    rows.append(run(options, trial, rate, seed, task, inputs, finished))
    text = real_study_page.text(rows, ORIGINAL)
    print(text)
    if options.write:
        real_study_page.write(text)


if __name__ == "__main__":
    main()
