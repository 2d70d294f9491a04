"""Generated programs: the interpreter's text against that of transformers' environment."""

import os

import pytest

from programs import program
from reference import by_interpreter, by_transformers, difference

COUNT = int(os.environ.get("EXPANDFT_JINJA_PROGRAMS", "4000"))
ADDRESS = " at 0x"  # a text that is an address in Python is refused here


def test_generated_programs_render_as_in_jinja():
    pairs = [program(seed) for seed in range(COUNT)]
    ours = by_interpreter(pairs)
    assert len(ours) == len(pairs)
    counts = {"equal": 0, "both refuse": 0, "refused": 0}
    wrong = []
    for seed, ((template, context), mine) in enumerate(zip(pairs, ours)):
        theirs = by_transformers(template, context)
        found = difference(template, theirs, mine)
        if found is None:
            counts["both refuse" if "error" in theirs else "equal"] += 1
        elif found == "refused":
            counts["refused"] += 1
        else:
            wrong.append(f"seed {seed}: {found}\n{template}\n{context}")
    print(counts)
    assert not wrong, f"{len(wrong)} of {COUNT} differ, {counts}\n" + "\n---\n".join(wrong[:5])
    assert counts["equal"] > COUNT / 4
    assert counts["refused"] < COUNT / 20
