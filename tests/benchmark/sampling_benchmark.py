#!/usr/bin/python3
"""Sampling from one large heterogeneous graph: makes or takes the graph, imports it, measures.

    sampling_benchmark.py --bin BUILD/bin --benchmark BUILD/tests/benchmark/sampling_benchmark
                          [--arrays FOLDER] [--scale 1] [FLAGS OF sampling_benchmark ...]

The graph: papers, authors and fields with 128 float32 features each; papers cite papers, authors
write them, they have fields, the last two with reverse edges; degrees follow power laws. At scale 1
it has 1 M nodes and 10 M edges, generated from a fixed seed. --arrays takes one from a folder
instead: TYPE.x.npy [n, f], paper.y.npy, and for each edge type the in-neighbour lists
SOURCE__RELATION__TARGET.colptr.npy [n + 1] and .row.npy [e].

One JSON line a measurement; see sampling_benchmark.cc for what they are.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from storage_benchmark import report, server

NODES = {"paper": 600_000, "author": 320_000, "field": 80_000}
FEATURES = 128
# (source, relation, target), edges, exponents of the power laws of both ends, reverse relation.
EDGES = [
    (("paper", "cites", "paper"), 4_000_000, (0.5, 0.7), None),
    (("author", "writes", "paper"), 2_000_000, (0.7, 0.4), "rev_writes"),
    (("field", "rev_has", "paper"), 1_000_000, (0.9, 0.4), "has"),
]
# Fixed sizes of 1024 paper seeds with fan-outs [15, 10] at scale 1: the largest batches and a little.
NUM_NODES = "paper=60096;author=17408;field=6656"
NUM_EDGES = (
    "author|writes|paper=20608;field|rev_has|paper=10688;paper|cites|paper=28992;"
    "paper|has|field=13056;paper|rev_writes|author=26112"
)


def power_law(random, count: int, size: int, exponent: float) -> np.ndarray:
    """`size` ids of [0, count); the one of rank i comes up in proportion to (i + 10) ** -exponent."""
    sums = np.cumsum((np.arange(count) + 10.0) ** -exponent)
    ranks = np.searchsorted(sums, random.random(size) * sums[-1])
    return random.permutation(count)[np.minimum(ranks, count - 1)]


def generated(scale: float) -> dict:
    random = np.random.default_rng(7)
    nodes = {name: max(1, int(count * scale)) for name, count in NODES.items()}
    graph = {
        name: {"x": random.standard_normal((count, FEATURES), dtype=np.float32)}
        for name, count in nodes.items()
    }
    graph["paper"]["y"] = random.integers(0, 100, nodes["paper"])
    for (source, relation, target), count, (out, into), reverse in EDGES:
        count = int(count * scale)
        ends = np.stack(
            [power_law(random, nodes[source], count, out), power_law(random, nodes[target], count, into)]
        )
        graph[source, relation, target] = {"edge_index": ends}
        if reverse:
            graph[target, reverse, source] = {"edge_index": ends[::-1]}
    return graph


def from_arrays(folder: pathlib.Path) -> dict:
    graph = {}
    for path in sorted(folder.glob("*.x.npy")):
        name = path.name.removesuffix(".x.npy")
        graph[name] = {"x": np.load(path, mmap_mode="r")}
        labels = folder / f"{name}.y.npy"
        if labels.exists():
            graph[name]["y"] = np.load(labels)
    for path in sorted(folder.glob("*.colptr.npy")):
        name = path.name.removesuffix(".colptr.npy")
        starts = np.load(path)
        targets = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
        sources = np.load(folder / f"{name}.row.npy")
        graph[tuple(name.split("__"))] = {"edge_index": np.stack([sources, targets])}
    return graph


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--benchmark", type=pathlib.Path, required=True)
    parser.add_argument("--arrays", type=pathlib.Path)
    parser.add_argument("--scale", type=float, default=1)
    arguments, flags = parser.parse_known_args()

    graph = from_arrays(arguments.arrays) if arguments.arrays else generated(arguments.scale)
    if arguments.scale == 1:
        flags = [f"--num_nodes={NUM_NODES}", f"--num_edges={NUM_EDGES}", *flags]
    with tempfile.TemporaryDirectory(prefix="graphfeed_bench_") as data_dir:
        with server(arguments.bin / "graphfeed-server", data_dir, 256 << 20) as (_, client):
            info = client.ingest("hetero", graph)
            report("ingest", nodes=sum(info.num_nodes), edges=sum(info.num_edges))
        del graph
        sys.exit(subprocess.run([arguments.benchmark, "--data_dir", data_dir, *flags]).returncode)


if __name__ == "__main__":
    main()
