"""Models what a step costs as ranks are added: bytes moved against arithmetic.

    bench/ranks_model.py                # prints the tables of docs/distributed.md; --write puts them there
    bench/ranks_model.py --check 340    # predicts what scripts/bench scaling measures, from this machine's Gloo

In a step a rank computes its tokens, sends every gradient (fp32) once towards the rank that owns it, and receives every
weight (in the compute dtype) once from its owner. Gradients overlap with the last micro-batch's backward pass; weights
do not overlap. With a sharded base, each micro-batch gathers all layers in its forward pass, and those from the lowest
expanded one upwards in its backward pass, while it computes the layer before.
"""

import argparse
import re
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import bench_models
import work

PAGE = Path(__file__).resolve().parent.parent / "docs/distributed.md"
SECTION = re.compile(r"(<!-- ranks-model:begin -->\n).*?(<!-- ranks-model:end -->)", re.DOTALL)

GEMMA3_27B = {"model_type": "gemma3_text", "hidden_size": 5376, "num_hidden_layers": 62, "num_attention_heads": 32,
              "num_key_value_heads": 16, "head_dim": 128, "intermediate_size": 21504, "vocab_size": 262208}


@dataclass(frozen=True)
class Machine:
    """The arithmetic and bandwidth that a rank reaches: about half of what the data sheet promises."""
    flops: float            # per second
    node_bytes: float       # per second, to ranks of the same machine
    network_bytes: float    # per second, to other machines
    ranks_a_node: int
    message_seconds: float  # the fixed cost of an exchange

    def bytes_a_second(self, ranks):
        return self.node_bytes if ranks <= self.ranks_a_node else self.network_bytes


H100 = Machine(flops=400e12, node_bytes=200e9, network_bytes=25e9, ranks_a_node=8, message_seconds=30e-6)


@dataclass(frozen=True)
class Job:
    shapes: work.Shapes
    expanded: int        # how many of the last layers
    length: int
    micro_batches: int   # per rank and step
    micro_tokens: int
    element: int = 2     # bytes per number, of the compute dtype
    shard_base: bool = False

    @property
    def lowest(self):
        return self.shapes.layers - self.expanded

    @property
    def trained(self):
        return self.expanded * self.shapes.mlp

    @property
    def layer_bytes(self):
        return self.element * (self.shapes.attention_weights + self.shapes.mlp)


@dataclass(frozen=True)
class Step:
    compute: float  # seconds
    gradients: float
    weights: float
    gathers: float
    seconds: float

    @property
    def efficiency(self):
        return self.compute / self.seconds


def step(job, machine, ranks):
    a_token = 2 * work.new_width(job.shapes, job.length, job.lowest, job.expanded, 2)
    micro = a_token * job.micro_tokens / machine.flops
    compute = micro * job.micro_batches
    rate, others = machine.bytes_a_second(ranks), (ranks - 1) / ranks
    buckets = max(ranks, 4 * job.trained / (25 * 2**20))
    gradients = (4 * job.trained * others / rate + buckets * machine.message_seconds) if ranks > 1 else 0
    weights = (job.element * job.trained * others / rate + ranks * machine.message_seconds) if ranks > 1 else 0
    gathers = 0
    if job.shard_base and ranks > 1:
        passes = job.shapes.layers + job.expanded
        a_layer = job.layer_bytes * others / rate + machine.message_seconds
        # Each is gathered while the one before it computes: the longer of the two counts.
        gathers = job.micro_batches * passes * max(0, a_layer - micro / passes)
    forward = 2 * job.shapes.forward(job.length) * job.micro_tokens / machine.flops
    hidden = min(gradients, max(0, micro - forward))
    return Step(compute, gradients, weights, gathers, compute + gradients - hidden + weights + gathers)


