"""Several ranks train and evaluate together over Gloo: like one rank, and what happens when one fails."""

import json
import os
import shutil
import signal
import subprocess
import time

import pytest
from safetensors.numpy import load_file

from ranks import COMMON, environment, finish, free_port, run_ranks, start_ranks, torchrun
from training import events, train, write_config

STEPS = 20


def tensors_of(run):
    return load_file(run / "adapter/adapter_model.safetensors")


def assert_close(found, expected, tolerance=1e-5, norm_tolerance=1e-3):
    """The same events with the same numbers, except times and memory."""
    assert [(e["event"], e["step"]) for e in found] == [(e["event"], e["step"]) for e in expected]
    for ours, theirs in zip(found, expected):
        for key in ("loss", "retention", "tokens", "learning_rate", "grad_norm"):
            if key in theirs:
                relative = norm_tolerance if key == "grad_norm" else 0
                assert ours[key] == pytest.approx(theirs[key], abs=tolerance, rel=relative), (ours, theirs)
        for task, base in zip(ours.get("tasks", []), theirs.get("tasks", [])):
            assert task["value"] == pytest.approx(base["value"], rel=1e-4)


def train_on(expandft, binary, count, config, *arguments):
    """Trains with `count` ranks; one rank is a plain process without a launcher."""
    if count == 1:
        train(expandft, config, *arguments)
    else:
        run_ranks(binary, count, "train", "--config", config, *arguments)


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    (folder / "words.jsonl").write_text("".join(
        json.dumps({"begin": begin, "end": end}) + "\n"
        for begin, end in [("Once upon a", "time"), ("There was a little girl named", "Lily"), ("To be", "or not")]))
    (folder / "written.json").write_text(json.dumps(
        {"name": "written", "type": "generate", "data": "words.jsonl", "prompt": "{begin}", "reference": " {end}",
         "max_tokens": 8, "metrics": ["contains"]}))
    return dict(evaluation__tasks=[str(folder / "written.json")],
                training__max_steps=STEPS, training__batch_size=8, training__validate_every=7,
                evaluation__every=10, retention={"weight": 1.0, "text": "self", "samples": 8, "sample_length": 32,
                                                 "batch_size": 4})


@pytest.fixture(scope="module")
def alone(expandft, stories, tmp_path_factory, settings):
    folder = tmp_path_factory.mktemp("alone")
    train(expandft, write_config(folder, stories, **settings))
    return folder / "out"


@pytest.mark.parametrize("count", [2, 3])
def test_ranks_train_what_one_does(binary, stories, tmp_path, settings, alone, count):
    config = write_config(tmp_path, stories, **settings)
    outputs, errors = run_ranks(binary, count, "train", "--config", config)
    assert_close(events(tmp_path / "out"), events(alone))
    found, expected = tensors_of(tmp_path / "out"), tensors_of(alone)
    assert found.keys() == expected.keys()
    assert max(abs(found[name] - expected[name]).max() for name in found) < 1e-4
    assert (tmp_path / "out/merged/model.safetensors").exists()
    assert "base" in outputs[0] and outputs[1:] == [""] * (count - 1)  # only rank 0 logs
    assert all("info" not in error for error in errors[1:])


def test_torchrun_starts_them(binary, stories, tmp_path, settings, alone):
    config = write_config(tmp_path, stories, **settings)
    [code], _, [error] = finish([torchrun(binary, 2, "train", "--config", config)])
    assert code == 0, error
    assert_close(events(tmp_path / "out"), events(alone))


def test_slurm_starts_them(binary, stories, tmp_path, settings, alone):
    """With the variables that srun sets for each task."""
    config = write_config(tmp_path, stories, **settings)
    slurm = dict(SLURM_JOB_ID=os.getpid(), SLURM_STEP_ID=0, SLURM_STEP_NUM_TASKS=2, SLURM_STEP_NODELIST="localhost",
                 MASTER_PORT=free_port())
    ranks = [subprocess.Popen([str(binary), "train", "--config", str(config), *COMMON],
                              env=environment(SLURM_PROCID=rank, SLURM_LOCALID=rank, **slurm), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) for rank in range(2)]
    codes, _, errors = finish(ranks)
    assert codes == [0, 0], errors
    assert "rank 0 of 2, met at localhost:" in errors[0]
    assert_close(events(tmp_path / "out"), events(alone))


