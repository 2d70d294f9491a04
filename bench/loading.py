"""The time to read and tokenize data, compared with the tokenizers package on the same rows.

expandft loads data in `train --dry-run`; the time of the same command with one row (the model and two steps) is
subtracted. The peer (peer_load.py) encodes each row once, in batches; expandft also finds where each answer begins, and
stores ids and marks.
"""

import gzip
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import programs

SHORT_TEXT = 200
LENGTH = 256
KINDS = {"rows": "{rows} rows of prompt and completion", "chat": "{rows} conversations",
         "text": "a text of {megabytes} MB"}


@dataclass
class Times:
    """Seconds, one value per round."""

    wall: list = field(default_factory=list)
    processor: list = field(default_factory=list)

    def add(self, wall, processor):
        self.wall.append(wall)
        self.processor.append(processor)


@dataclass
class Measured:
    model: Path
    kind: str
    times: dict = field(default_factory=dict)  # {program: Times}

    def median(self, program, what):
        return statistics.median(getattr(self.times[program], what))


def pairs_of(options):
    """(source, target): multi30k's English and French, or random pairs of lines of the shipped text."""
    folder = options.multi30k
    if folder and (folder / "train.en.gz").is_file():
        sides = [gzip.open(folder / f"train.{side}.gz", "rt", encoding="utf-8").read().splitlines()
                 for side in ("en", "fr")]
        return list(zip(*sides))[:options.rows]
    lines = [line.strip() for line in options.text.read_text(encoding="utf-8").splitlines() if line.strip()]
    chance = random.Random(7)
    return [(chance.choice(lines), chance.choice(lines)) for _ in range(options.rows)]


def write_data(options, folder):
    """{kind: file}, with all rows and with one row."""
    folder.mkdir(parents=True, exist_ok=True)
    pairs = pairs_of(options)
    prompts = [{"prompt": f"Translate into French.\nEnglish: {source}\nFrench:", "completion": f" {target}"}
               for source, target in pairs]
    chats = [{"messages": [{"role": "user", "content": f"Translate into French: {source}"},
                           {"role": "assistant", "content": target}]} for source, target in pairs]
    lines = [line for text in (options.text, *options.more_text) for line in
             text.read_text(encoding="utf-8").splitlines(keepends=True)]
    chance = random.Random(7)
    text, size = [], 0
    while size < options.megabytes * 10**6:
        text.append(chance.choice(lines))
        size += len(text[-1].encode())
    whole = {"rows": prompts, "chat": chats, "text": "".join(text)}
    files = {}
    for kind, data in whole.items():
        for name, part in ((kind, data), (f"{kind}-short", data[:SHORT_TEXT] if kind == "text" else data[:1])):
            files[name] = folder / f"{name}.{'txt' if kind == 'text' else 'jsonl'}"
            files[name].write_text(part if kind == "text" else "".join(json.dumps(row) + "\n" for row in part))
    return files


def processor_seconds():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run_dry(binary, model, data, options, folder):
    """(wall, processor) seconds."""
    job = programs.Job(model=model, text=data, ids=Path(), folder=folder, layers="last:1", batch=1, length=LENGTH,
                       steps=2, warmup_steps=0, threads=options.threads, rank=0, copies=2)
    file = folder / "run.json"
    file.write_text(json.dumps(programs.run_config(job, folder / "run")))
    begin, used = time.perf_counter(), processor_seconds()
    programs.run_measured([binary, "train", "--config", file, "--dry-run", "--quiet", "--threads", options.threads],
                          options.threads, folder / "expandft.log")
    return time.perf_counter() - begin, processor_seconds() - used


def run_loading(binary, model, files, kind, options, folder):
    whole = run_dry(binary, model, files[kind], options, folder)
    short = run_dry(binary, model, files[f"{kind}-short"], options, folder)
    return tuple(max(a - b, 1e-3) for a, b in zip(whole, short))


def run_peer(model, file, kind, options, folder):
    command = [sys.executable, programs.BENCH / "peer_load.py", "--model", model, "--data", file, "--kind", kind,
               "--threads", options.threads]
    found = json.loads(programs.run_measured(command, options.threads, folder / "peer.log")[0].splitlines()[-1])
    return found["wall"], found["processor"]


def measure(options):
    os.environ["EXPANDFT_CACHE"] = os.devnull  # token ids are not cached
    folder = options.cache / "data"
    files = write_data(options, folder)
    programs_of = {"expandft": options.binary} | ({"before": options.before} if options.before else {})
    found = []
    for model in options.tokenizers:
        kinds = [kind for kind in KINDS if kind != "chat" or (model / "chat_template.jinja").is_file()]
        for kind in kinds:
            measured = Measured(model, kind, {name: Times() for name in [*programs_of, "tokenizers"]})
            for number in range(1, options.rounds + 1):
                for name, binary in programs_of.items():
                    measured.times[name].add(*run_loading(binary, model, files, kind, options, folder))
                measured.times["tokenizers"].add(*run_peer(model, files[kind], kind, options, folder))
                said = ", ".join(f"{name} {times.wall[-1]:.2f} s ({times.processor[-1]:.2f} s of processor time)"
                                 for name, times in measured.times.items())
                print(f"{model.name}, {kind}, round {number}: {said}", file=sys.stderr, flush=True)
            found.append(measured)
    return found


def table(found, options):
    names = list(found[0].times)
    head = "".join(f" {name}, s | CPU, s |" for name in names)
    lines = [f"| tokenizer of | data |{head} tokenizers / expandft |",
             "|---|---|" + "--:|--:|" * len(names) + "--:|"]
    for one in found:
        cells = "".join(f" {one.median(name, 'wall'):.2f} | {one.median(name, 'processor'):.2f} |" for name in names)
        ratio = one.median("tokenizers", "wall") / one.median("expandft", "wall")
        lines.append(f"| {one.model.name} | {KINDS[one.kind].format(**vars(options))} |{cells} {ratio:.2f} |")
    return (f"Medians of {options.rounds} rounds, {options.threads} threads, sequences of {LENGTH} tokens.\n\n"
            + "\n".join(lines))
