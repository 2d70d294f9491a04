"""Prints as JSON how fast this machine runs products with weight matrices: G multiply-adds per second for each.

    python bench/gemm_rate.py --threads 2 --product forward,1024,288,768 --product weight,1024,288,768

A product is KIND,ROWS,INPUTS,OUTPUTS: x·Wᵀ (forward), dy·W (input), or dyᵀ·x (weight), with x (rows, inputs) and
W (outputs, inputs). Each is run with every library that LibTorch has for it (on a CPU in float32: MKL and oneDNN), for
--seconds in total; the median over repetitions of the fastest library counts. On a CPU without instructions for
bfloat16, float32 stands in for it.
"""

import argparse
import json
import statistics
import time

import torch


def one_dnn():
    """x, W -> x·Wᵀ by oneDNN, if LibTorch has it."""
    operator = getattr(torch.ops.mkldnn, "_linear_pointwise", None)
    return operator and (lambda x, weight: operator(x, weight, None, "none", [], ""))


def ways(kind, rows, inputs, outputs, device, dtype):
    """Functions without arguments, each of which computes the product."""
    if device == "cpu" and dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        dtype = torch.float32  # LibTorch's products in bfloat16 are slow here
    make = {"device": device, "dtype": dtype}
    x, dy, weight = (torch.randn(shape, **make) for shape in ((rows, inputs), (rows, outputs), (outputs, inputs)))
    linear = one_dnn() if device == "cpu" and dtype == torch.float32 else None
    if kind == "forward":
        return [lambda: torch.nn.functional.linear(x, weight)] + ([lambda: linear(x, weight)] if linear else [])
    if kind == "input":
        return [lambda: torch.mm(dy, weight)] + ([lambda: linear(dy, weight.t())] if linear else [])
    if kind == "weight":  # with oneDNN, sometimes dyᵀ·x is faster and sometimes (xᵀ·dy)ᵀ
        return [lambda: torch.mm(dy.t(), x)] + (
            [lambda: linear(dy.t(), x.t()), lambda: linear(x.t(), dy.t())] if linear else [])
    raise SystemExit(f"{kind!r} found, expected forward, input or weight")


LONG = 1.0  # seconds


def median_seconds(run, device, seconds):
    """Times of at least three repetitions. The first two calls, which warm up the library, are not timed.

    Of a product that takes longer than a second, the second call alone is timed.
    """
    synchronize = torch.cuda.synchronize if device != "cpu" else lambda: None

    def once():
        begin = time.perf_counter()
        run()
        synchronize()
        return time.perf_counter() - begin

    first, second = once(), once()
    if first > LONG:
        return second
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        times.append(once())
    return statistics.median(times)


@torch.no_grad()
def rate(product, options):
    kind, *sizes = product.split(",")
    rows, inputs, outputs = map(int, sizes)
    candidates = ways(kind, rows, inputs, outputs, options.device, getattr(torch, options.dtype))
    share = options.seconds / len(candidates)
    return rows * inputs * outputs / min(median_seconds(run, options.device, share) for run in candidates) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--product", action="append", required=True, help="KIND,ROWS,INPUTS,OUTPUTS")
    parser.add_argument("--seconds", type=float, default=0.15, help="for each product")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default="float32")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(json.dumps({product: rate(product, options) for product in options.product}))


if __name__ == "__main__":
    main()