@pytest.mark.parametrize("method", ["full", "lora"])
def test_other_methods_too(expandft, binary, stories, tmp_path, method):
    for folder, count in ((tmp_path / "one", 1), (tmp_path / "two", 2)):
        folder.mkdir()
        config = write_config(folder, stories, method=method, evaluation=None, expansion=None)
        train_on(expandft, binary, count, config)
    assert_close(events(tmp_path / "two/out"), events(tmp_path / "one/out"))


def test_fp32_weights_lie_in_shares_under_bf16(expandft, binary, stories, tmp_path):
    """Ranks compute with bf16 weights; snapshots and outputs have the fp32 weights that they are rounded from, and a
    single rank can resume from them."""
    def run(folder, count, steps, *arguments):
        config = write_config(folder, stories, training__max_steps=steps, training__checkpoint_every=5,
                              training__precision="bfloat16", training__lr_scheduler="constant", evaluation=None)
        train_on(expandft, binary, count, config, *arguments)

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    run(tmp_path / "one", 1, 10)
    run(tmp_path / "two", 2, 5)
    run(tmp_path / "two", 1, 10, "--resume")
    assert_close(events(tmp_path / "two/out", "train"), events(tmp_path / "one/out", "train"), tolerance=5e-3,
                 norm_tolerance=0.05)
    found, expected = (load_file(tmp_path / name / "out/checkpoints/step-000005/parameters.safetensors")
                       for name in ("two", "one"))
    assert found.keys() == expected.keys()
    for name, weights in found.items():
        assert weights.dtype == "float32"
        assert abs(weights - expected[name]).max() < 2e-3
        rounded = (weights.view("uint32") & 0xffff) == 0
        assert rounded.mean() < 0.1 or not weights.any()  # they are not bf16 weights


@pytest.mark.parametrize("before, after", [(2, 1), (1, 3), (3, 2)])
def test_a_run_goes_on_with_another_number_of_ranks(expandft, binary, stories, tmp_path, before, after):
    def run(folder, count, steps, *arguments):
        config = write_config(folder, stories, training__max_steps=steps, training__checkpoint_every=3,
                              training__lr_scheduler="constant", training__warmup=0, evaluation=None)
        train_on(expandft, binary, count, config, *arguments)

    (tmp_path / "whole").mkdir()
    (tmp_path / "parts").mkdir()
    run(tmp_path / "whole", 1, 8)
    run(tmp_path / "parts", before, 4)
    run(tmp_path / "parts", after, 8, "--resume")
    assert_close(events(tmp_path / "parts/out", "train"), events(tmp_path / "whole/out", "train"))


@pytest.mark.parametrize("count", [2, 3])
def test_a_base_in_shares_trains_the_same(binary, stories, tmp_path, settings, alone, count):
    """With retention, validation, scored and generated tasks, and samples: all ranks make the same passes, whatever
    each has to compute."""
    config = write_config(tmp_path, stories, training__shard_base=True, **settings)
    run_ranks(binary, count, "train", "--config", config)
    assert_close(events(tmp_path / "out"), events(alone))
    for name, tensor in tensors_of(alone).items():
        assert abs(tensor - tensors_of(tmp_path / "out")[name]).max() < 1e-4
    found, expected = (json.loads((run / "summary.json").read_text()) for run in (tmp_path / "out", alone))
    assert len(found["samples"]) == len(expected["samples"]) > 0


def test_a_base_in_shares_works_where_ranks_have_unequal_parts(expandft, binary, stories, tmp_path):
    """5 sequences per step for 3 ranks, 2 retention sequences for 3, gradient checkpointing."""
    changes = dict(training__batch_size=5, training__micro_batch_size=1, training__validate_every=2,
                   training__gradient_checkpointing=True, training__max_steps=4,
                   retention={"weight": 1.0, "text": "self", "samples": 4, "sample_length": 16, "batch_size": 2})
    for name, count in (("one", 1), ("three", 3)):
        (tmp_path / name).mkdir()
        config = write_config(tmp_path / name, stories, training__shard_base=True, **changes)
        train_on(expandft, binary, count, config)
    assert_close(events(tmp_path / "three/out"), events(tmp_path / "one/out"))


