"""Writes the result of a benchmark or study into a page in docs/, between two marker lines."""

from pathlib import Path


def markers(name):
    """The two lines: <!-- bench:begin --> and <!-- bench:end --> for "bench"."""
    return f"<!-- {name}:begin -->", f"<!-- {name}:end -->"


def missing_markers(page, names):
    """The error message if a page lacks one of the markers, else None."""
    text = Path(page).read_text(encoding="utf-8") if Path(page).is_file() else ""
    for begin, end in map(markers, names):
        if not 0 <= text.find(begin) < text.find(end):
            return f"{page}: the lines {begin} and {end} expected"
    return None


def write_between(page, name, body):
    """Replaces the text between the markers of `name`."""
    if missing := missing_markers(page, [name]):
        raise SystemExit(missing)
    begin, end = markers(name)
    text = Path(page).read_text(encoding="utf-8")
    Path(page).write_text(f"{text[:text.index(begin) + len(begin)]}\n{body.strip()}\n{text[text.index(end):]}",
                          encoding="utf-8")
