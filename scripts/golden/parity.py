#!/usr/bin/env python3
"""Compares expandft with transformers on a model: what to run on a checkpoint that nobody has tried yet.

    scripts/parity DIR
    scripts/parity DIR --layers last:4 --precision bfloat16

DIR is a Hugging Face directory. Compares, on the CPU:

    tokenizer   ids of texts in many scripts
    chat        ids of a conversation, by the model's own template
    logits      log-probabilities of every token of several sequences, one of them longer than the sliding window
    step        loss and gradient norm of one training step of the copies
    expand      the expanded model, loaded in transformers

Prints a line for each, and fails if one differs. What the directory does not have (a tokenizer, a chat template) is
skipped by name. The model is in memory twice, in --precision.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoTokenizer
from transformers.utils import logging

import reference

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["Once upon a time, in 1984, there was a little girl.", "  Two spaces, a tab\tand\n\n\nlines.\n", "naïve café – “quoted”",
         "Привет, мир! Γειά σου", "日本語のテキスト、中文文本", "مرحبا بالعالم", "👩‍👩‍👧 emoji 🎉", "def f(x):\n    return x**2  # code",
         "3.14159 + 2,000,000 = ?", ""]
ROWS = [text * 3 for text in TEXTS if text]
CONVERSATION = [{"role": "user", "content": "What is the capital of France?"}, {"role": "assistant", "content": "Paris."}]
LENGTHS = (5, 40, 130)
# Log-probabilities, in nats; loss and gradient norm, relative. Sums in another order differ by less.
TOLERANCES = {"float32": (1e-3, 1e-3), "bfloat16": (0.5, 0.05)}


class Failed(Exception):
    """expandft refused or failed."""


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, metavar="DIR")
    parser.add_argument("--binary", type=Path, default=os.environ.get("EXPANDFT_BINARY", ROOT / "build/release/bin/expandft"),
                        help="the expandft program (default: $EXPANDFT_BINARY, or the release preset's)")
    parser.add_argument("--layers", default="last:2", help="layers that grow (default: last:2)")
    parser.add_argument("--precision", choices=TOLERANCES, default="float32")
    options = parser.parse_args()
    if not (options.model / "config.json").is_file():
        parser.error(f"{options.model} has no config.json")
    if not options.binary.is_file():
        parser.error(f"{options.binary} does not exist: build expandft first, or name it with --binary")
    return options


class Comparison:
    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.config = json.loads((options.model / "config.json").read_text())
        self.model, self.tokenizer = None, None
        self.nats, self.share = TOLERANCES[options.precision]

    def expandft(self, *arguments, stdin=None):
        done = subprocess.run([str(part) for part in (self.options.binary, *arguments)], input=stdin, text=True,
                              capture_output=True)
        if done.returncode != 0:
            raise Failed(done.stderr.strip())
        for line in done.stderr.splitlines():
            if line.startswith("warning:"):
                print(f"            expandft warns: {line.removeprefix('warning:').strip()}")
        return done.stdout

    def load(self, directory):
        dtype = getattr(torch, self.options.precision)
        config = json.loads((directory / "config.json").read_text())
        return reference.auto_class(config).from_pretrained(directory, dtype=dtype, attn_implementation="eager").eval()

    def has_tokenizer(self):
        return any((self.options.model / name).is_file() for name in ("tokenizer.json", "tokenizer.model"))

    def compare_tokenizer(self):
        if not self.has_tokenizer():
            return "skipped: no tokenizer.json or tokenizer.model"
        self.tokenizer = AutoTokenizer.from_pretrained(self.options.model)
        for text in TEXTS:
            found = json.loads(self.expandft("tokenize", "--model", self.options.model, "--json", "-", stdin=text))["ids"]
            expected = self.tokenizer(text)["input_ids"]
            assert found == expected, f"{text!r}: {found}, transformers has {expected}"
        return f"{len(TEXTS)} texts"

    def compare_chat(self):
        if self.tokenizer is None or not self.tokenizer.chat_template:
            return "skipped: no chat template"
        file = self.folder / "chat.jsonl"
        file.write_text(json.dumps({"messages": CONVERSATION}) + "\n")
        found = json.loads(self.expandft("chat-preview", file, "--model", self.options.model, "--json"))["tokens"]
        expected = self.tokenizer.apply_chat_template(CONVERSATION, tokenize=True, return_dict=False)
        # expandft may add the token that ends a turn.
        assert found[:len(expected)] == expected, f"{found}, transformers has {expected}"
        return f"{len(found)} tokens"

    def text_config(self):
        return self.config.get("text_config", self.config)

    def compare_logits(self):
        self.model = self.load(self.options.model)
        vocabulary = self.model.config.get_text_config().vocab_size
        window = self.text_config().get("sliding_window") or 0
        longest = self.text_config().get("max_position_embeddings") or 4096
        lengths = sorted({min(length, longest) for length in (*LENGTHS, *([window + 40] if window <= 4096 else []))})
        generator, worst = torch.Generator().manual_seed(1), 0.0
        for length in lengths:
            ids = torch.randint(0, vocabulary, (length,), generator=generator)
            expected = self.log_probs(self.model, ids)
            worst = max(worst, (self.scores(self.options.model, ids) - expected).abs().max().item())
            assert worst <= self.nats, f"{worst:.2g} nats apart in a sequence of {length}, expected at most {self.nats}"
        return f"{sum(lengths)} tokens, at most {worst:.1g} nats apart"

    @staticmethod
    @torch.no_grad()
    def log_probs(model, ids):
        logits = model(ids[None], use_cache=False).logits[0].double()
        return logits[:-1].log_softmax(-1).gather(1, ids[1:, None]).flatten()

    def scores(self, directory, ids):
        file = self.folder / "ids.json"
        file.write_text(json.dumps(ids.tolist()))
        lines = self.expandft("score", "--model", directory, "--ids", file, "--device", "cpu", "--precision",
                              self.options.precision).splitlines()
        return torch.tensor([json.loads(line)["logprob"] for line in lines[1:]], dtype=torch.float64)

    def write_run(self):
        (self.folder / "rows.jsonl").write_text("".join(
            json.dumps({"prompt": text[:4], "completion": text[4:]}) + "\n" for text in ROWS))
        config = {
            "model": str(self.options.model.resolve()), "output": "run", "expansion": {"layers": self.options.layers, "copies": 2},
            "method": "new", "data": {"train": "rows.jsonl", "max_length": 256, "packing": False},
            "training": {"max_steps": 1, "batch_size": len(ROWS), "micro_batch_size": len(ROWS), "learning_rate": 1e-6,
                         "precision": self.options.precision},
        }
        file = self.folder / "run.json"
        file.write_text(json.dumps(config))
        return file

    def compare_step(self):
        if self.tokenizer is None or self.model is None:
            return "skipped: there is no tokenizer for rows, or no model to compare with"
        run = self.write_run()
        preview = self.expandft("chat-preview", "--config", run, "--json", "--rows", len(ROWS))
        rows = [json.loads(line) for line in preview.splitlines()]
        self.expandft("train", "--config", run, "--device", "cpu", "--quiet")
        events = [json.loads(line) for line in (self.folder / "run/metrics.jsonl").read_text().splitlines()]
        found = next(event for event in events if event["event"] == "train")

        layers = json.loads((self.folder / "run/adapter/adapter_config.json").read_text())["layers"]
        reference.expand(self.model, layers, 2)
        loss, count = 0.0, sum(sum(row["learned"][1:]) for row in rows)
        for row in rows:
            ids, learned = torch.tensor(row["tokens"]), torch.tensor(row["learned"], dtype=torch.bool)
            targets = reference.next_token_targets(ids, torch.tensor([0, len(ids)]), learned)
            part = reference.summed_loss(self.model(ids[None], use_cache=False).logits[0].float(), targets) / count
            part.backward()
            loss += part.item()
        norm = torch.stack([parameter.grad.float().norm() for parameter in
                            reference.copy_parameters(self.model).values()]).norm().item()
        for name, ours, theirs in (("loss", found["loss"], loss), ("gradient norm", found["grad_norm"], norm)):
            assert abs(ours - theirs) <= self.share * abs(theirs), f"{name} {ours:.6g}, in transformers {theirs:.6g}"
        return f"loss {loss:.4f}, gradient norm {norm:.4g} of {len(layers)} layers"

    def compare_expanded(self):
        self.model = None
        gc.collect()
        output = self.folder / "expanded"
        self.expandft("expand", "--model", self.options.model, "--output", output, "--layers", "all", "--copies", "2",
                      "--device", "cpu")
        model = self.load(output)
        ids = torch.randint(0, model.config.get_text_config().vocab_size, (LENGTHS[1],),
                            generator=torch.Generator().manual_seed(2))
        worst = (self.log_probs(model, ids) - self.scores(self.options.model, ids)).abs().max().item()
        assert worst <= self.nats, f"{worst:.2g} nats from the base, expected at most {self.nats}"
        return f"at most {worst:.1g} nats from the base"


def main():
    options = parse_arguments()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(options, Path(folder))
        print(f"{options.model}: {comparison.config.get('model_type')}, {options.precision}")
        for name, compare in (("tokenizer", comparison.compare_tokenizer), ("chat", comparison.compare_chat),
                              ("logits", comparison.compare_logits), ("step", comparison.compare_step),
                              ("expand", comparison.compare_expanded)):
            try:
                found = compare()
            except Failed as error:
                found = f"refused: {error}"
            except AssertionError as error:
                found = f"DIFFERS: {error}"
            except Exception as error:  # of any kind: transformers has many
                found = f"transformers fails: {type(error).__name__}: {error}"
            else:
                print(f"{name:10}  {'' if found.startswith('skipped') else 'same: '}{found}", flush=True)
                continue
            failed += 1
            print(f"{name:10}  {found}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
