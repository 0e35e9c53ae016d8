"""Sampled batches of 47 MB from one large heterogeneous graph, in memory and four times the budget.

The graph: papers, authors and fields with 128 float32 features each; papers cite papers, authors
write them, they have fields, the last two with reverse edges; degrees follow power laws. At scale 1
it has 1 M nodes and 10 M edges, from a fixed seed.
"""

import json
import subprocess

import numpy as np
from harness import CONSTANT_SEED, HETERO, Bench, compare, report, report_figure

import graphfeed as gf

NODES = {"paper": 600_000, "author": 320_000, "field": 80_000}
FEATURES = 128
# (source, relation, target), edges, exponents of the power laws of both ends, reverse relation.
EDGES = [
    (("paper", "cites", "paper"), 4_000_000, (0.5, 0.7), None),
    (("author", "writes", "paper"), 2_000_000, (0.7, 0.4), "rev_writes"),
    (("field", "rev_has", "paper"), 1_000_000, (0.9, 0.4), "has"),
]
# Fixed sizes of 1024 paper seeds with fan-outs 15, 10: the largest batches and a little.
BATCHES = (
    f"{HETERO} --strategy neighbor --num-neighbors 15,10 --input-nodes paper --batch-size 1024 "
    "--shuffle --drop-last --over-size trim "
    "--num-nodes paper=60096,author=17408,field=6656 "
    "--num-edges author|writes|paper=20608,field|rev_has|paper=10688,paper|cites|paper=28992,"
    "paper|has|field=13056,paper|rev_writes|author=26112"
)
# Rates that are asked for where B has 47 batches a second.
B = 47
TARGETS = {"float32": 40, "float16": 60, "shared": 55}
IN_MEMORY = "--memory-budget 2147483648"
MISSES_PER_S, MISSES_CPU_MS = 12, 150


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


def sampled(bench: Bench) -> None:
    """Batches over TCP in float32 and float16, and out of shared memory, over B (float32, TCP)."""
    with bench.wires(HETERO, *IN_MEMORY.split()) as flags, bench.client() as client:

        def run(*more: str, wire: str = "tcp", seed: int = 1):
            length = f"--warm-up 8 --seconds {2 * bench.seconds}"
            return lambda: client.ask(BATCHES, flags[wire], length, *more, seed=seed)

        kinds = {
            "float32": run(),
            "float16": run("--float16 x"),
            "shared": run(wire="shared"),
            "constant": run(seed=CONSTANT_SEED),
        }
        for wire in ("tcp", "shared"):  # everything in memory
            client.ask(BATCHES, flags[wire], "--batches 100")
        runs = bench.alternate(kinds)
        frame_bytes = runs["float32"][0]["bytes"] // runs["float32"][0]["batches"]
        for kind, target in TARGETS.items():
            compare(
                "sampled", runs, kind, "constant", round(target / B, 3), of="batches_per_s",
                frame_bytes=frame_bytes,
            )  # fmt: skip


def misses(bench: Bench) -> None:
    """The same from a memory budget of a quarter of the graph, beside all of it in memory."""
    with bench.server(bench.data(HETERO)) as server:
        raw_bytes = gf.connect(server.address).dataset(HETERO).info.raw_bytes
    with (
        bench.server(bench.data(HETERO), *IN_MEMORY.split()) as large,
        bench.server(bench.data(HETERO, 1), "--memory-budget", str(raw_bytes // 4)) as small,
        bench.client() as client,
    ):

        def run(server):
            return lambda: client.ask(BATCHES, server.flags, f"--warm-up 8 --seconds {2 * bench.seconds}")

        kinds = {"quarter": run(small), "in_memory": run(large)}
        for server in (large, small):
            client.ask(BATCHES, server.flags, "--batches 100")
        runs = bench.alternate(kinds)
        says = {"raw_bytes": raw_bytes, "budget_bytes": raw_bytes // 4}
        compare("misses", runs, "quarter", "in_memory", of="batches_per_s", **says)
        quarter = runs["quarter"]
        report_figure("misses", "batches_per_s", [run["batches_per_s"] for run in quarter], at_least=MISSES_PER_S)
        cpu = [1e3 * run["server"]["cpu_seconds"] / run["batches"] for run in quarter]
        report_figure("misses", "server_cpu_ms_per_batch", cpu, at_most=MISSES_CPU_MS)


def sampling(bench: Bench) -> None:
    """On one thread: sampling alone, and the stages of whole batches (sampling_benchmark.cc)."""
    command = [bench.program("sampling_benchmark"), "--data_dir", str(bench.data(HETERO)), "--batches=100"]
    for line in subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout.splitlines():
        values = json.loads(line)
        report(values.pop("benchmark"), **values)
