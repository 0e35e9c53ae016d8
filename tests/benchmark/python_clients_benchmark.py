#!/usr/bin/python3
"""The two clients of the Python package, native and in Python alone, in turns: JSON lines.

    python_clients_benchmark.py --bin BUILD/bin [--qm9 FOLDER] [--graph-nodes 300000] [--rounds 5] [--seconds 4]

One server on this host, behind TCP, streams padded batches of 128 molecules (QM9's raw arrays in the
folder, or generated ones) and large batches sampled from one graph (1024 seeds, 15 and 10
neighbours, 128 features). For each of them and each client: the median of batches a second over the
rounds, and CPU microseconds of the client and of the server for a batch, the median too; then the
ratio to the native client of the same rounds.
"""

import argparse
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile

import numpy as np
from sampling_benchmark import power_law
from storage_benchmark import collection_of, report, server

import graphfeed as gf

CLIENTS = ("native", "python")
READER = """
import json, sys, time
import graphfeed as gf
address, kind, compact, seconds = sys.argv[1:]
client = gf.connect(address, timeout=600, encoding="compact" if compact == "True" else "dense")
dataset = client.dataset(kind)
if kind == "molecules":
    loader = gf.FixedSizeDataLoader(
        dataset, fixed_size_options=gf.FixedSizeOptions(3712, 7168, 128), shuffle=True, seed=1)
else:
    loader = gf.NeighborLoader(dataset, [15, 10], batch_size=1024, shuffle=True, seed=1)
batches = size = 0
begin = None
for epoch in loader.epochs():
    for batch in epoch:
        batch.x, batch.edge_index
        now = time.perf_counter()
        if begin is None:  # the stream is under way
            begin, cpu = now, time.process_time()
            continue
        batches += 1
        size += batch._source.nbytes
        if now - begin > float(seconds):
            break
    else:
        continue
    break
print(json.dumps({"batches": batches, "bytes": size / batches, "seconds": now - begin,
                  "cpu": time.process_time() - cpu}))
"""


def sampled_graph(nodes: int, edges: int) -> dict:
    random = np.random.default_rng(7)
    ends = [power_law(random, nodes, edges, exponent) for exponent in (0.5, 0.7)]
    return {
        "x": random.standard_normal((nodes, 128), dtype=np.float32),
        "edge_index": np.stack(ends),
        "y": random.integers(0, 100, nodes),
    }


def server_cpu(process: subprocess.Popen) -> float:
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(process: subprocess.Popen, client: str, *arguments: str) -> dict[str, float]:
    served = server_cpu(process)
    done = subprocess.run(
        [sys.executable, "-c", READER, *arguments],
        env={**os.environ, "GRAPHFEED_CLIENT": client},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    return {
        "batches_per_s": said["batches"] / said["seconds"],
        "client_us": said["cpu"] / said["batches"] * 1e6,
        "server_us": (server_cpu(process) - served) / said["batches"] * 1e6,
        "batch_kb": said["bytes"] / 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--qm9", type=pathlib.Path)
    parser.add_argument("--graph-nodes", type=int, default=300_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, server(
        arguments.bin / "graphfeed-server", folder, 8 << 30
    ) as (process, client):
        client.ingest("molecules", collection_of(arguments.qm9))
        client.ingest("sampled", sampled_graph(arguments.graph_nodes, 8 * arguments.graph_nodes))
        address = client.endpoints[0]
        for kind, compact in (("molecules", False), ("molecules", True), ("sampled", False)):
            runs = {name: [] for name in CLIENTS}
            for number in range(arguments.rounds + 1):
                for name in CLIENTS:
                    run = measure(process, name, address, kind, str(compact), str(arguments.seconds))
                    if number > 0:  # the first one warms up
                        runs[name].append(run)
            for name, measured in runs.items():
                medians = {
                    key: round(statistics.median(run[key] for run in measured), 1)
                    for key in measured[0]
                }
                against = statistics.median(
                    run["batches_per_s"] / native["batches_per_s"]
                    for run, native in zip(measured, runs["native"])
                )
                report(
                    "python_clients",
                    batches=kind,
                    encoding="compact" if compact else "dense",
                    client=name,
                    **medians,
                    of_native=round(against, 2),
                )


if __name__ == "__main__":
    main()
