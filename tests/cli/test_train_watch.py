"""What a run monitors while it trains (validation, tasks, gradient norms) and how it reacts."""

import json
import re
import shutil

import pytest

from training import TEXT, events, train, write_config

# A high constant learning rate makes the validation loss fluctuate.
NOISY = dict(training__max_steps=24, training__validate_every=3, training__lr_scheduler="constant",
             training__learning_rate=2e-2, training__seed=5)


def summary_of(run):
    return json.loads((run / "summary.json").read_text())


def adapter(run):
    return (run / "adapter/adapter_model.safetensors").read_bytes()


def score_lines(expandft, model, folder):
    (folder / "q.txt").write_text("a Q there")
    return expandft("score", "--model", model, "--text", folder / "q.txt", "--device", "cpu").stdout.splitlines()


def lowest(run):
    """The step and loss of the lowest validation after step 0; among equal ones, the first."""
    found = [(line["loss"], line["step"]) for line in events(run, "validation") if line["step"] > 0]
    return min(found)[1], min(found)[0]


def test_the_best_weights_go_to_the_outputs(expandft, tmp_path, stories, read_tensors):
    config = write_config(tmp_path, stories, training__checkpoint_every=3, training__keep_checkpoints=100, **NOISY)
    result = train(expandft, config)
    out = tmp_path / "out"
    step, loss = lowest(out)
    assert 0 < step < 24, "the last step is the best: nothing is tested"
    summary = summary_of(out)
    assert (summary["best_step"], summary["output_step"], summary["steps"]) == (step, step, 24)
    assert summary["best_validation_loss"] == loss < summary["validation_loss_after"]
    assert not summary["stopped_early"]
    assert f"of step {step}" in result.stdout
    assert f"after step {step}" in (out / "merged/README.md").read_text()
    assert f"<dd>{step}</dd>" in (out / "report.html").read_text()
    best = [line["step"] for line in events(out, "validation") if line.get("best")]
    assert best[-1] == step and best[0] == 3
    saved = read_tensors(out / f"checkpoints/step-{step:06}/parameters.safetensors")
    written = read_tensors(out / "adapter")
    assert all(saved[name].equal(tensor) for name, tensor in written.items())

    train(expandft, config, "--restart", "--set", "training.output_checkpoint=last")
    summary = summary_of(out)
    assert (summary["best_step"], summary["output_step"]) == (step, 24)
    last = read_tensors(out / "checkpoints/step-000024/parameters.safetensors")
    assert all(last[name].equal(tensor) for name, tensor in read_tensors(out / "adapter").items())


def test_without_checkpoints_the_best_weights_are_the_same(expandft, tmp_path, stories):
    train(expandft, write_config(tmp_path, stories, "a.json", output="a", training__checkpoint_every=1, **NOISY))
    train(expandft, write_config(tmp_path, stories, "b.json", output="b", **NOISY))
    assert adapter(tmp_path / "a") == adapter(tmp_path / "b")
    assert summary_of(tmp_path / "b")["output_step"] == lowest(tmp_path / "b")[0] < 24
    assert not (tmp_path / "b/checkpoints").exists()
    kept = {p.name for p in (tmp_path / "a/checkpoints").iterdir()}
    assert kept == {"step-000023", "step-000024", f"step-{lowest(tmp_path / 'a')[0]:06}"}


def test_without_validation_while_training_the_last_weights_are_the_best(expandft, tmp_path, stories):
    train(expandft, write_config(tmp_path, stories))
    assert (summary_of(tmp_path / "out")["best_step"], summary_of(tmp_path / "out")["output_step"]) == (8, 8)
    train(expandft, write_config(tmp_path, stories, data__validation=None), "--restart")
    summary = summary_of(tmp_path / "out")
    assert (summary["best_step"], summary["best_validation_loss"], summary["output_step"]) == (None, None, 8)


