"""What may be written where: no output replaces its own input or an output of another kind."""

import json

import pytest

from training import write_config

LONG = "a" * 300


def run(expandft, *arguments, rc=0, **settings):
    result = expandft(*arguments, **settings)
    assert result.rc == rc, result.stderr
    return result


def expand(expandft, model, output, *arguments, rc=0):
    return run(expandft, "expand", "--model", model, "--output", output, "--layers", "all", "--device", "cpu",
               *arguments, rc=rc)


def state(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def trained(expandft, tmp_path, stories):
    """A finished run at tmp_path/out, and its config."""
    config = write_config(tmp_path, stories, training__max_steps=1, evaluation=None)
    run(expandft, "train", "--config", config, "--device", "cpu")
    return tmp_path / "out", config


@pytest.mark.parametrize("force", [[], ["--force"]])
@pytest.mark.parametrize("output", ["models/grown", "models", "models/grown/inside", "link", "models/grown/deep/new"])
def test_unmerge_never_replaces_its_input(expandft, tmp_path, stories, output, force):
    grown = tmp_path / "models/grown"
    expand(expandft, stories, grown)
    (tmp_path / "link").symlink_to(grown)
    before = state(tmp_path)
    result = run(expandft, "unmerge", "--model", grown, "--output", tmp_path / output, *force, rc=2)
    assert "input" in result.stderr and str(grown) in result.stderr
    assert state(tmp_path) == before
    assert sorted(p.name for p in (tmp_path / "models").iterdir()) == ["grown"]


@pytest.mark.parametrize("output", ["models/own", "models", "models/own/inside"])
def test_expand_never_replaces_its_input(expandft, tmp_path, tiny_model, output):
    model = tiny_model("models/own")
    before = state(tmp_path)
    assert "input" in expand(expandft, model, tmp_path / output, "--force", rc=2).stderr
    assert state(tmp_path) == before


def test_expand_never_replaces_its_config(expandft, tmp_path, stories):
    (tmp_path / "configs").mkdir()
    config = write_config(tmp_path / "configs", stories)
    result = run(expandft, "expand", "--model", stories, "--config", config, "--output", tmp_path / "configs",
                 "--force", rc=2)
    assert str(config) in result.stderr and config.exists()


def test_merge_never_replaces_its_adapter(expandft, tmp_path, stories, trained):
    out, _ = trained
    before = state(out)
    for output in (out / "adapter", out, out / "adapter/merged"):
        result = run(expandft, "merge", "--model", stories, "--adapter", out / "adapter", "--output", output,
                     "--force", "--device", "cpu", rc=2)
        assert "input" in result.stderr
    assert state(out) == before


def test_a_run_is_not_replaced_by_a_model(expandft, stories, trained):
    out, _ = trained
    before = state(out)
    result = expand(expandft, stories, out, rc=2)
    assert "found a run" in result.stderr and "--force" in result.stderr
    assert "found a run" in expand(expandft, stories, out, "--force", rc=2).stderr
    assert state(out) == before


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_nothing_is_written_into_a_run(expandft, tmp_path, stories, trained, force):
    out, _ = trained
    (tmp_path / "link").symlink_to(out / "merged")
    (tmp_path / "alias").symlink_to(out)
    before, there = state(out), sorted(p.name for p in tmp_path.iterdir())
    for name in ("out/merged", "out/again", "out/adapter/x", "out/checkpoints/x/y", "link", "alias/merged",
                 "alias/new", "out/merged/../again"):
        output = tmp_path / name
        for command in (["expand", "--model", stories, "--layers", "all"],
                        ["merge", "--model", stories, "--adapter", out / "adapter"],
                        ["unmerge", "--model", out / "merged"]):
            result = run(expandft, *command, "--output", output, *force, rc=2)
            assert "the run" in result.stderr or "the input" in result.stderr, result.stderr
    assert state(out) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == there


def test_no_run_begins_in_another(expandft, tmp_path, trained):
    out, config = trained
    result = run(expandft, "train", "--config", config, "--set", f"output={json.dumps(str(out / 'second'))}", rc=2)
    assert "another run" in result.stderr and not (out / "second").exists()


def test_only_a_model_of_ours_is_replaced_and_only_with_force(expandft, tmp_path, stories):
    grown = tmp_path / "grown"
    expand(expandft, stories, grown)
    before = state(tmp_path)
    for command in (["expand", "--model", stories, "--layers", "last:1"], ["unmerge", "--model", grown]):
        target = grown if command[0] == "expand" else tmp_path / "base"
        if command[0] == "unmerge":
            run(expandft, *command, "--output", target)
            before = state(tmp_path)
        result = run(expandft, *command, "--output", target, rc=2)
        assert "found a model that expandft wrote" in result.stderr and "--force" in result.stderr
        assert state(tmp_path) == before
        if command[0] == "unmerge":
            run(expandft, *command, "--output", target, "--force")
    run(expandft, "expand", "--model", stories, "--output", grown, "--layers", "last:1", "--force")
    assert state(tmp_path) != before
    (tmp_path / "empty").mkdir()
    expand(expandft, stories, tmp_path / "empty")


def test_eval_never_writes_over_an_input(expandft, tmp_path, stories, trained):
    out, _ = trained
    (tmp_path / "text.txt").write_text("Once upon a time.\n" * 30)
    (tmp_path / "own.json").write_text(json.dumps({"name": "own", "type": "perplexity", "data": "text.txt"}))
    (tmp_path / "alias").symlink_to(tmp_path / "text.txt")
    before = state(tmp_path)
    command = ["eval", "--base", stories, "--adapter", out / "adapter", "--tasks", tmp_path / "own.json", "--device",
               "cpu", "--no-cache"]
    for name in ("own.json", "text.txt", "alias", "out/adapter/new.json", "out/merged/new.json", "out/summary.json",
                 "out/config.resolved.json", "out/../out/report.html", "out/checkpoints"):
        for option in ("--json", "--html", "--junit", "--examples"):
            run(expandft, *command, option, tmp_path / name, rc=2)
    assert state(tmp_path) == before
    result = run(expandft, *command, "--json", tmp_path / "a", "--html", tmp_path / "out/../a", rc=2)
    assert "the same file" in result.stderr
    run(expandft, *command, "--json", out / "results.json")  # a name that no run uses
    run(expandft, *command, "--json", out / "results.json")


def test_a_restart_replaces_runs_only(expandft, tmp_path, stories, trained):
    out, config = trained
    grown = tmp_path / "grown"
    expand(expandft, stories, grown)
    for there in (grown, out / "adapter", out / "merged"):
        before = state(there)
        result = run(expandft, "train", "--config", config, "--set", f"output={json.dumps(str(there))}", "--restart",
                     "--device", "cpu", rc=2)
        assert "is not a run" in result.stderr
        assert state(there) == before
    run(expandft, "train", "--config", config, "--restart", "--device", "cpu")


def test_a_restart_never_removes_its_base(expandft, tmp_path, stories, trained):
    out, config = trained
    before = state(out)
    result = run(expandft, "train", "--config", config, "--set", f"model={json.dumps(str(out / 'merged'))}",
                 "--restart", "--device", "cpu", rc=2)
    assert "holds the model" in result.stderr
    assert state(out) == before


def test_a_failure_leaves_no_new_folders(expandft, tmp_path, stories, read_tensors):
    from safetensors.torch import save_file

    grown = tmp_path / "grown"
    expand(expandft, stories, grown)
    tensors = read_tensors(grown)
    tensors["model.norm.weight"][0] += 1
    save_file(tensors, grown / "model.safetensors", {"format": "pt"})
    result = run(expandft, "unmerge", "--model", grown, "--output", tmp_path / "new/deep/base", rc=1)
    assert "is not the base" in result.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["grown"]


def test_damaged_facts_of_a_merge_are_input_errors(expandft, tmp_path, stories):
    grown = tmp_path / "grown"
    expand(expandft, stories, grown)
    info = json.loads((grown / "expandft.json").read_text())
    for change in ({"base_intermediate_size": 10 ** 6}, {"layers": [9]}, {"copies": 4}, {"layout": 1}):
        (grown / "expandft.json").write_text(json.dumps(info | change))
        result = run(expandft, "unmerge", "--model", grown, "--output", tmp_path / "base", rc=2)
        assert "merge it again" in result.stderr, change
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize("arguments", [
    ["inspect", LONG], ["unmerge", "--model", LONG, "--output", "out"],
    ["unmerge", "--model", "MODEL", "--output", LONG],
    ["expand", "--model", LONG, "--output", "out", "--layers", "all"],
    ["merge", "--model", "MODEL", "--adapter", LONG, "--output", "out"],
    ["generate", "--model", LONG, "--prompt", "x"],
    ["eval", "--model", "MODEL", "--tasks", LONG], ["eval", "--model", "MODEL", "--tasks", "x", "--json", f"{LONG}/x"],
    ["eval", "--config", LONG], ["tasks", LONG]])
def test_names_that_are_too_long(expandft, tmp_path, stories, arguments):
    arguments = [stories if word == "MODEL" else word for word in arguments]
    result = run(expandft, *arguments, cwd=tmp_path, rc=2)
    assert "filesystem error" not in result.stderr
    assert "error: " in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_output_of_a_run_that_is_too_long(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, output=LONG)
    result = run(expandft, "train", "--config", config, "--device", "cpu", rc=2)
    assert "filesystem error" not in result.stderr and LONG in result.stderr


def test_inspect_leaves_damaged_events_out(expandft, tmp_path):
    (tmp_path / "config.resolved.json").write_text("{}")
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "event": "train", "loss": 3.5}\n'
                                            '{"step": 2, "event": "tr\n\x00\x00\n[]\n{"step": 3}\n'
                                            '{"step": 3, "event": 7}\n{"step": 3, "event": null}\n'
                                            '{"step": 4, "event": "validation", "loss": 3.0}\n')
    found = json.loads(run(expandft, "inspect", tmp_path, "--json").stdout)
    assert found["last"] == {"train": {"step": 1, "loss": 3.5}, "validation": {"step": 4, "loss": 3.0}}


def test_inspect_prints_one_line_a_fact(expandft, tmp_path, stories):
    expand(expandft, stories, tmp_path / "grown")
    found = json.loads(run(expandft, "inspect", tmp_path / "grown", "--json").stdout)
    assert json.loads(found["expansion"]["base_config"])["model_type"] == "llama"
    text = run(expandft, "inspect", tmp_path / "grown").stdout
    assert "base config" not in text and "model_type" not in text
    assert "base fingerprint" in text


def test_the_example_of_generate_has_a_real_line_break(expandft):
    text = run(expandft, "generate", "--help").stdout
    assert r"$'Question: What is 2 + 3?\nAnswer:'" in text


def test_what_the_file_system_refuses_is_an_input_error(expandft, trained):
    out, config = trained
    (out / "summary.json").unlink()
    loop = out / "checkpoints"
    assert not loop.exists()
    loop.symlink_to(loop)
    result = run(expandft, "train", "--config", config, "--resume", "--device", "cpu", rc=2)
    assert str(loop) in result.stderr and "filesystem error" not in result.stderr
