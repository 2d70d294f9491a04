"""Makes the inputs for a model and runs the rounds: all programs in turn, and the matrix products."""

import json
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field

import bench_models
import products
import programs
import work


@dataclass
class Measured:
    """All rounds of one model."""

    model: bench_models.Model
    shapes: work.Shapes
    job: programs.Job
    runs: dict = field(default_factory=dict)   # method: [Run]; empty if the GPU's memory was too small
    rates: dict = field(default_factory=dict)  # Product: [G multiply-adds per second]

    def median(self, method, what):
        return statistics.median(getattr(run, what) for run in self.runs[method])

    def tokens_per_second(self, method):
        return self.median(method, "tokens_per_second")

    def has(self, method):
        return bool(self.runs.get(method))

    def multiply_adds(self, method):
        """Per token."""
        return multiply_adds(method, self.shapes, self.job)

    def reached(self, method):
        """G multiply-adds per second."""
        return self.multiply_adds(method) * self.tokens_per_second(method) / 1e9

    def product_rate(self, method):
        """G multiply-adds per second of products with the method's shapes, each at its median rate."""
        rates = {product: statistics.median(of) for product, of in self.rates.items()}
        return products.product_rate(products_of(method, self.shapes, self.job), rates)

    def limit(self, method):
        """Tokens per second at the product rate."""
        return self.product_rate(method) * 1e9 / self.multiply_adds(method)


def multiply_adds(method, shapes, job):
    if method == "full":
        return work.full_fine_tuning(shapes, job.length)
    if method == "lora":
        return work.lora(shapes, job.length, job.rank)
    return work.new_width(shapes, job.length, *work.selected(job.layers, shapes.layers), job.copies)


def products_of(method, shapes, job):
    rows = job.batch * job.length
    if method == "full":
        return products.full_fine_tuning(shapes, rows)
    if method == "lora":
        return products.lora(shapes, rows, job.rank)
    return products.new_width(shapes, rows, *work.selected(job.layers, shapes.layers), job.copies)


def prepare(model, options, **changes):
    """Makes the model and the token ids if needed; returns the job, with `changes` to its fields."""
    folder = options.cache / model.name
    folder.mkdir(parents=True, exist_ok=True)
    directory = options.stories if model.tokenizer == "own" else folder / "model"
    command = [sys.executable, programs.BENCH / "make_inputs.py", "--name", model.name, "--model", directory,
               "--text", options.text, "--ids", folder / "ids.npy"]
    subprocess.run([str(part) for part in command], check=True, stdout=sys.stderr)
    fields = dict(model=directory, text=options.text, ids=folder / "ids.npy", folder=folder, layers=model.layers,
                  batch=options.batch, length=options.length, steps=options.steps or model.steps,
                  warmup_steps=options.warmup_steps, threads=options.threads, rank=options.rank, copies=options.copies,
                  device=options.device, precision=options.precision, full_weights=model.full_weights)
    return programs.Job(**fields | changes)


def shapes_of(job):
    return work.Shapes.of_config(json.loads((job.model / "config.json").read_text()))


def run(method, job, options):
    programs.settle(options.pause)
    found = programs.run_expandft(options.binary, job) if method == "expandft" else programs.run_peer(method, job)
    said = "not enough memory" if found is None else (
        f"{found.tokens_per_second:.0f} tokens/s, {found.peak_bytes / 2**20:.0f} MiB, "
        f"first step at {found.first_step_at:.2f} s")
    print(f"{job.folder.name}, {method}: {said}", file=sys.stderr, flush=True)
    return found


def measure(name, options):
    model = bench_models.find(name)
    job = prepare(model, options)
    measured = Measured(model, shapes_of(job), job, {method: [] for method in options.methods})
    wanted = sum((products_of(method, measured.shapes, job) for method in options.methods), Counter())
    for number in range(1, options.rounds + 1):
        print(f"{name}, round {number}", file=sys.stderr, flush=True)
        found = programs.measure_products(wanted, job.threads, job.folder / "gemm.log", job.device, job.precision,
                                          options.product_seconds)
        for product, rate in found.items():
            measured.rates.setdefault(product, []).append(rate)
        for method in options.methods:
            if (once := run(method, job, options)) is not None:
                measured.runs[method].append(once)
    return measured