@pytest.mark.parametrize("changes, message", [
    (dict(method="lora", expansion=None), 'training.shard_base is true, and method is "lora"'),
    (dict(expansion__layers={"auto": 1}), "training.shard_base is true, and expansion.layers ranks the layers"),
])
def test_what_needs_a_whole_base_is_refused(expandft, stories, tmp_path, changes, message):
    config = write_config(tmp_path, stories, training__shard_base=True, **changes)
    result = train(expandft, config, rc=2)
    assert message in result.stderr and "run.json" in result.stderr
    assert not (tmp_path / "out").exists()


def wait_for_step(run, step, processes):
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            if any(e["event"] == "train" and e["step"] >= step for e in events(run)):
                return
        except (FileNotFoundError, json.JSONDecodeError):
            pass
        assert all(process.poll() is None for process in processes), [p.communicate() for p in processes]
        time.sleep(0.01)
    raise AssertionError("no steps were taken")


@pytest.mark.parametrize("victim", [0, 1])
def test_a_rank_that_dies_ends_the_job_by_name(binary, stories, tmp_path, victim):
    config = write_config(tmp_path, stories, training__max_steps=100000, evaluation=None)
    processes = start_ranks(binary, 2, "train", "--config", config)
    wait_for_step(tmp_path / "out", 3, processes)
    processes[victim].kill()
    start = time.monotonic()
    codes, _, errors = finish(processes, timeout=60)
    assert time.monotonic() - start < 30
    assert codes[victim] == -signal.SIGKILL and codes[1 - victim] == 1
    if victim == 1:
        assert f"rank 1 (" in errors[0] and f"process {processes[1].pid}) is gone" in errors[0]
    else:  # it served the store
        assert "the process that the ranks met at is gone" in errors[1]


def test_torchrun_starts_again_from_the_last_snapshot(binary, stories, tmp_path):
    """Rank 1 is killed once; only the steps since the last snapshot are lost."""
    config = write_config(tmp_path, stories, training__max_steps=60, training__checkpoint_every=2,
                          training__keep_checkpoints=2, evaluation=None)
    job = torchrun(binary, 2, "train", "--config", config, "--resume", options=("--max-restarts", "1"))
    wait_for_step(tmp_path / "out", 5, [job])
    found = subprocess.run(["pgrep", "-P", str(job.pid)], capture_output=True, text=True).stdout.split()
    ranks = {pid: dict(item.split("=", 1) for item in open(f"/proc/{pid}/environ").read().split("\0") if "=" in item)
             for pid in found}
    [victim] = [pid for pid, variables in ranks.items() if variables.get("RANK") == "1"]
    os.kill(int(victim), signal.SIGKILL)
    [code], _, [error] = finish([job])
    assert code == 0, error
    assert "resuming after step" in error
    steps = [e["step"] for e in events(tmp_path / "out", "train")]
    assert steps == list(range(1, 61))
    assert len(events(tmp_path / "out", "start")) == 2


def test_a_signal_to_one_rank_ends_all_in_order(expandft, binary, stories, tmp_path):
    config = write_config(tmp_path, stories, training__max_steps=100000, evaluation=None)
    processes = start_ranks(binary, 2, "train", "--config", config)
    wait_for_step(tmp_path / "out", 3, processes)
    processes[1].send_signal(signal.SIGTERM)
    codes, _, errors = finish(processes, timeout=60)
    assert codes == [143, 143], errors
    last = events(tmp_path / "out")[-1]
    assert last["event"] == "interrupted"
    assert (tmp_path / f"out/checkpoints/step-{last['step']:06}/state.json").exists()


def test_a_rank_that_never_comes_is_waited_for_so_long(binary, stories, tmp_path):
    config = write_config(tmp_path, stories)
    start = time.monotonic()
    [code], _, [error] = finish(start_ranks(binary, 2, "train", "--config", config, "--rank-timeout", "4", only=[0]))
    assert code == 1
    assert "rank 0 of 2 cannot meet the others" in error and "MASTER_ADDR" in error
    assert "c10d" not in error  # its log would repeat it, with backtraces
    assert time.monotonic() - start < 30
    assert not (tmp_path / "out").exists()


def test_a_partial_environment_is_an_error(binary, stories, tmp_path):
    config = write_config(tmp_path, stories)
    result = subprocess.run([str(binary), "train", "--config", str(config), *COMMON], env=environment(RANK=0),
                            capture_output=True, text=True)
    assert result.returncode == 2
    assert "WORLD_SIZE" in result.stderr and "torchrun" in result.stderr


