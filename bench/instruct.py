"""Rows like those of instruction tuning, from a play: the prompt is a few speeches and the next speaker's name, the
completion their speech.

About a fifth of the tokens are learned, as in data for instruction tuning. Rows are distinct and always the same.
"""

import json
import random
from dataclasses import dataclass
from pathlib import Path

CONTEXTS = range(1, 9)  # speeches before the one to learn
BATCH = 4096             # rows encoded at a time


@dataclass(frozen=True)
class Encoded:
    """A row as token ids, with BOS where the tokenizer adds it and EOS; `prompt` of them are not learned."""

    ids: list
    prompt: int


@dataclass(frozen=True)
class Rows:
    """A file of encoded rows, and what of it determines the work of a step."""

    file: Path
    rows_per_step: int       # of a peer, so that a step has about as many real tokens as a step of expandft
    count: int
    tokens: int
    learned: int             # tokens

    # Attention costs each token as many scores as there are tokens before it in its row. A row of this length costs as
    # many per token as these rows do together.
    mean_length: float

    @property
    def share(self):
        """Learned tokens as a share of all."""
        return self.learned / self.tokens


def turns(text):
    """(speaker, speech) of each paragraph that begins with a line like "ROMEO:"."""
    found = []
    for paragraph in text.split("\n\n"):
        name, _, speech = paragraph.strip().partition("\n")
        if name.endswith(":") and speech.strip():
            found.append((name, speech.strip()))
    return found


def make_rows(text):
    """[{"prompt", "completion"}] in a shuffled order."""
    spoken = turns(text)
    rows = [{"prompt": "".join(f"{who}\n{what}\n\n" for who, what in spoken[i - context:i]) + f"{spoken[i][0]}\n",
             "completion": spoken[i][1]} for context in CONTEXTS for i in range(context, len(spoken))]
    random.Random(7).shuffle(rows)
    return rows


def fitting(rows, encode, length, count, bos, eos):
    """(rows, encoded): the first `count` rows that fit into `length` tokens and whose answer begins with a token.

    encode: [text] -> [ids], without special tokens. bos: a list of ids that begin a text; empty if there is none.
    """
    kept, encoded = [], []
    for begin in range(0, len(rows), BATCH):
        part = rows[begin:begin + BATCH]
        prompts = encode([row["prompt"] for row in part])
        texts = encode([row["prompt"] + row["completion"] for row in part])
        for row, prompt, whole in zip(part, prompts, texts):
            ids = [*bos, *whole, eos]
            if len(ids) <= length and len(prompt) < len(whole) and whole[:len(prompt)] == prompt and len(kept) < count:
                kept.append(row)
                encoded.append(Encoded(ids, len(bos) + len(prompt)))
        if len(kept) == count:
            break
    return kept, encoded


def save(rows, encoded, text_file, ids_file):
    """The rows as JSON lines, and their ids: one array of all, and for each row its end and its prompt's length."""
    import numpy

    text_file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    lengths = [len(row.ids) for row in encoded]
    numpy.savez(ids_file, ids=numpy.array([token for row in encoded for token in row.ids], dtype=numpy.int32),
                ends=numpy.cumsum(lengths), prompts=numpy.array([row.prompt for row in encoded]))


def summary_of(encoded):
    """What Rows needs to know."""
    lengths = [len(row.ids) for row in encoded]
    tokens = sum(lengths)
    return {"count": len(encoded), "tokens": tokens, "learned": tokens - sum(row.prompt for row in encoded),
            "mean_length": sum(length * (length + 1) for length in lengths) / tokens - 1}


def rows_of(file, summary, step_tokens):
    per_step = max(1, round(step_tokens * summary["count"] / summary["tokens"]))
    return Rows(file, per_step, summary["count"], summary["tokens"], summary["learned"], summary["mean_length"])
