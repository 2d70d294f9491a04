"""expandft train: the main job, its outputs, and what ends it early."""

import json
import os
import random
import shlex
import shutil
import signal

import pytest

from faults import small_disk
from live_runs import has_step, start, wait_for
from training import events, train, write_config


def folder_state(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_writes_adapter_merged_model_and_summary(expandft, tmp_path, stories, read_tensors):
    base = read_tensors(stories)
    result = train(expandft, write_config(tmp_path, stories))
    out = tmp_path / "out"
    steps = events(out, "train")
    assert [line["step"] for line in steps] == list(range(1, 9))
    assert steps[-1]["loss"] < steps[0]["loss"]
    for key in ("learning_rate", "grad_norm", "tokens", "tokens_per_second"):
        assert all(line[key] >= 0 for line in steps), key
    assert events(out, "start")[0]["seconds_since_launch"] > 0

    summary = json.loads((out / "summary.json").read_text())
    assert summary["validation_loss_after"] < summary["validation_loss_before"]
    assert summary["evaluation"]["original_tasks"][0]["task"] == "stories"
    assert "stories" in result.stdout and "adapter" in result.stdout

    adapter = read_tensors(out / "adapter")
    assert set(adapter) == {f"model.layers.{i}.mlp.{p}_proj.copy1.weight"
                            for i in (3, 4) for p in ("gate", "up", "down")}
    merged = read_tensors(out / "merged")
    for name, tensor in base.items():
        wide = merged[name]
        if ".mlp." not in name:
            assert wide.equal(tensor), name
        elif "down_proj" in name:
            grown = name.startswith(("model.layers.3.", "model.layers.4."))
            assert wide[:, :172].equal(tensor * 0.5 if grown else tensor), name
        else:
            assert wide[:172].equal(tensor), name
    for name, copy in adapter.items():
        whole = merged[name.replace(".copy1", "")]
        assert (whole[:, 172:] * 2 if "down_proj" in name else whole[172:]).equal(copy), name
        assert not copy.equal(base[name.replace(".copy1", "")]), name
    assert (out / "merged/tokenizer.model").read_bytes() == (stories / "tokenizer.model").read_bytes()
    assert "expandft" in (out / "merged/README.md").read_text()


def test_merged_equals_transformers_and_unmerges(expandft, tmp_path, stories, read_tensors):
    import torch
    from transformers import AutoModelForCausalLM

    train(expandft, write_config(tmp_path, stories))
    merged = tmp_path / "out/merged"
    ids = [1, 400, 300, 200, 301, 302, 17, 45]
    (tmp_path / "ids.json").write_text(json.dumps(ids))
    result = expandft("score", "--model", stories, "--adapter", tmp_path / "out/adapter", "--ids",
                      tmp_path / "ids.json", "--device", "cpu")
    assert result.rc == 0, result.stderr
    ours = [json.loads(line)["logprob"] for line in result.stdout.splitlines()[1:]]
    model = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
    theirs = logits.gather(1, torch.tensor(ids[1:])[:, None])[:, 0].tolist()
    assert ours == pytest.approx(theirs, abs=1e-4)

    result = expandft("unmerge", "--model", merged, "--output", tmp_path / "back")
    assert result.rc == 0, result.stderr
    back, base = read_tensors(tmp_path / "back"), read_tensors(stories)
    assert back.keys() == base.keys() and all(back[n].equal(base[n]) for n in base)


def test_same_seed_same_weights(expandft, tmp_path, stories):
    for name in ("a", "b"):
        train(expandft, write_config(tmp_path, stories, f"{name}.json", output=name))
    train(expandft, write_config(tmp_path, stories, "c.json", output="c", training__seed=4))
    weights = {n: (tmp_path / n / "adapter/adapter_model.safetensors").read_bytes() for n in "abc"}
    assert weights["a"] == weights["b"] != weights["c"]


def test_accumulation_equals_one_piece(expandft, tmp_path, stories, read_tensors):
    for name, micro in (("whole", 4), ("pieces", 1)):
        train(expandft, write_config(tmp_path, stories, f"{name}.json", output=name, training__micro_batch_size=micro))
    whole, pieces = (events(tmp_path / n, "train") for n in ("whole", "pieces"))
    for a, b in zip(whole, pieces, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
        assert a["grad_norm"] == pytest.approx(b["grad_norm"], rel=1e-4)


def test_killed_and_resumed_ends_in_the_same_weights(expandft, binary, tmp_path, stories):
    changes = dict(training__max_steps=60, training__checkpoint_every=5, evaluation=None)
    train(expandft, write_config(tmp_path, stories, "alone.json", output="alone", **changes))
    config = write_config(tmp_path, stories, "killed.json", output="killed", **changes)
    kill_at = random.randint(6, 50)
    process = start(binary, config)
    wait_for(lambda: has_step(tmp_path / "killed", kill_at), process)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "the run ended before it could be killed"
    assert not (tmp_path / "killed/merged").exists()

    result = train(expandft, config, "--resume")
    assert "resuming after step" in result.stderr
    for file in ("adapter/adapter_model.safetensors", "merged/model.safetensors"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "alone" / file).read_bytes(), kill_at
    steps = [line["step"] for line in events(tmp_path / "killed", "train")]
    assert steps == list(range(1, 61))
    alone = [line["loss"] for line in events(tmp_path / "alone", "train")]
    assert [line["loss"] for line in events(tmp_path / "killed", "train")] == alone


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_and_leaves(expandft, binary, tmp_path, stories, number):
    changes = dict(training__max_steps=300, evaluation=None)
    config = write_config(tmp_path, stories, "Lily's run.json", **changes)
    settings = ["--set", "training.learning_rate=0.001", "--set", "data.train=./train.txt"]
    # Background jobs of a shell ignore SIGINT, and so would their children.
    process = start(binary, config, *settings, quiet=False, cwd=tmp_path,
                    preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    metrics = tmp_path / "out/metrics.jsonl"
    wait_for(lambda: metrics.exists() and '"train"' in metrics.read_text(), process)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 128 + number, stderr
    hint = stderr.split("continue with: ")[1].splitlines()[0]
    assert shlex.split(hint) == ["expandft", "train", "--config", str(config), *settings, "--resume"]
    assert events(tmp_path / "out")[-1]["event"] == "interrupted"
    report = tmp_path / "out/report.html"
    assert str(report) in stderr and "Interrupted after step" in report.read_text() and "<svg" in report.read_text()
    assert not (tmp_path / "out/summary.json").exists()
    assert len(list((tmp_path / "out/checkpoints").iterdir())) == 1
    done = events(tmp_path / "out", "interrupted")[0]["step"]
    result = expandft(*shlex.split(hint)[1:], "--device", "cpu", "--threads", "1", cwd=tmp_path)
    assert result.rc == 0 and f"resuming after step {done}" in result.stderr, result.stderr
    assert (tmp_path / "out/merged/config.json").exists()


def test_a_signal_during_the_last_validation_is_not_lost(expandft, binary, tmp_path, stories):
    config = write_config(tmp_path, stories, training__max_steps=2)
    (tmp_path / "valid.txt").write_text("Once upon a time there was a little girl named Lily.\n" * 4000)
    process = start(binary, config, quiet=False)
    checkpoint = tmp_path / "out/checkpoints/step-000002"  # written just before
    wait_for(checkpoint.exists, process)
    process.send_signal(signal.SIGTERM)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, stderr
    assert "after step 2 of 2" in stderr and "--resume" in stderr
    assert not (tmp_path / "out/merged").exists() and not (tmp_path / "out/summary.json").exists()
    assert [line["step"] for line in events(tmp_path / "out", "validation")] == [0]
    train(expandft, config, "--resume")
    assert [line["step"] for line in events(tmp_path / "out", "validation")] == [0, 2]


def test_a_signal_after_training_is_answered(expandft, binary, tmp_path, stories):
    config = write_config(tmp_path, stories, training__max_steps=2, evaluation__strengths=[0.2, 0.4, 0.6, 0.8])
    (tmp_path / "stories.txt").write_text("Once upon a time there was a little girl named Lily. " * 10000)
    out = tmp_path / "out"
    process = start(binary, config, quiet=False, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    log = iter(process.stderr.readline, "")
    assert any("evaluating the tasks: at strength" in line for line in log), "it has ended"
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGINT, stderr
    assert "interrupted while evaluating the tasks; training is done, and saved" in stderr
    assert f"continue with: expandft train --config {config} --resume" in stderr
    assert f"{out}/report.html" in stderr and "Training is done" in (out / "report.html").read_text()
    assert not (out / "summary.json").exists() and not (out / "merged").exists()
    assert not list(tmp_path.glob(".*.lock"))
    (tmp_path / "stories.txt").write_text("Once upon a time there was a little girl named Lily. " * 60)
    train(expandft, config, "--resume")
    assert (out / "summary.json").exists() and "Training is done" not in (out / "report.html").read_text()


def test_resumed_after_the_last_step_it_tells_the_same(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__checkpoint_every=4)
    train(expandft, config)
    out = tmp_path / "out"
    before, card = json.loads((out / "summary.json").read_text()), (out / "merged/README.md").read_text()
    assert before["first_loss"] > before["last_loss"] > 0 and before["validation_loss_before"] > 0
    (out / "summary.json").unlink()
    shutil.rmtree(out / "merged")
    train(expandft, config, "--resume")
    after = json.loads((out / "summary.json").read_text())
    for key in before.keys() - {"seconds", "tokens_per_second", "peak_memory_bytes"}:
        assert after[key] == before[key], key
    assert (out / "merged/README.md").read_text() == card


def test_what_weights_do_not_depend_on_may_change_when_resuming(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__checkpoint_every=4)
    train(expandft, config)
    (tmp_path / "out/summary.json").unlink()
    train(expandft, config, "--resume", "--set", "strength=0.5")
    assert json.loads((tmp_path / "out/config.resolved.json").read_text())["strength"] == 0.5
    assert "Strength: 0.5" in (tmp_path / "out/merged/README.md").read_text()


def test_other_data_is_not_resumed(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__checkpoint_every=4)
    train(expandft, config)
    (tmp_path / "out/summary.json").unlink()
    before = folder_state(tmp_path / "out")
    data = tmp_path / "train.txt"
    text = data.read_text()
    data.write_text(text.replace("Speak", "Shout", 1))
    result = train(expandft, config, "--resume", "--set", "strength=0.5", rc=2)
    assert "data_fingerprint" in result.stderr
    assert folder_state(tmp_path / "out") == before
    (tmp_path / "moved.txt").write_text(text)  # the same rows at another path are the same data
    train(expandft, config, "--resume", "--set", f"data.train={tmp_path}/moved.txt")


@pytest.mark.parametrize("changes", [{"pack": 10**6}, {"epoch": 10**6}, {"step": 9}, {"pack": -1}])
def test_a_snapshot_beyond_the_data_is_refused(expandft, tmp_path, stories, changes):
    config = write_config(tmp_path, stories, training__max_steps=None, training__epochs=1,
                          training__checkpoint_every=2, evaluation=None)
    train(expandft, config)
    (tmp_path / "out/summary.json").unlink()
    steps = events(tmp_path / "out", "train")[-1]["step"]
    if "step" in changes:
        changes = {"step": steps + 1}
    for snapshot in (tmp_path / "out/checkpoints").iterdir():
        state = json.loads((snapshot / "state.json").read_text())
        (snapshot / "state.json").write_text(json.dumps(state | changes))
    result = train(expandft, config, "--resume", rc=2)
    assert "damaged snapshot" in result.stderr and "state.json" in result.stderr


def test_keeping_all_snapshots_asks_for_no_more_room_than_they_take(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__checkpoint_every=4, training__keep_checkpoints=10**9)
    train(expandft, config)
    assert sorted(p.name for p in (tmp_path / "out/checkpoints").iterdir()) == ["step-000004", "step-000008"]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precisions_learn(expandft, tmp_path, stories, precision):
    config = write_config(tmp_path, stories, training__precision=precision, evaluation=None)
    train(expandft, config)
    losses = [line["loss"] for line in events(tmp_path / "out", "train")]
    assert len(losses) == 8 and losses[-1] < losses[0] - 0.1
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert summary["validation_loss_after"] < summary["validation_loss_before"]


@pytest.mark.parametrize("task, text, expected", [
    ({"block_length": 600}, "Once upon a time", "512"),
    ({}, "", "nothing can be predicted"),
    ({"max_tokens": 1}, "Once upon a time", "nothing can be predicted"),
])
def test_tasks_are_checked_before_training(expandft, tmp_path, stories, task, text, expected):
    (tmp_path / "bad.txt").write_text(text)
    (tmp_path / "bad.json").write_text(json.dumps({"name": "bad", "type": "perplexity", "data": "bad.txt"} | task))
    config = write_config(tmp_path, stories, evaluation__tasks=["./bad.json"])
    result = train(expandft, config, rc=2)
    assert "bad" in result.stderr and expected in result.stderr
    assert not (tmp_path / "out").exists()
    train(expandft, config, "--dry-run", rc=2)


def test_a_changed_config_is_not_resumed(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__checkpoint_every=4)
    train(expandft, config)
    (tmp_path / "out/summary.json").unlink()
    result = train(expandft, config, "--resume", "--set", "training.learning_rate=0.5", rc=2)
    assert "training.learning_rate: 0.002 in the snapshot, 0.5 now" in result.stderr


def test_a_run_is_not_overwritten(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, training__max_steps=2)
    train(expandft, config)
    before = folder_state(tmp_path / "out")
    result = train(expandft, config, rc=2)
    assert "--restart" in result.stderr
    assert "finished" in train(expandft, config, "--resume").stdout
    assert folder_state(tmp_path / "out") == before
    train(expandft, config, "--restart")

    other = tmp_path / "precious"
    other.mkdir()
    (other / "thesis.txt").write_text("years of work")
    result = train(expandft, config, "--restart", "--set", f"output={other}", rc=2)
    assert "precious" in result.stderr and (other / "thesis.txt").read_text() == "years of work"


def test_dry_run_writes_nothing(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories)
    result = train(expandft, config, "--dry-run", "--set", "training.learning_rate=0.001")
    for text in ("training.learning_rate", "command line", "2 of 5 layers", "tokens/s", "moments"):
        assert text in result.stdout, text
    assert not (tmp_path / "out").exists()


def test_divergence_ends_with_4(expandft, tmp_path, stories, read_tensors):
    from safetensors.torch import save_file

    model = tmp_path / "model"
    shutil.copytree(stories, model)
    tensors = read_tensors(model)
    tensors["model.layers.2.mlp.up_proj.weight"] *= 1e30  # finite, but its products overflow
    tensors["model.layers.2.mlp.down_proj.weight"] *= 1e30
    save_file(tensors, model / "model.safetensors", metadata={"format": "pt"})
    result = train(expandft, write_config(tmp_path, model, data__validation=None), rc=4)
    assert "diverged" in result.stderr and "step 1" in result.stderr and "learning_rate" in result.stderr
    assert "snapshot" not in result.stderr  # there is none
    assert not (tmp_path / "out/merged").exists() and not (tmp_path / "out/checkpoints").exists()


def test_json_lines_train_on_completions_only(expandft, tmp_path, stories):
    rows = [{"question": f"{a} plus {b}", "answer": str(a + b)} for a in range(8) for b in range(8)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    template = {"prompt": "Question: {question}\nAnswer:", "completion": " {answer}"}
    config = write_config(tmp_path, stories, data__train="rows.jsonl", data__validation=None,
                          data__template=template, evaluation=None)
    result = train(expandft, config)
    assert "64 rows" in result.stderr
    summary = json.loads((tmp_path / "out/summary.json").read_text())
    assert 0 < summary["targets"] < 0.5 * summary["tokens"]


def test_only_the_progress_on_a_terminal(expandft, tmp_path, stories):
    result = train(expandft, write_config(tmp_path, stories, training__max_steps=2))
    assert "\r" not in result.stderr and "\x1b" not in result.stderr


BAD_DATA = {
    "empty": ("empty.txt", "", "empty"),
    "no target tokens": ("rows.jsonl", '{"prompt": "a", "completion": ""}\n', "1"),
    "too long": ("rows.jsonl", json.dumps({"prompt": "a", "completion": "word " * 400}) + "\n", "max_length"),
    "damaged line": ("rows.jsonl", '{"prompt": "a", "completion": "b"}\n{"prompt": \n', "rows.jsonl:2"),
    "missing field": ("rows.jsonl", '{"promt": "a", "completion": "b"}\n', "prompt"),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_named(expandft, tmp_path, stories, case):
    name, content, expected = BAD_DATA[case]
    config = write_config(tmp_path, stories, data__train=name)
    (tmp_path / name).write_text(content)
    result = train(expandft, config, rc=2)
    assert name in result.stderr and expected in result.stderr
    assert not (tmp_path / "out").exists()


def test_bad_inputs_are_named(expandft, tmp_path, stories, tiny_model):
    missing = train(expandft, write_config(tmp_path, tmp_path / "nowhere"), rc=2)
    assert "nowhere" in missing.stderr
    small = tiny_model(vocab_size=512)
    config = json.loads((small / "config.json").read_text())
    (small / "config.json").write_text(json.dumps(config | {"vocab_size": 300}))
    mismatch = train(expandft, write_config(tmp_path, small), rc=2)
    assert "512" in mismatch.stderr and "300" in mismatch.stderr
    layers = train(expandft, write_config(tmp_path, stories, expansion__layers="3-9"), rc=2)
    assert "3-9" in layers.stderr or "9" in layers.stderr
    long = train(expandft, write_config(tmp_path, stories, data__max_length=4096), rc=2)
    assert "512" in long.stderr and "max_length" in long.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system needs root")
def test_a_full_disk_leaves_nothing(expandft, tmp_path, stories):
    with small_disk(tmp_path / "disk", "200k") as disk:
        result = train(expandft, write_config(tmp_path, stories), "--set", f"output={disk}/run", rc=1)
        assert "disk" in result.stderr or "space" in result.stderr or "room" in result.stderr
        assert list(disk.iterdir()) == []


def test_an_unwritable_output_is_named(expandft, tmp_path, stories):
    (tmp_path / "file").write_text("not a folder")
    result = train(expandft, write_config(tmp_path, stories), "--set", f"output={tmp_path}/file/run", rc=2)
    assert "file" in result.stderr


RETENTION = {"retention__weight": 1.0, "retention__samples": 16, "retention__sample_length": 32,
             "retention__batch_size": 4}


def test_retention_on_the_base_s_own_text_keeps_more(expandft, tmp_path, stories):
    worse = {}
    for name, settings in (("without", {}), ("with", RETENTION)):
        folder = tmp_path / name
        folder.mkdir()
        config = write_config(folder, stories, training__max_steps=40, expansion__layers="all",
                              training__learning_rate=5e-3, **settings)
        train(expandft, config)
        task = json.loads((folder / "out/summary.json").read_text())["evaluation"]["original_tasks"][0]
        worse[name] = task["tuned"]["perplexity"] / task["base"]["perplexity"]
    assert worse["with"] < 1 + 0.7 * (worse["without"] - 1)
    steps = events(tmp_path / "with/out", "train")
    assert steps[0]["retention"] == 0 and steps[-1]["retention"] > 0
    assert "retention" not in events(tmp_path / "without/out", "train")[0]
    assert (tmp_path / "with/out/retention.safetensors").is_file()


def test_retention_text_of_the_user_s(expandft, tmp_path, stories):
    config = write_config(tmp_path, stories, retention__weight=1.0, retention__text="stories.txt")
    result = train(expandft, config)
    assert "for retention" in result.stderr
    assert events(tmp_path / "out", "train")[-1]["retention"] > 0
    result = expandft("train", "--config", config, "--restart", "--set", "retention.text=none.txt")
    assert result.rc == 2 and "retention.text" in result.stderr and "none.txt" in result.stderr


def test_a_run_with_retention_resumes_bit_for_bit(expandft, binary, tmp_path, stories):
    changes = dict(training__max_steps=30, training__checkpoint_every=5, evaluation=None, **RETENTION)
    train(expandft, write_config(tmp_path, stories, "alone.json", output="alone", **changes))
    config = write_config(tmp_path, stories, "killed.json", output="killed", **changes)
    process = start(binary, config)
    wait_for((tmp_path / "killed/checkpoints/step-000010").exists, process, may_finish=True)
    process.kill()
    process.wait()
    train(expandft, config, "--resume")
    for file in ("adapter/adapter_model.safetensors", "retention.safetensors"):
        assert (tmp_path / "killed" / file).read_bytes() == (tmp_path / "alone" / file).read_bytes()

    texts = tmp_path / "killed/retention.safetensors"
    (tmp_path / "killed/summary.json").unlink()
    texts.write_bytes(texts.read_bytes()[:-3])
    result = expandft("train", "--config", config, "--resume")
    assert result.rc == 2 and "retention.safetensors" in result.stderr


def test_runs_with_the_first_names_of_keys_go_on(expandft, tmp_path, stories):
    """config.resolved.json and the snapshots of a run that was started when keys had other names."""
    config = write_config(tmp_path, stories, training__max_steps=4, training__checkpoint_every=2)
    train(expandft, config)
    out = tmp_path / "out"
    files = [out / "config.resolved.json", *(out / "checkpoints").glob("step-*/state.json")]
    assert len(files) > 1
    for file in files:
        text = file.read_text()
        for before, now in (("train", "method"), ("learn_prompt", "train_on_prompt"), ("clip_norm", "max_grad_norm"),
                            ("schedule", "lr_scheduler"), ("final_learning_rate", "min_lr_ratio"),
                            ("activation_checkpointing", "gradient_checkpointing"),
                            ("patience", "early_stopping_patience")):
            text = text.replace(f'"{now}":', f'"{before}":')
        file.write_text(text)
    page = expandft("inspect", out)
    assert page.rc == 0 and "new, layers last:2" in page.stdout
    refused = expandft("train", "--config", files[0], "--dry-run")
    assert refused.rc == 2
    assert 'clip_norm: unknown key; here it is "training.max_grad_norm"' in refused.stderr
    result = train(expandft, config, "--resume", "--set", "training.max_steps=6")
    assert "ends after step 6, not 4" in result.stderr
    assert events(out, "train")[-1]["step"] == 6