def test_patience_ends_a_run(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__early_stopping_patience=2, training__checkpoint_every=50,
                          **(NOISY | {"training__max_steps": 300}))
    result = train(expandft, config)
    out = tmp_path / "out"
    summary = summary_of(out)
    assert summary["stopped_early"] and summary["steps"] == summary["best_step"] + 6 < 300
    assert summary["output_step"] == summary["best_step"]
    assert "stopped early" in result.stdout
    stop = events(out, "early_stop")
    assert [(line["step"], line["validations"]) for line in stop] == [(summary["steps"], 2)]
    validations = [line["step"] for line in events(out, "validation")]
    assert validations == list(range(0, summary["steps"] + 1, 3))  # the last one not twice
    assert [line["step"] for line in events(out, "evaluation")] == [0, summary["steps"]]

    # Resumed after the last step, it ends in the same way.
    before = adapter(out)
    (out / "summary.json").unlink()
    shutil.rmtree(out / "adapter")
    train(expandft, config, "--resume")
    again = summary_of(out)
    for key in summary.keys() - {"seconds", "tokens_per_second", "peak_memory_bytes"}:
        assert again[key] == summary[key], key
    assert adapter(out) == before and len(events(out, "early_stop")) == 1

    # More patience makes it continue.
    assert "nothing to do" in train(expandft, config, "--resume").stdout
    train(expandft, config, "--resume", "--set", "training.early_stopping_patience=4")
    assert summary_of(out)["steps"] >= summary["steps"] + 6


def test_patience_asks_for_validations(expandft, tmp_path, stories):
    for changes in ({}, {"training__validate_every": 2, "data__validation": None}):
        result = train(expandft, write_config(tmp_path, stories, training__early_stopping_patience=2, **changes), rc=2)
        assert "training.early_stopping_patience" in result.stderr and "validate_every" in result.stderr
    assert not (tmp_path / "out").exists()


def test_tasks_are_measured_while_training(expandft, tmp_path, stories):
    (tmp_path / "new.txt").write_text(TEXT * 20)
    (tmp_path / "new.json").write_text(json.dumps({"name": "new", "type": "perplexity", "data": "new.txt"}))
    config = write_config(tmp_path, stories, evaluation__every=3, evaluation__tasks=["./new.json"])
    train(expandft, config)
    out = tmp_path / "out"
    lines = events(out, "evaluation")
    assert [line["step"] for line in lines] == [0, 3, 6, 8]
    for line in lines:
        assert [(t["task"], t["original"]) for t in line["tasks"]] == [("stories", True), ("new", False)]
        assert all(t["metric"] == "perplexity" and not t["higher_is_better"] for t in line["tasks"])
        assert all(t["value"] == pytest.approx(2.718281828459045 ** t["loss"]) for t in line["tasks"])
    new = [line["tasks"][1]["loss"] for line in lines]
    assert new[-1] < new[0]
    # The first is the base and the last the current model; neither is measured again.
    for tasks, key in (("original_tasks", 0), ("tasks", 1)):
        row = summary_of(out)["evaluation"][tasks][0]
        assert row["base"]["loss"] == lines[0]["tasks"][key]["loss"]
        assert row["tuned"]["loss"] == lines[-1]["tasks"][key]["loss"]
    result = expandft("eval", "--model", stories, "--tasks", tmp_path / "new.json", "--json", "-", "--device", "cpu")
    assert json.loads(result.stdout)["tasks"][0]["metrics"]["loss"] == pytest.approx(new[0], rel=1e-5)


def test_measuring_does_not_change_the_weights(expandft, tmp_path, stories):
    train(expandft, write_config(tmp_path, stories, "a.json", output="a", evaluation=None))
    train(expandft, write_config(tmp_path, stories, "b.json", output="b", evaluation__every=1,
                                 training__validate_every=1, training__output_checkpoint="last"))
    assert adapter(tmp_path / "a") == adapter(tmp_path / "b")


def test_strengths_and_samples(expandft, tmp_path, stories):
    prompts = ["Once upon a time", "First Citizen:"]
    config = write_config(tmp_path, stories, strength=0.75, evaluation__strengths=[1, 0.25, 0.5, 0.5],
                          evaluation__prompts=prompts)
    train(expandft, config)
    out = tmp_path / "out"
    summary = summary_of(out)
    curve = summary["strengths"]
    assert [point["strength"] for point in curve] == [0, 0.25, 0.5, 0.75, 1]
    losses = [point["tasks"][0]["loss"] for point in curve]
    assert len(set(losses)) == 5
    row = summary["evaluation"]["original_tasks"][0]
    assert losses[0] == row["base"]["loss"] and losses[3] == row["tuned"]["loss"]
    assert losses[4] == events(out, "evaluation")[-1]["tasks"][0]["loss"]
    assert curve[1]["tasks"][0].keys() == {"task", "original", "metric", "value", "higher_is_better", "loss", "kl"}

    samples = summary["samples"]
    assert [sample["prompt"] for sample in samples] == prompts
    for sample in samples:
        for which, model in (("base", ["--model", stories]),
                             ("tuned", ["--model", stories, "--adapter", out / "adapter", "--strength", "0.75"])):
            made = expandft("generate", *model, "--prompt", sample["prompt"], "--temperature", "0", "--max-tokens",
                            "64", "--json", "--device", "cpu")
            assert made.rc == 0, made.stderr
            assert json.loads(made.stdout)["text"] == sample[which], which
    assert any(sample["base"] != sample["tuned"] for sample in samples)


