"""scripts/bench: one short round of everything on the smallest model, and its output."""

import dataclasses
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("peft")
BENCH = Path(__file__).parents[2] / "bench"
sys.path.append(str(BENCH))
import bench_models  # noqa: E402
import charts  # noqa: E402
import cost  # noqa: E402
import device  # noqa: E402
import gemma3  # noqa: E402
import instruct  # noqa: E402
import make_inputs  # noqa: E402
import peer_batches  # noqa: E402
import prefix_cache  # noqa: E402
import programs  # noqa: E402
import run_bench  # noqa: E402
import svg  # noqa: E402
import tables  # noqa: E402
import trials  # noqa: E402

SVG = "{http://www.w3.org/2000/svg}"
EXPANDFT, FULL = trials.Program("expandft", "float32"), trials.Program("full", "float32")
PAGE = "before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n"


def bench(source, binary, *arguments):
    return subprocess.run([source / "scripts/bench", "--binary", binary, *map(str, arguments)], capture_output=True,
                          text=True, timeout=900, env=os.environ | {"PYTHON": sys.executable})


def cells(text, first):
    """The cells of the table rows that start with `first`."""
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if line.startswith(f"| {first}")]


@pytest.fixture(scope="module")
def written(source, binary, tmp_path_factory):
    """The folder of a page that one round was written to."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "page.md").write_text(PAGE)
    done = bench(source, binary, "training", "--models", "stories260K", "--rounds", 1, "--steps", 3,
                 "--warmup-steps", 1, "--batch", 2, "--length", 32, "--threads", 1, "--pause", 0,
                 "--product-seconds", 0.002, "--cache", folder / "cache", "--page", folder / "page.md", "--write")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() in (folder / "page.md").read_text()
    return folder


def test_the_page_keeps_what_is_around_the_tables(written):
    text = (written / "page.md").read_text()
    assert text.startswith("before\n<!-- bench:begin -->\n") and text.endswith("<!-- bench:end -->\nafter\n")
    assert "old" not in text


def test_each_program_has_a_row_with_work_time_and_rate(written):
    text = (written / "page.md").read_text()
    for name in ("expandft", "PEFT LoRA", "transformers"):
        [row] = cells(text, name)
        assert len(row) == 10 and all(row), f"{name}: {row}"
        speed, adds, reached, rate, share = float(row[1].split()[0]), *map(float, row[6:9]), row[9]
        assert reached == pytest.approx(speed * adds / 1000, abs=0.06 + 0.01 * reached)  # both are rounded
        rate = max(rate, 0.05)  # the largest value that rounds to 0
        assert float(share.rstrip("%")) == pytest.approx(100 * reached / rate, abs=1 + 10 / rate)


def test_goals_say_what_was_found_and_whether_that_is_enough(written):
    goals = cells((written / "page.md").read_text(), "stories260K")
    assert [row[1] for row in goals] == ["peak memory, × the smaller peer's", "first step after launch, s"]
    for row in goals:
        sign, limit = row[2].split()
        assert sign == "≤"
        if float(row[3]) != float(limit):  # equal to the limit after rounding: either is possible
            assert row[4] == ("yes" if float(row[3]) < float(limit) else "no")


def test_the_chart_has_a_bar_and_a_limit_for_each_program(written):
    root = ElementTree.parse(written / "page-toys.svg").getroot()
    assert root.tag == SVG + "svg"
    bars = [element.get("class") for element in root.iter(SVG + "rect")]
    assert bars == ["page", "fill-expandft", "fill-lora", "fill-full"]
    marks = [element for element in root.iter(SVG + "line") if element.get("class") == "mark"]
    assert len(marks) == 3 + 1  # and one in the legend
    assert "prefers-color-scheme: dark" in root.find(SVG + "style").text


@pytest.fixture(scope="module")
def published(source, binary, tmp_path_factory):
    """The page of a round of a small model that counts as published: both kinds of data, both precisions, trials.

    The peers are not run: their speeds are made up, and full fine-tuning in bfloat16 is too slow.
    """
    def run_peer(method, job):
        if (method, job.precision) == ("full", "bfloat16"):
            raise programs.NotMeasured(job.too_slow)
        times = {"lora": 2, "full": 1}[method] * {"eager": 2, "sdpa": 1}[job.attention]
        return programs.Run(100.0 * times * {"bfloat16": 3, "float32": 1}[job.precision], 2.5, 4 << 30)

    folder = tmp_path_factory.mktemp("published")
    (folder / "page.md").write_text("".join(f"<!-- bench-real{part}:begin -->\n<!-- bench-real{part}:end -->\n"
                                            for part in ("", "-prefix-cache")))
    small = dataclasses.replace(bench_models.MODELS["stories260K"], published="stories260K", steps=2, warmup_steps=1,
                                kinds=("text", "instruct"), batch=2, layers="last:2", epoch_steps=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(bench_models.MODELS, "stories260K", small)
        patch.setattr(programs, "run_peer", run_peer)
        run_bench.main([str(part) for part in (
            "training", "prefix-cache", "--binary", binary, "--models", "stories260K", "--real", source / "data",
            "--rounds", 1, "--length", 128, "--rows", 200, "--threads", 1, "--pause", 0, "--product-seconds", 0.002, "--cache",
            folder / "cache", "--page", folder / "page.md", "--write")])
    return (folder / "page.md").read_text()


def test_a_published_model_has_a_row_for_each_program_and_precision(published):
    for name in ("expandft", "PEFT LoRA", "transformers"):
        rows = cells(published, name)
        assert [("bfloat16" in row[0], len(row)) for row in rows] == [
            (False, 10), (True, 10), (False, 11), (True, 11)], rows  # text, then instruct with the learned tokens' rate
        assert all(all(row) for row in rows if "not measured" not in row[1])
    assert "the published weights" in published


def test_peers_run_in_their_fastest_precision_and_attention(published):
    lora, full = cells(published, "PEFT LoRA")[:2], cells(published, "transformers")[:2]
    assert [row[0].partition("projections, ")[2] for row in lora] == ["float32, eager (trial)", "bfloat16, eager"]
    assert [row[1] for row in lora] == ["400", "1200 (1200–1200)"]
    assert [row[0].partition("fine-tuning, ")[2] for row in full] == ["float32, eager", "bfloat16, sdpa"]
    assert [row[1] for row in full] == ["200 (200–200)", "not measured: > 120 s a step"]
    assert ("PEFT LoRA: float32 sdpa 200, float32 eager 400, bfloat16 sdpa 600, bfloat16 eager 1200; "
            "transformers: float32 sdpa 100, float32 eager 200, bfloat16 sdpa not measured: > 120 s a step.") in published


def test_ratios_are_against_the_best_of_a_peer(published):
    for row in cells(published, "expandft")[:2]:
        speed, times_lora, times_full = float(row[1].split()[0]), float(row[2]), float(row[3])
        assert times_lora == pytest.approx(speed / 1200, abs=0.006 + 0.5 / 1200)
        assert times_full == pytest.approx(speed / 200, abs=0.006 + 0.5 / 200)


def test_goals_of_a_published_model_name_data_and_precision(published):
    goals = cells(published, "stories260K")
    precision = "bfloat16" if device.has_amx() else "float32"
    assert {row[0] for row in goals} == {f"stories260K, {kind}, {precision}" for kind in ("text", "instruct")}
    assert ["share of the product rate" in row[1] for row in goals].count(True) == 2


def test_the_prefix_cache_of_a_published_model_says_how_much_faster_later_epochs_are(published):
    rows = cells(published, "`memory`")
    assert len(rows) == 2 and published.count("later / first epoch ≥ 1.25") == 2  # text and instruct
    assert all(row[6].split()[1] in ("(yes)", "(no)") for row in rows)


@pytest.mark.parametrize(("arguments", "said"), [
    (("--models", "gemma3-270m", "--real", "/nowhere"), "/nowhere/gemma-3-270m/config.json not found: without --real"),
    (("--kinds", "chat"), "'chat' found, expected one of text, instruct"),
    (("speed",), "'speed' found, expected one of training, prefix-cache, cost"),
    (("--models", "llama"), "'llama' found, expected one of gemma3-270m, smollm2-135m"),
    (("--device", "cuda"), "--device cuda: no such GPU here, nvidia-smi finds none"),
    (("--steps", 5), "--steps 5: more than the 5 of --warmup-steps expected"),
    (("cost", "--write", "--page", "/nowhere/page.md"), "the lines <!-- bench-cost:begin --> and"),
])
def test_wrong_usage_is_refused_before_anything_runs(source, binary, arguments, said):
    if "cuda" in arguments and device.gpu_name():
        pytest.skip("there is a GPU here")
    done = bench(source, binary, *arguments)
    assert done.returncode == 2 and said in done.stderr


def test_a_model_that_does_not_fit_is_refused(source, binary, tmp_path):
    if device.free_bytes() > 120 * 2**30:
        pytest.skip("Llama 3 8B may fit here")
    done = bench(source, binary, "training", "--models", "llama3-8b", "--cache", tmp_path)
    assert done.returncode == 2 and "llama3-8b needs more than the" in done.stderr and "full about 1" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_large_random_model_loads_though_it_is_made_layer_by_layer(expandft, stories, tmp_path):
    from transformers import AutoModelForCausalLM

    config = bench_models.llama(64, 3, 4, 96, 512, keys=2, tied=False, rope_theta=500000.0)
    make_inputs.make_large_llama(tmp_path, config)
    shutil.copy(stories / "tokenizer.model", tmp_path)
    _, found = AutoModelForCausalLM.from_pretrained(tmp_path, output_loading_info=True)
    assert not found["missing_keys"] and not found["unexpected_keys"]
    result = expandft("inspect", tmp_path)
    assert result.rc == 0 and "weight files            4" in result.stdout, result.stderr


def test_the_tokenizer_of_4096_pieces_is_the_same_each_time(tmp_path):
    for name in ("a", "b"):
        make_inputs.train_tokenizer(tmp_path / name / "tokenizer.model", pieces=600)
    assert (tmp_path / "a/tokenizer.model").read_bytes() == (tmp_path / "b/tokenizer.model").read_bytes()


def test_the_memory_of_a_gpu_is_the_most_that_was_in_use_beyond_before(tmp_path, monkeypatch):
    used = iter([300, 500, 900, *[700] * 10**6])

    class Driver:
        """The part of NVML that GpuMemory calls."""

        nvmlInit_v2 = staticmethod(lambda: 0)
        nvmlDeviceGetHandleByIndex_v2 = staticmethod(lambda index, handle: 0 if index == 1 else 2)

        @staticmethod
        def nvmlDeviceGetMemoryInfo(handle, info):
            info._obj.used = next(used)
            return 0

    monkeypatch.setattr(device.ctypes, "CDLL", lambda name: Driver)
    output, peak = programs.run_measured(["sleep", "0.3"], 1, tmp_path / "log", "cuda:1")
    assert peak == 600
    with pytest.raises(SystemExit, match="NVML status 2"):
        device.GpuMemory("cuda:5")


@pytest.mark.gpu
def test_a_round_on_a_gpu(source, binary, tmp_path):
    done = bench(source, binary, "training", "--models", "stories260K", "--device", "cuda", "--rounds", 1, "--steps", 4,
                 "--warmup-steps", 2, "--pause", 0, "--product-seconds", 0.01, "--cache", tmp_path)
    assert done.returncode == 0, done.stderr
    assert device.gpu_name() in done.stdout and "bfloat16, memory of the GPU" in done.stdout
    for name in ("expandft", "PEFT LoRA", "transformers"):
        [row] = cells(done.stdout, name)
        assert all(row) and float(row[4].split()[0]) > 0


def test_the_cost_chart_has_two_panels_a_dimension():
    found = {}
    for name, (field, values) in cost.DIMENSIONS.items():
        for i, (_, sizes) in enumerate(cost.settings_of(field, values)):
            found[sizes] = (None, None, {"expandft": [programs.Run(1000.0 + i, 0.4, (200 + i) << 20)]})
    root = ElementTree.fromstring(cost.chart(found))
    curves = list(root.iter(SVG + "polyline"))
    assert len(curves) == 2 * len(cost.DIMENSIONS)
    for curve, (_, values) in zip(curves, cost.DIMENSIONS.values()):
        assert len(curve.get("points").split()) == len(values)
    assert cost.chart(found) == cost.chart(found)


def test_speeches_become_rows_whose_completion_is_what_the_named_speaker_says():
    text = "A:\none\n\nnobody says this\n\nB:\ntwo\nlines\n\nA:\nthree\n"
    assert instruct.turns(text) == [("A:", "one"), ("B:", "two\nlines"), ("A:", "three")]
    rows = instruct.make_rows(text)
    assert {"prompt": "A:\none\n\nB:\ntwo\nlines\n\nA:\n", "completion": "three"} in rows and len(rows) == 3
    assert instruct.make_rows(text) == rows


def test_rows_are_kept_if_they_fit_and_their_answer_begins_with_a_token():
    rows = [{"prompt": prompt, "completion": answer} for prompt, answer in (("a ", "b"), ("a", "b"), ("a b c ", "d"))]
    words = {}

    def encode(texts):
        return [[words.setdefault(word, 10 + len(words)) for word in text.split()] for text in texts]

    kept, encoded = instruct.fitting(rows, encode, length=4, count=9, bos=[1], eos=2)
    assert kept == rows[:1]  # the second is one word, the third is too long
    assert encoded == [instruct.Encoded([1, words["a"], words["b"], 2], prompt=2)]
    summary = instruct.summary_of([*encoded, instruct.Encoded([1, 5], 1)])
    assert (summary["count"], summary["tokens"], summary["learned"]) == (2, 6, 3)
    # Scores of causal attention: 1 + 2 + 3 + 4 and 1 + 2, as 6 tokens have in a row of this length.
    assert 6 * (summary["mean_length"] + 1) / 2 == 13
    assert instruct.rows_of(Path(), summary, step_tokens=12).rows_per_step == 4


def test_peers_get_rows_padded_to_the_longest_and_learn_only_answers(tmp_path):
    import torch

    batch = peer_batches.padded([torch.tensor([1, 5, 6, 2]), torch.tensor([1, 7])], [2, 1])
    assert batch.tokens == 6
    assert batch.inputs["input_ids"].tolist() == [[1, 5, 6, 2], [1, 7, 0, 0]]
    assert batch.inputs["labels"].tolist() == [[-100, -100, 6, 2], [-100, 7, -100, -100]]
    assert batch.inputs["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 0, 0]]
    encoded = [instruct.Encoded([1, 5, 6, 2], 2), instruct.Encoded([1, 7], 1)]
    instruct.save([{"prompt": "p", "completion": "c"}] * 2, encoded, tmp_path / "rows.jsonl", tmp_path / "rows.npz")
    read = next(peer_batches.padded_rows(tmp_path / "rows.npz", 2, torch.Generator().manual_seed(1)))
    assert sorted(read.inputs["labels"].tolist()) == sorted(batch.inputs["labels"].tolist())


def test_a_peer_trains_on_rows_and_ends_at_the_limit_of_a_step(stories, tmp_path):
    encoded = [instruct.Encoded([1, *range(5, 5 + n), 2], 3) for n in (4, 9, 12)]
    instruct.save([], encoded, tmp_path / "rows.jsonl", tmp_path / "rows.npz")
    rows = instruct.rows_of(tmp_path / "rows.npz", instruct.summary_of(encoded), 30)
    job = programs.Job(stories, Path(), Path("none"), tmp_path, "all", 2, 32, 2, 1, 1, 4, 2, precision="bfloat16",
                       attention="eager", rows=rows, step_limit=600)
    assert programs.run_peer("lora", job).tokens_per_second > 0
    with pytest.raises(programs.NotMeasured, match="not measured: > 0 s a step"):
        programs.run_peer("lora", dataclasses.replace(job, step_limit=0.001))


def test_a_command_over_its_limit_is_ended(tmp_path):
    with pytest.raises(TimeoutError):
        programs.run_measured(["sleep", "60"], 1, tmp_path / "log", limit=0.2)


def test_goals_of_published_models_depend_on_the_processor():
    model = bench_models.find("gemma3-270m")
    assert model.goals_for("text", "cpu", False) == bench_models.Goals(1.4, None, 0.85, 0.25, 1.5, "float32")
    assert model.goals_for("instruct", "cpu", True).times_lora == 3.0
    assert model.goals_for("text", "cuda", True) == bench_models.NO_GOALS
    assert bench_models.find("random27M").goals_for("text", "cpu", True).times_lora == 1.2


@pytest.mark.parametrize("name", gemma3.CONFIGS)
def test_gemma_has_the_published_number_of_parameters(name):
    shapes = gemma3.tensor_shapes(gemma3.CONFIGS[name])
    assert sum(math.prod(shape) for shape in shapes.values()) == gemma3.PARAMETERS[name]


def test_published_models_without_their_file_have_random_weights_of_the_same_shape(tmp_path):
    model = bench_models.find("smollm2-135m")
    assert bench_models.published_directory(model, None) is None
    assert bench_models.published_directory(model, tmp_path) == tmp_path / "SmolLM2-135M-Instruct"
    assert bench_models.published_directory(bench_models.find("random27M"), tmp_path) is None


def test_ticks_are_round_and_do_not_pass_the_most():
    assert svg.ticks(1950) == [0, 500, 1000, 1500]
    assert svg.ticks(38000) == [0, 10000, 20000, 30000]
    assert svg.ticks(0.9, 4) == pytest.approx([0, 0.5])
    assert svg.ticks(78000) == [0, 20000, 40000, 60000]
    assert [svg.short(value) for value in (0.5, 500, 1500, 20000)] == ["0.5", "500", "1.5k", "20k"]


def test_the_gain_of_the_prefix_cache_is_a_share_of_the_predicted_one():
    # A step takes 8 instead of 10 when a quarter of the work is saved: 0.2 of 0.25.
    assert prefix_cache.reached_gain(without=1 / 10, later=1 / 8, share=0.25) == pytest.approx(0.8)


def test_epochs_are_told_apart_in_the_metrics(tmp_path):
    speeds = [10, 100, 100, 200, 210, 220, 230, 240, 250]  # the first step is ignored
    lines = ['{"step": 0, "event": "start", "total_steps": 9, "seconds_since_launch": 0.3}']
    lines += [f'{{"step": {i + 1}, "event": "train", "tokens_per_second": {speed}}}' for i, speed in enumerate(speeds)]
    file = tmp_path / "metrics.jsonl"
    file.write_text("\n".join(lines))
    assert prefix_cache.speeds_of(file) == (100, 225)


def test_a_row_of_a_program_that_ran_out_of_memory_says_so():
    class Measured:
        job = programs.Job(*[Path()] * 4, "last:3", *[1] * 7)
        learned, trials, runs = 1, {}, {FULL: []}
        reasons = {FULL: programs.OUT_OF_MEMORY}
        has = in_trial_only = staticmethod(lambda program: False)

    assert tables.row(FULL, Measured)[:2] == ["transformers, full fine-tuning", "out of memory"]


def test_all_bars_are_drawn_within_the_chart():
    class Measured:
        model = type("Model", (), {"name": "m"})
        job = programs.Job(*[Path()] * 4, "all", *[1] * 7)
        runs = {EXPANDFT: [programs.Run(100.0, 0, 0), programs.Run(120.0, 0, 0)], FULL: []}
        has = staticmethod(lambda program: program == EXPANDFT)
        limit = staticmethod(lambda program: 150.0)
        tokens_per_second = staticmethod(lambda program: 110.0)
        reached = staticmethod(lambda program: 1.1)
        product_rate = staticmethod(lambda program: 1.5)

    root = ElementTree.fromstring(charts.speed([Measured], tables.bar_label, lambda measured: "m"))
    for element in root.iter():
        for x in (element.get(name) for name in ("x", "x1", "x2")):
            assert x is None or 0 <= float(x) <= charts.WIDTH
    assert any("73%" in (text.text or "") for text in root.iter(SVG + "text"))


def test_loading_is_measured_beside_another_binary_and_the_peer(source, binary, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("<!-- bench-data:begin -->\n<!-- bench-data:end -->\n")
    done = bench(source, binary, "data", "--rounds", 1, "--rows", 20, "--megabytes", 1, "--threads", 1, "--cache",
                 tmp_path / "cache", "--before", binary, "--page", page, "--write")
    assert done.returncode == 0, done.stderr
    rows = cells(page.read_text(), "stories260K")
    assert [row[1] for row in rows] == ["20 rows of prompt and completion", "a text of 1 MB"]
    assert all(float(cell) >= 0 for row in rows for cell in row[2:])
    assert all(len(row) == 9 for row in rows)
