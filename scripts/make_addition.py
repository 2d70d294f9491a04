#!/usr/bin/env python3
"""Writes data/addition.{train,valid}.jsonl: sums of two numbers as questions and answers.

The rows are the same on every machine, and no question is in both files.
"""
import json
import pathlib
import random

QUESTIONS = (
    "What is {a} + {b}?",
    "Tom has {a} apples and gets {b} more. How many has he?",
    "There are {a} birds in a tree. Then {b} come. How many are there?",
)


def main() -> None:
    random_numbers = random.Random(7)
    pairs = [(a, b) for a in range(1, 50) for b in range(1, 50)]
    random_numbers.shuffle(pairs)
    rows = [
        {"question": QUESTIONS[i % len(QUESTIONS)].format(a=a, b=b), "answer": str(a + b)}
        for i, (a, b) in enumerate(pairs[:480])
    ]
    data = pathlib.Path(__file__).resolve().parent.parent / "data"
    for name, part in (("train", rows[:400]), ("valid", rows[400:])):
        lines = "".join(json.dumps(row) + "\n" for row in part)
        (data / f"addition.{name}.jsonl").write_text(lines)


if __name__ == "__main__":
    main()
