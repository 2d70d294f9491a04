"""Every command in README.md works as shown.

A fenced block that opens with ```sh has commands that a reader can paste. Each of its lines that begins with
`expandft`, `build/release/bin/expandft` or `scripts/` runs here, in the README's order, in one copy of the folders
that it needs; a line ending in a backslash continues in the next. Blocks that only illustrate (a path of the
reader's own, a GPU) open with ```console or ```text instead.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(os.environ.get("EXPANDFT_SOURCE", Path(__file__).parents[2]))
README = SOURCE / "README.md"
PREFIXES = ("expandft ", "build/release/bin/expandft ", "scripts/")
# Commands that are not run, and why.
LEFT_OUT = {
    "scripts/quickstart": "builds the release preset; the commands it runs stand in the README too",
    "scripts/test": "runs this test",
    "scripts/setup": "installs packages; scripts/test has run it",
    "scripts/bench": "takes minutes",
}


def commands_of(text):
    """The lines of ```sh blocks, with continued lines joined."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith(PREFIXES)]


COMMANDS = commands_of(README.read_text()) if README.is_file() else []


def test_blocks_are_understood():
    text = "```sh\nexpandft a \\\n  --b\n# note\nscripts/test --quick\nls\n```\ntext\n```console\nexpandft c\n```\n"
    assert [command.split() for command in commands_of(text)] == [["expandft", "a", "--b"], ["scripts/test", "--quick"]]


def test_the_readme_shows_commands():
    assert any("expandft" in command for command in COMMANDS), f"{README} holds no command to run"


def test_commands_work_in_order(binary, tmp_path):
    for folder in ("configs", "data", "docs", "scripts"):
        shutil.copytree(SOURCE / folder, tmp_path / folder)
    for place in ("bin", "build/release/bin"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "expandft").symlink_to(binary)
    environment = os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    ran = 0
    for command in COMMANDS:
        if command.split()[0] in LEFT_OUT:
            continue
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], cwd=tmp_path, env=environment, text=True,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=900)
        assert done.returncode == 0, f"$ {command}\nexit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        ran += 1
    if not ran:
        pytest.fail("no command of the README ran")
