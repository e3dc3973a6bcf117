"""What numpy needs for the aggregations of robust_rules.cpp, at its best: contiguous float32, in place where it can.

python3 bench/numpy_aggregation.py OUT.json  writes medians of nine in Google Benchmark's format.
"""

import json
import statistics
import sys
import time

import numpy as np


def median_ms(work):
    work()
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - begin))
    return statistics.median(times)


def rules(x):
    n, size = x.shape
    out = np.empty(size, np.float32)
    scratch = np.empty(size, np.float32)
    weights = (np.arange(n) % 7 * 100 + 50).astype(np.float32)
    weights /= weights.sum()
    cut = n // 5

    def weighted_mean():
        np.multiply(x[0], weights[0], out=out)
        for row, weight in zip(x[1:], weights[1:]):
            np.multiply(row, weight, out=scratch)
            np.add(out, scratch, out=out)

    def trimmed_mean():
        np.mean(np.partition(x, (cut, n - cut - 1), axis=0)[cut : n - cut], axis=0, out=out)

    def krum():  # by the Gram matrix in float32: fast, and wrong where updates are close
        gram = x @ x.T
        norms = np.diag(gram)
        distances = norms[:, None] + norms[None, :] - 2 * gram
        scores = np.sort(distances, axis=1)[:, 1 : n - cut - 1].sum(axis=1)
        out[:] = x[np.argmin(scores)]

    return {
        "weighted_mean": weighted_mean,
        "weighted_mean_product": lambda: np.dot(weights, x, out=out),
        "median": lambda: np.median(x, axis=0, out=out),
        "trimmed_mean": trimmed_mean,
        "krum": krum,
    }


def main():
    results = []
    for clients in (10, 100):
        x = np.random.default_rng(1).random((clients, 1_000_000), dtype=np.float32) - np.float32(0.5)
        for rule, work in rules(x).items():
            name = f"baseline/numpy_{rule}/clients:{clients}/parameters:1000000/process_time/real_time"
            ms = median_ms(work)
            print(f"{name} {ms:.2f} ms", flush=True)
            results.append({
                "name": name + "_median", "run_name": name, "run_type": "aggregate", "aggregate_name": "median",
                "repetitions": 9, "real_time": ms, "cpu_time": ms, "time_unit": "ms",
            })
    if len(sys.argv) > 1:
        with open(sys.argv[1], "w", encoding="utf-8") as file:
            json.dump({"benchmarks": results}, file)


if __name__ == "__main__":
    main()