def seconds(value):
    return f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def table(name, job, machine, counts):
    lines = [f"{name}: {job.trained / 1e9:.2f}e9 weights train; {job.micro_batches} × {job.micro_tokens} tokens per rank "
             f"and step; {4 * job.trained / 1e9:.1f} GB of gradients and {job.element * job.trained / 1e9:.1f} GB of "
             "weights per step" + (f"; {job.layer_bytes / 1e9:.2f} GB per gathered layer" if job.shard_base else "") + ".",
             "",
             "| ranks | compute, s | gradients, s | weights, s | waiting for layers, s | step, s | efficiency |",
             "|---|---|---|---|---|---|---|"]
    for ranks in counts:
        found = step(job, machine, ranks)
        lines.append(f"| {ranks} | {seconds(found.compute)} | {seconds(found.gradients)} | {seconds(found.weights)} | "
                     f"{seconds(found.gathers)} | {seconds(found.seconds)} | {found.efficiency:.0%} |")
    return "\n".join(lines)


def tables():
    small = Job(work.Shapes.of_config(bench_models.config_of(bench_models.find("gemma3-1b"))), 13, 2048, micro_batches=4, micro_tokens=8192)
    large = Job(work.Shapes.of_config(GEMMA3_27B), 20, 2048, micro_batches=4, micro_tokens=4096, shard_base=True)
    return "\n\n".join([table("Gemma 3 1B, the upper 13 layers", small, H100, (8, 64, 512)),
                        table("Gemma 3 27B, the upper 20 layers, the base sharded", large, H100, (8, 64, 512))])


def gloo_rate(numbers):
    """Bytes per second at which two ranks of this machine sum such gradients at their owners and share the weights."""
    import time

    import torch
    import torch.distributed as dist
    import torch.multiprocessing as multiprocessing

    def run(rank, port, results):
        torch.set_num_threads(1)
        dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
        flat, bucket = torch.zeros(numbers), 25 * 2**20 // 4
        times = []
        for _ in range(8):
            dist.barrier()
            start = time.perf_counter()
            for piece in flat.split(bucket):
                dist.reduce(piece, dst=0 if piece.data_ptr() < flat[numbers // 2:].data_ptr() else 1)
            for owner, half in enumerate(flat.split(numbers // 2)[:2]):
                dist.broadcast(half, src=owner)
            times.append(time.perf_counter() - start)
        if rank == 0:
            results.put(statistics.median(times))
        dist.destroy_process_group()

    import scaling
    context = multiprocessing.get_context("fork")
    results, port = context.Queue(), scaling.free_port()
    ranks = [context.Process(target=run, args=(rank, port, results)) for rank in range(2)]
    for one in ranks:
        one.start()
    found = results.get()
    for one in ranks:
        one.join()
    return 8 * numbers / 2 / found  # half of all bytes leave a rank


def check(tokens_per_second, tokens):
    """Predicts two ranks of one thread each, from the speed of one rank and of Gloo alone."""
    import scaling

    shapes = work.Shapes.of_config(bench_models.config_of(bench_models.find(scaling.MODEL)))
    rate = gloo_rate(shapes.layers * shapes.mlp)
    flops = 2 * work.new_width(shapes, 256, 0, shapes.layers, 2) * tokens_per_second
    # On a CPU the exchange takes the cores that compute, so none of it overlaps.
    job = Job(shapes, shapes.layers, 256, micro_batches=1, micro_tokens=tokens // 2, element=4)
    found = step(job, Machine(flops, rate, rate, 2, 0), 2)
    efficiency = found.compute / (found.compute + found.gradients + found.weights)
    print(f"Gloo between two ranks: {rate / 1e9:.2f} GB/s; {8 * job.trained / 1e6:.0f} MB per step\n"
          f"compute {found.compute:.2f} s, exchange {found.gradients + found.weights:.2f} s: "
          f"expected efficiency of 2 ranks {efficiency:.0%}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", type=float, metavar="TOKENS_PER_SECOND",
                        help="speed of one rank, as scripts/bench scaling reports it: predict two ranks of this machine")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE.name}")
    options = parser.parse_args()
    if options.check:
        check(options.check, 8 * 256)
    elif options.write:
        PAGE.write_text(SECTION.sub(lambda found: f"{found[1]}{tables()}\n{found[2]}", PAGE.read_text()))
    else:
        print(tables())


if __name__ == "__main__":
    sys.exit(main())
