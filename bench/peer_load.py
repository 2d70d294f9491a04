"""Reads data and encodes it with the tokenizers package: python peer_load.py --model DIR --data FILE --kind rows

Each row is encoded once, in batches, on --threads threads. Prints the seconds as JSON.
"""

import argparse
import json
import os
import time

BATCH = 1024
PIECE = 1 << 19


def tokenizer_of(model):
    from pathlib import Path

    from tokenizers import Tokenizer

    file = Path(model) / "tokenizer.json"
    if file.is_file():
        return Tokenizer.from_file(str(file))
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(model)._tokenizer


def text_of(row):
    if "messages" not in row:
        return row["prompt"] + row["completion"]
    return "".join(f"<|im_start|>{turn['role']}\n{turn['content']}<|im_end|>\n" for turn in row["messages"])


def texts_of(file, kind):
    """Pieces of a plain text, cut at line ends."""
    with open(file, encoding="utf-8") as lines:
        if kind != "text":
            for line in lines:
                yield text_of(json.loads(line))
            return
        while piece := lines.readlines(PIECE):
            yield "".join(piece)


def encode(tokenizer, texts):
    """The number of tokens."""
    tokens, batch, size = 0, [], 0

    def take():
        return sum(len(one.ids) for one in tokenizer.encode_batch_fast(batch, add_special_tokens=False))

    for text in texts:
        batch.append(text)
        size += len(text)
        if len(batch) == BATCH or size > 4 * PIECE:
            tokens += take()
            batch, size = [], 0
    return tokens + take()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--model", "--data", "--kind", "--threads"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    os.environ["RAYON_NUM_THREADS"] = os.environ["RAYON_RS_NUM_THREADS"] = options.threads
    tokenizer = tokenizer_of(options.model)
    wall, processor = time.perf_counter(), time.process_time()
    tokens = encode(tokenizer, texts_of(options.data, options.kind))
    print(json.dumps({"wall": time.perf_counter() - wall, "processor": time.process_time() - processor,
                      "tokens": tokens}))


if __name__ == "__main__":
    main()