def test_sample_prompts_come_from_the_data(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__max_steps=1, evaluation=None)
    train(expandft, config)
    summary = summary_of(tmp_path / "out")
    assert summary["strengths"] == []
    plain = [sample["prompt"] for sample in summary["samples"]]
    assert 1 <= len(plain) <= 3 and TEXT.startswith(plain[0]) and 0 < len(plain[0]) < 64

    rows = [{"prompt": f"Question: {a} plus {a}\nAnswer:", "completion": f" {2 * a}"} for a in (1, 1, 2, 3, 4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = write_config(tmp_path, stories, training__max_steps=1, evaluation=None, data__validation="rows.jsonl")
    train(expandft, config, "--restart")
    samples = summary_of(tmp_path / "out")["samples"]
    assert [sample["prompt"] for sample in samples] == [rows[i]["prompt"] for i in (0, 2, 3)]


def test_a_prompt_that_is_too_long_is_named_before_training(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, evaluation__prompts=["a", "Once upon a time " * 200])
    result = train(expandft, config, rc=2)
    assert "evaluation.prompts[1]" in result.stderr and "512" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_spike_of_the_gradient_is_logged(expandft, tmp_path, stories):
    rows = [{"text": "Once upon a time there was a little girl named Lily."}] * 60
    rows += [{"text": "%$ zx QQ @@ 11 {}{} ~~ VV kk"}] * 2
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    config = write_config(tmp_path, stories, data__train="rows.jsonl", data__packing=False, evaluation=None,
                          training__max_steps=None, training__epochs=1, training__batch_size=1,
                          training__learning_rate=5e-3, training__seed=3, expansion__layers="all")
    result = train(expandft, config)
    out = tmp_path / "out"
    outliers = events(out, "outlier")
    assert outliers and all(line["step"] > 20 and line["grad_norm"] > 10 * line["median"] for line in outliers)
    norms = {line["step"]: line["grad_norm"] for line in events(out, "train")}
    for line in outliers:
        assert norms[line["step"]] == line["grad_norm"]
        before = sorted(norms[step] for step in range(max(1, line["step"] - 50), line["step"]))
        assert line["median"] == before[len(before) // 2]
    warnings = re.findall(r"warning: step (\d+): the gradient norm is", result.stderr)
    assert warnings == [str(outliers[0]["step"])]  # one in 100 steps


def test_an_ordinary_run_has_no_outliers(expandft, tmp_path, stories):
    train(expandft, write_config(tmp_path, stories, training__max_steps=60, evaluation=None))
    assert events(tmp_path / "out", "outlier") == []


DIVERGING = dict(training__precision="float16", training__learning_rate=1.0, training__max_steps=100,
                 training__lr_scheduler="constant", training__max_grad_norm=0, training__warmup=8,
                 training__validate_every=1, expansion__layers="all", evaluation=None)


def test_a_diverged_run_goes_on_from_its_last_good_weights(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, **DIVERGING)
    result = train(expandft, config, rc=4)
    out = tmp_path / "out"
    done = events(out, "train")[-1]["step"]
    assert "diverged" in result.stderr and f"step {done + 1}" in result.stderr
    # The step before damaged the weights, as their validation shows; a run must not resume from them.
    assert events(out, "validation")[-1] == {"step": done, "event": "validation", "loss": None}
    good = max(p for p in (out / "checkpoints").iterdir())
    assert int(good.name.removeprefix("step-")) < done
    assert f"last good ones are in {good}" in result.stderr and "--resume" in result.stderr
    assert json.loads((out / "diverged.json").read_text())["step"] == done + 1
    assert not (out / "adapter").exists() and not (out / "summary.json").exists()

    # With the same config it diverges again at the same step; other keys must not change.
    assert f"step {done + 1}" in train(expandft, config, "--resume", rc=4).stderr
    assert "training.seed" in train(expandft, config, "--resume", "--set", "training.seed=9", rc=2).stderr
    lower = ["--set", "training.learning_rate=1e-4", "--set", "training.max_steps=12"]
    result = train(expandft, config, "--resume", *lower)
    assert "training.learning_rate: 1.0 in the snapshot, 0.0001 now" in result.stderr
    assert summary_of(out)["steps"] == 12 and not (out / "diverged.json").exists()
    rates = {line["step"]: line["learning_rate"] for line in events(out, "train")}
    assert rates[12] == 1e-4


def test_a_snapshot_of_spoiled_weights_is_set_aside(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, **(DIVERGING | {"training__checkpoint_every": 1}))
    result = train(expandft, config, rc=4)
    out = tmp_path / "out"
    done = events(out, "train")[-1]["step"]
    names = sorted(p.name for p in (out / "checkpoints").iterdir())
    assert f"step-{done:06}.diverged" in names and f"step-{done:06}" not in names
    assert str(out / f"checkpoints/step-{done - 1:06}") in result.stderr
    train(expandft, config, "--resume", "--set", "training.learning_rate=1e-4", "--set", "training.max_steps=10")


def test_divergence_without_a_snapshot_asks_for_a_restart(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, **(DIVERGING | {"training__validate_every": 0}))
    result = train(expandft, config, rc=4)
    assert "--restart" in result.stderr and "--resume" not in result.stderr
    assert not list((tmp_path / "out").glob("checkpoints/step-*"))
    assert not (tmp_path / "out/diverged.json").exists()


def test_data_that_makes_no_loss_leaves_the_weights_before_it(expandft, tmp_path, tiny_model, read_tensors):
    from safetensors.torch import save_file

    model = tiny_model()
    tensors = read_tensors(model)
    rows = ["Once upon a time there was a girl."] * 30 + ["She saw a Q there."]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps({"text": row}) + "\n" for row in rows))
    bad = next(json.loads(line)["id"] for line in score_lines(expandft, model, tmp_path) if "Q" in line)
    tensors["model.embed_tokens.weight"][bad] = float("nan")
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    config = write_config(tmp_path, model, data__train="rows.jsonl", data__packing=False, data__validation=None,
                          training__max_steps=None, training__epochs=1, training__batch_size=1, evaluation=None)
    result = train(expandft, config, rc=4)
    out = tmp_path / "out"
    done = events(out, "train")[-1]["step"]
    snapshot = out / f"checkpoints/step-{done:06}"
    assert f"step {done + 1}" in result.stderr and f"good, and saved in {snapshot}" in result.stderr
    assert all(tensor.isfinite().all() for tensor in read_tensors(snapshot / "parameters.safetensors").values())
    assert json.loads((snapshot / "state.json").read_text())["step"] == done
    assert f"resuming after step {done}" in train(expandft, config, "--resume", rc=4).stderr


def test_going_on_to_more_steps(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__checkpoint_every=4)
    train(expandft, config)
    out = tmp_path / "out"
    short = adapter(out)
    assert "nothing to do" in train(expandft, config, "--resume").stdout
    result = train(expandft, config, "--resume", "--set", "training.max_steps=12")
    assert "resuming after step 8 of 12" in result.stderr
    assert "ends after step 12, not 8" in result.stderr and "schedule" in result.stderr
    summary = summary_of(out)
    assert summary["steps"] == 12 and adapter(out) != short
    assert [line["step"] for line in events(out, "train")] == list(range(1, 13))
    assert json.loads((out / "config.resolved.json").read_text())["training"]["max_steps"] == 12

    before = {p: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}
    result = train(expandft, config, "--resume", "--set", "training.max_steps=10", rc=2)
    assert "12 steps are done, and the config asks for 10" in result.stderr
    assert {p: p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()} == before


def test_going_on_with_another_number_of_epochs(expandft, tmp_path, stories):
    changes = dict(training__max_steps=None, training__epochs=1, training__checkpoint_every=3)
    config = write_config(tmp_path, stories, **changes)
    train(expandft, config)
    out = tmp_path / "out"
    epoch = summary_of(out)["steps"]
    tokens = summary_of(out)["tokens"]
    train(expandft, config, "--resume", "--set", "training.epochs=2")
    assert summary_of(out)["tokens"] == 2 * tokens and summary_of(out)["steps"] == 2 * epoch
    result = train(expandft, config, "--resume", rc=2)
    assert f"{2 * epoch} steps are done, and the config asks for {epoch}" in result.stderr


def test_a_finished_run_without_snapshots_does_not_go_on(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories)
    train(expandft, config)
    result = train(expandft, config, "--resume", "--set", "training.max_steps=12", rc=2)
    assert "no snapshot is left" in result.stderr and "checkpoint_every" in result.stderr
    assert (tmp_path / "out/summary.json").exists()


def test_other_validation_data_begins_anew(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__checkpoint_every=4, training__validate_every=2)
    train(expandft, config)
    out = tmp_path / "out"
    (tmp_path / "valid.txt").write_text("Once upon a time there was a little girl named Lily. " * 20)
    result = train(expandft, config, "--resume", "--set", "training.max_steps=12")
    assert "validation data changed" in result.stderr
    summary = summary_of(out)
    assert summary["validation_loss_before"] is None and summary["best_step"] > 8
    after = {line["step"]: line["loss"] for line in events(out, "validation") if line["step"] > 8}
    assert summary["best_validation_loss"] == after[summary["best_step"]] == min(after.values())


def test_tasks_that_spoiled_weights_cannot_do_do_not_hide_a_divergence(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, **{k: v for k, v in DIVERGING.items() if k != "evaluation"},
                          evaluation__every=1)
    result = train(expandft, config, rc=4)
    assert "the tasks are not measured" in result.stderr and "diverged" in result.stderr
    measured = [line["step"] for line in events(tmp_path / "out", "evaluation")]
    assert measured == list(range(len(measured))) and measured[-1] < events(tmp_path / "out", "train")[-1]["step"]


def test_without_a_terminal_the_log_tells_of_the_steps(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, evaluation__strengths=[0.5])
    log = train(expandft, config).stderr
    step = r"^info: step +(\d+)/8  loss \d+\.\d{3}  rate \d\.\de-\d\d  [\d.]+( K)? tokens/s"
    assert [int(number) for number, _ in re.findall(step, log, re.MULTILINE)] == list(range(1, 9))
    stages = ["out/adapter", "evaluating the tasks: at strength 0.5", "writing samples for", "out/merged",
              "checking what was written"]
    places = [log.index(stage) for stage in stages]
    assert places == sorted(places), log
    quiet = train(expandft, config, "--restart", "--quiet")
    assert "info: " not in quiet.stderr and "step" not in quiet.stderr
    many = train(expandft, config, "--restart", "--set", "training.max_steps=100").stderr
    assert 11 <= len(re.findall(r"^info: step +\d+/100  ", many, re.MULTILINE)) <= 60


def test_counts_have_their_nouns_in_the_right_number(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories)
    (tmp_path / "valid.txt").write_text("Once upon a time")
    result = train(expandft, config, "--set", "training.max_steps=1")
    assert "valid.txt: 1 row, 1 sequence, " in result.stderr
    assert not re.search(r"\b1 (rows|sequences|steps|tokens|packs|prompts|texts|layers|copies)\b",
                         result.stderr + result.stdout)
    assert re.search(r"^trained +1 step, ", result.stdout, re.MULTILINE)


def test_the_end_names_the_report_and_what_was_not_measured(expandft, tmp_path, stories):
    out = tmp_path / "out"
    result = train(expandft, write_config(tmp_path, stories))
    assert re.search(rf"^report +{out}/report.html$", result.stdout, re.MULTILINE)
    assert "not measured" not in result.stdout
    config = write_config(tmp_path, stories, training__checkpoint_every=4, evaluation=None)
    result = train(expandft, config, "--restart")
    assert re.search(r"^forgetting +not measured; add evaluation.original_tasks$", result.stdout, re.MULTILINE)
    (out / "summary.json").unlink()  # a run with no steps left
    assert "0 tokens/s" not in train(expandft, config, "--resume").stdout


def test_a_finished_run_says_what_can_be_done(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories)
    train(expandft, config)
    told = train(expandft, config, "--resume").stdout
    assert "is finished, after 8 steps; nothing to do" in told and f"{tmp_path}/out/report.html" in told
    assert "no snapshot is left" in told and "--restart" in told
    train(expandft, config, "--restart", "--set", "training.checkpoint_every=4")
    assert "raise training.max_steps" in train(expandft, config, "--resume").stdout
