"""Chat templates: ours, of every construct; the goldens'; and those of the folder that EXPANDFT_TEMPLATES names."""

import os
from pathlib import Path

import pytest

from conversations import contexts
from reference import ROOT, by_interpreter, by_transformers, difference, normalized

OURS = sorted((ROOT / "tests/jinja/templates").glob("*.jinja"))
GOLDENS = sorted((ROOT / "tests/golden/chat/templates").glob("*.jinja"))
FOLDER = os.environ.get("EXPANDFT_TEMPLATES")
PUBLISHED = sorted(Path(FOLDER).glob("*.jinja")) if FOLDER else []


def check(file: Path) -> dict:
    template = file.read_bytes().decode()
    cases = [(name, normalized(context)) for name, context in contexts()]
    ours = by_interpreter([(template, context) for _, context in cases])
    counts = {"equal": 0, "both refuse": 0}
    wrong = []
    for (name, context), mine in zip(cases, ours):
        theirs = by_transformers(template, context)
        found = difference(template, theirs, mine)
        if found is None and mine.get("generated") != theirs.get("generated"):
            found = f"generated: {mine['generated']}, theirs {theirs['generated']}"
        if found is None:
            counts["both refuse" if "error" in theirs else "equal"] += 1
        else:
            wrong.append(f"{name}: {found}")
    print(file.name, counts, f"{len(wrong)} differ" if wrong else "")
    assert not wrong, f"{len(wrong)} of {len(cases)} differ\n" + "\n".join(wrong[:3])
    return counts


@pytest.mark.parametrize("file", OURS + GOLDENS, ids=lambda file: file.stem)
def test_templates_render_as_in_transformers(file: Path):
    assert check(file)["equal"] > 0


@pytest.mark.skipif(not PUBLISHED, reason="EXPANDFT_TEMPLATES names no folder of chat templates")
@pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)
def test_published_templates_render_as_in_transformers(file: Path):
    assert check(file)["equal"] > 0
