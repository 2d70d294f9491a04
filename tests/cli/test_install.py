"""cmake --install: the installed tree runs, and finds its tasks and their data."""

import os
import shutil
import subprocess

import pytest


@pytest.fixture(scope="module")
def tree(binary, tmp_path_factory):
    build = binary.parents[1]
    if not (build / "cmake_install.cmake").is_file():
        pytest.skip("the program under test does not lie in a build folder")
    prefix = tmp_path_factory.mktemp("prefix")
    subprocess.run([shutil.which("cmake"), "--install", build, "--prefix", prefix], check=True, capture_output=True)
    return prefix


def run(tree, *arguments, cwd):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("EXPANDFT")}
    return subprocess.run([tree / "bin/expandft", *arguments], cwd=cwd, env=environment, capture_output=True,
                          text=True, timeout=300)


def test_runs_from_elsewhere(tree, tmp_path):
    done = run(tree, "--version", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout.startswith("expandft "), done.stderr


def test_finds_its_tasks_and_data(tree, tmp_path, stories):
    listed = run(tree, "tasks", cwd=tmp_path)
    lines = {line.split()[0]: line for line in listed.stdout.splitlines() if line}
    assert " there " in lines["tinystories"] and " there " in lines["shakespeare"], "their texts are installed too"
    assert "missing: piqa.jsonl" in lines["piqa"]
    done = run(tree, "eval", "--model", stories, "--tasks", "shakespeare", "--device", "cpu", cwd=tmp_path)
    assert done.returncode == 0 and "shakespeare" in done.stdout, done.stderr