def test_more_ranks_than_sequences_are_refused(binary, stories, tmp_path):
    config = write_config(tmp_path, stories, training__batch_size=1)
    codes, _, errors = finish(start_ranks(binary, 2, "train", "--config", config))
    assert codes == [2, 2]
    assert "training.batch_size is 1, for 2 ranks" in errors[0]


def test_the_dry_run_works(binary, stories, tmp_path):
    config = write_config(tmp_path, stories)
    outputs, _ = run_ranks(binary, 2, "train", "--config", config, "--dry-run")
    assert "peak memory" in outputs[0] and outputs[1] == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cached", [False, True])
def test_ranks_evaluate_what_one_does(expandft, binary, stories, tuned, tmp_path, cached):
    write_config(tmp_path, stories)
    common = ["eval", "--model", tuned, "--base", stories, "--tasks", tmp_path / "stories.json"]
    one = expandft(*common, "--no-cache", "--json", tmp_path / "one.json", "--device", "cpu")
    assert one.rc == 0, one.stderr
    cache = ["--cache", tmp_path / "cache"] if cached else ["--no-cache"]
    for name in ("first.json", "second.json"):
        outputs, _ = run_ranks(binary, 2, *common, *cache, "--json", tmp_path / name)
        assert outputs[1] == ""
        assert json.loads((tmp_path / name).read_text()) == json.loads((tmp_path / "one.json").read_text())


def test_ranks_go_on_where_a_cache_ends(expandft, binary, stories, tmp_path):
    """Only rank 0 has the cache, which holds some of a task's batches."""
    write_config(tmp_path, stories)
    (tmp_path / "stories.txt").write_text("Once upon a time there was a little girl named Lily. " * 2000)
    common = ["eval", "--model", stories, "--tasks", tmp_path / "stories.json", "--cache", tmp_path / "cache"]
    whole = expandft(*common, "--json", tmp_path / "whole.json", "--device", "cpu")
    assert whole.rc == 0, whole.stderr
    [kept] = (tmp_path / "cache").rglob("stories-*.jsonl")
    lines = kept.read_text().splitlines(keepends=True)
    assert len(lines) > 5, "too few batches to have some"
    for left in (2, len(lines) - 1):
        kept.write_text("".join(lines[:left]))
        run_ranks(binary, 2, *common, "--json", tmp_path / "found.json")
        assert json.loads((tmp_path / "found.json").read_text()) == json.loads((tmp_path / "whole.json").read_text())
        assert len(kept.read_text().splitlines()) == len(lines)


def can_make_networks():
    return os.geteuid() == 0 and shutil.which("ip") and subprocess.run(
        ["ip", "netns", "add", f"expandft-probe-{os.getpid()}"], capture_output=True).returncode == 0 and subprocess.run(
        ["ip", "netns", "del", f"expandft-probe-{os.getpid()}"], capture_output=True).returncode == 0


@pytest.fixture
def two_hosts():
    """Two network namespaces with an address each and a cable between them, and nothing else."""
    if not can_make_networks():
        pytest.skip("network namespaces need root and iproute2")
    names = [f"expandft-{os.getpid()}-{i}" for i in range(2)]
    cable = [f"ft{os.getpid() % 100000}-{i}" for i in range(2)]
    addresses = ["10.203.7.1", "10.203.7.2"]

    def ip(*arguments):
        subprocess.run(["ip", *arguments], check=True, capture_output=True)

    try:
        for name in names:
            ip("netns", "add", name)
        ip("link", "add", cable[0], "netns", names[0], "type", "veth", "peer", "name", cable[1], "netns", names[1])
        for name, end, address in zip(names, cable, addresses):
            ip("-n", name, "link", "set", "lo", "up")  # for connections of a host to itself
            ip("-n", name, "addr", "add", f"{address}/24", "dev", end)
            ip("-n", name, "link", "set", end, "up")
        yield names, addresses
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def test_ranks_on_two_hosts_meet(binary, stories, tmp_path, settings, alone, two_hosts):
    names, addresses = two_hosts
    config = write_config(tmp_path, stories, **settings)
    _, errors = run_ranks(binary, 2, "train", "--config", config, "--rank-timeout", "60", address=addresses[0],
                          commands=[["ip", "netns", "exec", name] for name in names])
    assert f"met at {addresses[0]}:" in errors[0]
    assert_close(events(tmp_path / "out"), events(alone))
