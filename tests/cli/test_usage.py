"""The command line itself: help, version, global options, and the errors of wrong usage."""

import re

import pytest

COMMANDS = ["expand", "train", "eval", "merge", "unmerge", "import", "generate", "score", "tokenize", "chat-preview", "inspect",
            "validate", "tasks", "schema"]


def check_usage_error(result, *parts):
    """Wrong usage: exit code 2, nothing on stdout, one error that contains all parts."""
    assert result.rc == 2, result
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    for part in parts:
        assert part in result.stderr


def test_help_without_arguments(expandft):
    result = expandft()
    assert result.rc == 0
    assert result.stderr == ""
    assert result.stdout == expandft("--help").stdout
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", result.stdout, flags=re.MULTILINE), command


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(expandft, command):
    result = expandft(command, "--help")
    assert result.rc == 0
    assert f"expandft {command}" in result.stdout.split("Example", 1)[1]
    for option in ("--device", "--threads", "--log-level", "--quiet", "--help"):
        assert option in result.stdout


def test_version(expandft):
    result = expandft("--version")
    assert result.rc == 0
    assert re.fullmatch(r"expandft \d+\.\d+\.\d+ \(LibTorch \d+\.\d+\.\d+\)\n", result.stdout)


def test_unknown_command_names_the_nearest(expandft):
    check_usage_error(expandft("evla"), "unknown command evla", "did you mean eval?")


def test_unknown_option_names_the_nearest(expandft):
    check_usage_error(expandft("score", "--modle", "x", "-"), "unknown option --modle", "did you mean --model?",
                      "where: expandft score", "expandft score --help")


def test_unknown_global_option(expandft):
    check_usage_error(expandft("--treads", "2"), "unknown option --treads", "did you mean --threads?")


def test_missing_option(expandft):
    check_usage_error(expandft("score", "-"), "--model is required", "where: expandft score")


def test_missing_value(expandft):
    check_usage_error(expandft("score", "-", "--model"), "--model")


def test_unexpected_argument(expandft):
    check_usage_error(expandft("schema", "extra"), 'unexpected argument "extra"')


def test_value_of_the_wrong_type(expandft):
    check_usage_error(expandft("tasks", "--threads", "many"), "--threads", "many")
    check_usage_error(expandft("tasks", "--threads", "-1"), "--threads", "-1")


def test_choice_names_the_nearest(expandft):
    check_usage_error(expandft("tasks", "--log-level", "wran"), '"wran" is none of', "did you mean warn?")
    check_usage_error(expandft("score", "--model", "x", "-", "--precision", "bf16"), '"bf16" is none of', "bfloat16")


@pytest.mark.parametrize("place", ["before", "after"])
def test_global_options_stand_before_or_after_the_command(expandft, stories, tmp_path, place):
    ids = tmp_path / "ids.json"
    ids.write_text("[1, 2]")
    command = ["score", "--model", stories, "--ids", ids]
    options = ["--device", "tpu", "--threads", "1"]
    result = expandft(*(options + command if place == "before" else command + options))
    check_usage_error(result, '"tpu" is not a device', "auto, cpu, cuda")


def test_errors_have_no_stack_trace(expandft, tmp_path):
    result = expandft("inspect", tmp_path / "missing")
    check_usage_error(result, "no such directory", str(tmp_path / "missing"))
    assert len(result.stderr.splitlines()) <= 3


def test_results_that_cannot_be_written_are_a_failure(binary):
    import subprocess

    with open("/dev/full", "w") as full:
        done = subprocess.run([binary, "schema"], stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert "results cannot be written" in done.stderr
