#!/usr/bin/env python3
"""Measures expandft's batched generation against transformers', on the CPU.

    scripts/bench-generate --model DIR --text FILE

Each round runs both programs in turn on the same prompts: pieces of the text of 30 to 60 tokens, in one batch, continued
greedily by the same number of tokens whatever they are. transformers pads the prompts on the left and runs once for each
of --dtypes; its best one counts. The time of both is that from the encoded prompts to the last token, without loading
the model: expandft's is the process's less that of a process that generates one token for one prompt. Prints a Markdown
table. Says how many texts are the same; different sums may turn near ties, so a few may differ.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import device
import programs
import tables

ROOT = Path(__file__).resolve().parents[1]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--binary", type=Path,
                        default=os.environ.get("EXPANDFT_BINARY", ROOT / "build/release/bin/expandft"),
                        help="the expandft program (default: $EXPANDFT_BINARY, or the release preset's)")
    parser.add_argument("--model", type=Path, required=True, help="a Hugging Face model directory")
    parser.add_argument("--text", type=Path, default=ROOT / "data/tinyshakespeare.valid.txt")
    parser.add_argument("--prompts", type=int, default=64)
    parser.add_argument("--tokens", type=int, default=64, help="number of tokens generated for each prompt")
    parser.add_argument("--dtypes", default="float32,bfloat16", help="of transformers; expandft's is --precision")
    parser.add_argument("--precision", default="float32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between runs")
    parser.add_argument("--cache", type=Path, default=ROOT / "build/bench")
    parser.add_argument("--peer", help=argparse.SUPPRESS)  # runs transformers in this process, in this dtype
    options = parser.parse_args()
    options.binary, options.model = Path(options.binary).resolve(), options.model.resolve()
    if not options.model.is_dir():
        parser.error(f"{options.model} is no directory")
    if not options.peer and not options.binary.is_file():
        parser.error(f"{options.binary} does not exist: build expandft first")
    return options


def prompts_file(options):
    return options.cache.resolve() / "generate-prompts.jsonl"


def read_prompts(options):
    return [json.loads(line)["prompt"] for line in prompts_file(options).read_text().splitlines()]


def make_prompts(options):
    """Pieces of the text, each of its own length."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(options.model)
    ids = tokenizer.encode(options.text.read_text(encoding="utf-8"), add_special_tokens=False)
    rows, begin = [], 0
    for i in range(options.prompts):
        length = 30 + 7 * i % 31
        rows.append({"prompt": tokenizer.decode(ids[begin:begin + length])})
        begin += length
    if begin > len(ids):
        raise SystemExit(f"{options.text} has {len(ids)} tokens, expected at least {begin}")
    prompts_file(options).parent.mkdir(parents=True, exist_ok=True)
    prompts_file(options).write_text("".join(json.dumps(row) + "\n" for row in rows))


def run_peer(options):
    """Prints the seconds and the tokens."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(options.threads)
    tokenizer = AutoTokenizer.from_pretrained(options.model, padding_side="left")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=getattr(torch, options.peer)).eval()
    batch = tokenizer(read_prompts(options), return_tensors="pt", padding=True)
    start, processor = time.monotonic(), time.process_time()
    with torch.no_grad():
        output = model.generate(**batch, max_new_tokens=options.tokens, min_new_tokens=options.tokens, do_sample=False)
    print(json.dumps({"seconds": time.monotonic() - start, "processor": time.process_time() - processor,
                      "tokens": output[:, batch["input_ids"].shape[1]:].tolist()}))


def run_transformers(dtype, options, log):
    command = [sys.executable, __file__, "--peer", dtype, "--model", options.model, "--cache", options.cache, "--tokens",
               options.tokens, "--threads", options.threads]
    return json.loads(programs.run_measured(command, options.threads, log)[0].splitlines()[-1])


def run_expandft(options, file, tokens, log):
    """Seconds and processor seconds of the process, and the tokens of each prompt."""
    command = [options.binary, "generate", "--model", options.model, "--prompts", file, "--temperature", 0,
               "--max-tokens", tokens, "--device", "cpu", "--precision", options.precision, "--threads", options.threads]
    start, before = time.monotonic(), os.times()
    output, _ = programs.run_measured(command, options.threads, log)
    seconds, after = time.monotonic() - start, os.times()
    processor = sum(after[2:4]) - sum(before[2:4])
    return seconds, processor, [json.loads(line)["tokens"] for line in output.splitlines()]


def measure(options):
    """({program: [seconds]}, {program: [processor seconds]}, number of texts that are the same in float32)."""
    make_prompts(options)
    log = options.cache.resolve() / "generate.log"
    one = options.cache.resolve() / "generate-one.jsonl"
    one.write_text(json.dumps({"prompt": "a"}) + "\n")
    dtypes = options.dtypes.split(",")
    seconds, processor = ({name: [] for name in ["expandft", *dtypes]} for _ in range(2))
    same = None
    for number in range(1, options.rounds + 1):
        programs.settle(options.pause)
        idle = run_expandft(options, one, 1, log)
        whole = run_expandft(options, prompts_file(options), options.tokens, log)
        seconds["expandft"].append(whole[0] - idle[0])
        processor["expandft"].append(whole[1] - idle[1])
        short = sum(len(tokens) < options.tokens for tokens in whole[2])
        print(f"round {number}, expandft: {seconds['expandft'][-1]:.2f} s, processor {processor['expandft'][-1]:.2f} s; "
              f"{short} texts ended early", file=sys.stderr)
        for dtype in dtypes:
            programs.settle(options.pause)
            found = run_transformers(dtype, options, log)
            seconds[dtype].append(found["seconds"])
            processor[dtype].append(found["processor"])
            print(f"round {number}, transformers, {dtype}: {found['seconds']:.2f} s, processor "
                  f"{found['processor']:.2f} s", file=sys.stderr)
            if dtype == "float32":
                same = sum(ours == theirs[:len(ours)] for ours, theirs in zip(whole[2], found["tokens"]))
    return seconds, processor, same


def table(seconds, processor, same, options):
    tokens = options.prompts * options.tokens
    best = min((name for name in seconds if name != "expandft"), key=lambda name: statistics.median(seconds[name]))
    body = []
    for name in seconds:
        median = statistics.median(seconds[name])
        body.append([name if name == "expandft" else f"transformers, {name}", tables.spread(seconds[name], 2),
                     f"{statistics.median(processor[name]):.2f}", f"{tokens / median:.0f}",
                     f"{statistics.median(seconds[best]) / median:.2f}"])
    head = ["", "seconds", "processor seconds", "tokens/s", f"speed, × transformers in {best}"]
    text = (f"{device.machine()} {options.model.name}, {options.prompts} prompts, {options.tokens} tokens each, "
            f"{options.threads} threads, {options.precision}; median (least–most) of {tables.counted(options.rounds)}.")
    if same is not None:
        text += f" {same} of {options.prompts} texts are the same as those of transformers in float32."
    return text + "\n\n" + tables.rows(head, body)


def main():
    options = parse_arguments()
    if options.peer:
        return run_peer(options)
    print(table(*measure(options), options))


if __name__ == "__main__":
    main()
