"""Makes the inputs for a model and runs the rounds: all programs in turn, and the matrix products."""

import json
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

import bench_models
import device
import instruct
import products
import programs
import trials
import work


@dataclass
class Measured:
    """All rounds of one model on one kind of data."""

    model: bench_models.Model
    kind: str
    shapes: work.Shapes
    job: programs.Job
    trials: dict = field(default_factory=dict)   # {Program: Run, or the reason why there is none}
    runs: dict = field(default_factory=dict)     # {Program: [Run]}, in the order of rows; empty if there is none
    reasons: dict = field(default_factory=dict)  # {Program: why it was not measured}
    rates: dict = field(default_factory=dict)    # {(precision, Product): [G multiply-adds per second]}

    def median(self, program, what):
        return statistics.median(getattr(run, what) for run in self.runs[program])

    def tokens_per_second(self, program):
        return self.median(program, "tokens_per_second")

    def has(self, program):
        return bool(self.runs.get(program))

    def in_trial_only(self, program):
        return self.has(program) and self.runs[program][0] is self.trials.get(program)

    def best(self, method, precision=None):
        """The fastest program of a method, in the rounds if it was in them; None if none was measured."""
        found = [program for program in self.runs if program.method == method and self.has(program)
                 and precision in (None, program.precision)]
        return max(found, key=lambda program: (not self.in_trial_only(program), self.tokens_per_second(program)),
                   default=None)

    @property
    def learned(self):
        """The share of tokens that are learned."""
        return self.job.rows.share if self.job.rows else 1

    def multiply_adds(self, program):
        """Per token."""
        return multiply_adds(program.method, self.shapes, self.job)

    def reached(self, program):
        """G multiply-adds per second."""
        return self.multiply_adds(program) * self.tokens_per_second(program) / 1e9

    def product_rate(self, program):
        """G multiply-adds per second of products with the program's shapes and precision, each at its median rate."""
        rates = {product: statistics.median(of) for (precision, product), of in self.rates.items()
                 if precision == program.precision}
        return products.product_rate(products_of(program, self.shapes, self.job), rates)

    def limit(self, program):
        """Tokens per second at the product rate."""
        return self.product_rate(program) * 1e9 / self.multiply_adds(program)

    @property
    def goals(self):
        return self.model.goals_for(self.kind, self.job.device, device.has_amx())


def multiply_adds(method, shapes, job):
    length, learned = (job.rows.mean_length, job.rows.share) if job.rows else (job.length, 1)
    if method == "full":
        return work.full_fine_tuning(shapes, length, learned)
    if method == "lora":
        return work.lora(shapes, length, job.rank, learned)
    return work.new_width(shapes, length, *work.selected(job.layers, shapes.layers), job.copies, learned)


def products_of(program, shapes, job):
    rows, learned = job.batch * job.length, job.rows.share if job.rows else 1
    if program.method == "full":
        return products.full_fine_tuning(shapes, rows, learned)
    if program.method == "lora":
        return products.lora(shapes, rows, job.rank, learned)
    return products.new_width(shapes, rows, *work.selected(job.layers, shapes.layers), job.copies, learned,
                              program.precision, job.device != "cpu")


def prepare(model, options, kind="text", **changes):
    """Makes the model and the token ids if needed; returns the job, with `changes` to its fields."""
    folder = options.cache / model.name
    folder.mkdir(parents=True, exist_ok=True)
    real = bench_models.published_directory(model, options.real)
    directory = real or (options.stories if model.tokenizer == "own" else folder / "model")
    fields = dict(model=directory, text=options.text, ids=folder / "ids.npy", folder=folder, layers=model.layers,
                  batch=options.batch or model.batch, length=options.length, steps=options.steps or model.steps,
                  warmup_steps=warmup_steps(model, options), threads=options.threads, rank=options.rank,
                  copies=options.copies, device=options.device,
                  precision=model.precisions(options.precision, options.device)[0], full_weights=model.full_weights,
                  step_limit=options.step_limit if model.published else None) | changes
    command = [sys.executable, programs.BENCH / "make_inputs.py", "--name", model.name, "--model", directory,
               "--text", options.text, "--ids", folder / "ids.npy", *(["--real"] if real else [])]
    if kind == "instruct":
        command += ["--rows", options.rows, "--length", fields["length"]]
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    if kind == "instruct":
        summary = json.loads((folder / "rows.json").read_text())
        fields |= {"text": folder / "rows.jsonl", "rows": instruct.rows_of(
            folder / "rows.npz", summary, fields["batch"] * fields["length"])}
    return programs.Job(**fields)


def warmup_steps(model, options):
    return model.warmup_steps if options.warmup_steps is None else options.warmup_steps


def shapes_of(job):
    return work.Shapes.of_config(json.loads((job.model / "config.json").read_text()))


def run(method, job, options):
    """A Run, or the reason why there is none."""
    programs.settle(options.pause)
    try:
        found = programs.run_expandft(options.binary, job) if method == "expandft" else programs.run_peer(method, job)
    except programs.NotMeasured as reason:
        found = str(reason)
    said = found if isinstance(found, str) else (
        f"{found.tokens_per_second:.0f} tokens/s, {found.peak_bytes / 2**20:.0f} MiB, "
        f"first step at {found.first_step_at:.2f} s")
    way = job.precision if method == "expandft" else f"{job.precision}, {job.attention}"
    print(f"{job.folder.name}, {method}, {way}: {said}", file=sys.stderr, flush=True)
    return found


def measure(name, kind, options):
    model = bench_models.find(name)
    job = prepare(model, options, kind)
    measured = Measured(model, kind, shapes_of(job), job)
    print(f"{name}, {kind}", file=sys.stderr, flush=True)
    precisions = model.precisions(options.precision, options.device)
    chosen = trials.choose(options.methods, precisions, options.attentions or model.attentions, lambda program: run(
        program.method, program.job(job, steps=trials.STEPS, warmup_steps=trials.WARMUP_STEPS), options))
    measured.trials = chosen.outcomes
    for program in sorted([*chosen.programs, *chosen.shown], key=lambda program: (
            options.methods.index(program.method), precisions.index(program.precision))):
        once = chosen.outcomes.get(program) if program in chosen.shown else []
        measured.runs[program] = [] if isinstance(once, str) else [once] if once else []
        if isinstance(once, str):
            measured.reasons[program] = once
    for number in range(1, options.rounds + 1):
        print(f"{name}, {kind}, round {number}", file=sys.stderr, flush=True)
        for program in chosen.programs:
            if program in measured.reasons:
                continue
            once = run(program.method, program.job(job), options)
            if isinstance(once, str):
                measured.reasons[program] = once
            else:
                measured.runs[program].append(once)
        measure_products(measured, options)
    return measured


def measure_products(measured, options):
    """In every precision that a program was measured in."""
    job = measured.job
    for precision in dict.fromkeys(program.precision for program in measured.runs if measured.has(program)):
        wanted = sum((products_of(program, measured.shapes, job) for program in measured.runs
                      if program.precision == precision and measured.has(program)), Counter())
        found = programs.measure_products(wanted, job.threads, job.folder / "gemm.log", job.device, precision,
                                          options.product_seconds)
        for product, rate in found.items():
            measured.rates.setdefault((precision, product), []).append(rate)
