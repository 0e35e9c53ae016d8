#!/usr/bin/python3
"""The Python half of stream_benchmark: batches a second as a training loop takes them.

Started by stream_benchmark with a server that answers --constant-seed with a constant slab.
"""

import argparse
import json
import statistics
import time

import graphfeed as gf


def measure(loader: gf.FixedSizeDataLoader, seconds: float) -> tuple[float, int, float]:
    """(batches a second, bytes of a batch, real graphs of a batch) over whole epochs."""
    batches = graphs = 0
    batch = None
    start = time.perf_counter()
    while time.perf_counter() - start < seconds:
        epoch = loader.epoch
        for batch in loader:
            batches += 1
            batch.x, batch.edge_index, batch.edge_attr, batch.y, batch.batch, batch.nodes_mask
        graphs += loader.plan(epoch).num_graphs
    elapsed = time.perf_counter() - start
    frame_bytes = sum(array.nbytes for _, array in batch.items())
    return batches / elapsed, frame_bytes, graphs / batches


def report(strategy: str, frames: str, rate: float, frame_bytes: int, graphs: float) -> None:
    line = {
        "benchmark": "stream",
        "client": "python",
        "strategy": strategy,
        "frames": frames,
        "batches_per_s": round(rate),
        "graphs_per_s": round(rate * graphs),
        "bytes_per_s": round(rate * frame_bytes),
        "frame_bytes": frame_bytes,
    }
    print(json.dumps(line), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--dataset", required=True)
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--constant-seed", type=int, required=True)
    arguments = parser.parse_args()

    dataset = gf.connect(arguments.server).dataset(arguments.dataset)
    summary = dataset.summary()
    n = arguments.batch_size
    sizes = {
        gf.FixedSizeStrategy.PadToMax: (summary.num_nodes.max * n, summary.num_edges.max * n),
        gf.FixedSizeStrategy.StreamPack: (summary.num_nodes.mean * n, summary.num_edges.mean * n),
    }
    for strategy, (num_nodes, num_edges) in sizes.items():

        def loader(seed: int) -> gf.FixedSizeDataLoader:
            return gf.FixedSizeDataLoader(
                dataset,
                shuffle=True,
                seed=seed,
                fixed_size_options=gf.FixedSizeOptions(int(num_nodes), int(num_edges), n),
                fixed_size_strategy=strategy,
            )

        kinds = {"built": loader(arguments.seed), "constant": loader(arguments.constant_seed)}
        runs = {kind: [] for kind in kinds}
        for _ in range(arguments.rounds):
            for kind, one in kinds.items():
                runs[kind].append(measure(one, arguments.seconds))
        for kind, measured in runs.items():
            report(strategy.value, kind, *statistics.median_low(measured))
        ratios = [a[0] / b[0] for a, b in zip(runs["built"], runs["constant"])]
        line = {
            "benchmark": "stream_ratio",
            "client": "python",
            "strategy": strategy.value,
            "built_to_constant": round(statistics.median(ratios), 3),
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
