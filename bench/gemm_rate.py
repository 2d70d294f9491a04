"""Prints as JSON the rate of float32 matrix products on this machine: billions of multiply-adds a second.

    python bench/gemm_rate.py --threads 2 --shape 1024,288,768 --shape 1024,1024,1024
"""

import argparse
import json
import statistics
import time

import torch


def rate(rows, inner, columns, seconds):
    """Median over repetitions of a (rows, inner) by (inner, columns) product, for about `seconds`."""
    a, b = torch.randn(rows, inner), torch.randn(inner, columns)
    out = torch.empty(rows, columns)
    torch.mm(a, b, out=out)
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 3:
        begin = time.perf_counter()
        torch.mm(a, b, out=out)
        times.append(time.perf_counter() - begin)
    return rows * inner * columns / statistics.median(times) / 1e9


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--shape", action="append", required=True, help="rows,inner,columns")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each shape")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(json.dumps({shape: rate(*map(int, shape.split(",")), options.seconds) for shape in options.shape}))


if __name__ == "__main__":
    main()
