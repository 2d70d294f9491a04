"""Writes the results of test_faults.py into docs/reliability.md: fault_table.py RESULTS PAGE."""

import json
import sys
from pathlib import Path

from faults import FAULTS, STAGES

TITLES = {"kill": "SIGKILL", "term": "SIGTERM", "int": "SIGINT", "full": "disk full", "deny": "writes denied",
          "cut": "base cut short"}
BEGIN, END = "<!-- faults: begin -->\n", "<!-- faults: end -->\n"


def rows(results):
    """Markdown: for each command a table of stages × faults. Cells: exit code, and what was at the output's place."""
    cells = {tuple(line[:3]): f"{line[3]}, {line[4]}" for line in map(json.loads, results.splitlines())}
    for command, stages in STAGES.items():
        yield f"**`{command}`**, just before it …\n"
        yield "| | " + " | ".join(TITLES[fault] for fault in FAULTS) + " |"
        yield "|---" * (len(FAULTS) + 1) + "|"
        for stage in stages:
            yield f"| {stage} | " + " | ".join(cells[command, stage, fault] for fault in FAULTS) + " |"
        yield ""


def main(results, page):
    text = page.read_text()
    before, after = text[:text.index(BEGIN) + len(BEGIN)], text[text.index(END):]
    page.write_text(before + "\n" + "\n".join(rows(results.read_text())) + "\n" + after)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
