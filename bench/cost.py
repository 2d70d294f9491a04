"""Cost against size: tokens per second and memory as one dimension grows at a time, on the body-heavy model."""

import sys

import bench_models
import charts
import measuring
import programs
import tables

# Name for the page: (field, values). Around batch 4 × 256 tokens, the last 3 layers, k = 2, vocabulary 4096.
DIMENSIONS = {
    "sequence length": ("length", (64, 128, 256, 512, 1024)),
    "batch": ("batch", (1, 2, 4, 8, 16)),
    "layers expanded": ("layers", tuple(range(1, 9))),
    "k": ("copies", (2, 3, 4)),
    "vocabulary": ("vocabulary", (4096, 8192, 16384, 32000)),
}
BASE = {"length": 256, "batch": 4, "layers": 3, "copies": 2, "vocabulary": 4096}
STEPS, WARMUP_STEPS = 8, 2
# Only these change what the peers compute.
PEERS_DIMENSIONS = ("length", "batch", "vocabulary")


def job_of(sizes, options):
    vocabulary = sizes["vocabulary"]
    model = bench_models.find("random27M" if vocabulary == 4096 else f"random27M-v{vocabulary}")
    return measuring.prepare(model, options, length=sizes["length"], batch=sizes["batch"], copies=sizes["copies"],
                             layers=f"last:{sizes['layers']}", steps=options.steps or STEPS,
                             warmup_steps=min(measuring.warmup_steps(model, options), WARMUP_STEPS))


def measure(options):
    """{sizes: (shapes, job, {method: [Run]})}; sizes are the values of BASE, in its order. Each is run once per round."""
    settings = {tuple((BASE | {field: value}).values()): field for field, values in DIMENSIONS.values()
                for value in values}
    found = {}
    for number in range(1, options.rounds + 1):
        for sizes, field in settings.items():
            print(f"cost, round {number}: {dict(zip(BASE, sizes))}", file=sys.stderr, flush=True)
            if sizes not in found:
                job = job_of(dict(zip(BASE, sizes)), options)
                found[sizes] = (measuring.shapes_of(job), job, {})
            _, job, runs = found[sizes]
            is_base = sizes == tuple(BASE.values())
            peers = [method for method in ("lora", "full") if method in options.methods]
            for method in ["expandft"] + (peers if options.peers and (is_base or field in PEERS_DIMENSIONS) else []):
                if isinstance(once := measuring.run(method, job, options), programs.Run):
                    runs.setdefault(method, []).append(once)
    return found


def settings_of(field, values):
    """(value, sizes) of one dimension."""
    return [(value, tuple((BASE | {field: value}).values())) for value in values]


def table(found, options):
    body = []
    for name, (field, values) in DIMENSIONS.items():
        for value, sizes in settings_of(field, values):
            shapes, job, runs = found[sizes]
            for method, of in runs.items():
                speed, peak = charts.points_of(of)
                adds = measuring.multiply_adds(method, shapes, job)
                body.append([name, str(value), *([method] if options.peers else []),
                             tables.spread([run.tokens_per_second for run in of], 0), f"{peak / 2**20:.0f}",
                             f"{adds / 1e6:.1f}", f"{adds * speed / 1e9:.1f}"])
    head = ["varied", "value", *(["program"] if options.peers else []), "tokens/s", "peak memory, MiB",
            "multiply-adds per token, M", "reached, G/s"]
    job, rounds = next(iter(found.values()))[1], tables.counted(options.rounds)
    return (f"random27M, batch 4 × 256 tokens, the last 3 of 8 layers, k = 2, vocabulary 4096, except where varied; "
            f"{options.threads} threads, {job.precision}; median (least–most) of {rounds}.\n\n"
            + tables.rows(head, body))


def chart(found):
    dimensions = {}
    for name, (field, values) in DIMENSIONS.items():
        lines = dimensions.setdefault(name, {})
        for value, sizes in settings_of(field, values):
            for method, runs in found[sizes][2].items():
                if method == "expandft" or field in PEERS_DIMENSIONS:
                    lines.setdefault(method, []).append((value, *charts.points_of(runs)))
    return charts.cost(dimensions)
