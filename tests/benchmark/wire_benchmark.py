#!/usr/bin/python3
"""The same batches over TCP, a Unix socket and shared memory, in turns: JSON lines.

    wire_benchmark.py --bin BUILD/bin [--qm9 FOLDER] [--rounds 5] [--epochs 8]

Two servers on this host, one behind TCP and one behind a Unix socket, hold QM9 (the folder's raw
arrays, or without it as many generated molecules) and stream padded batches of 128 and packed ones
of the same sizes to the command line (C++) and to Python. For each client, strategy and wire: the
median of batches a second over the rounds, and CPU microseconds of both processes for a batch, the
median too; then the ratios to TCP of the same rounds. A run's first epoch does not count.
"""

import argparse
import contextlib
import json
import os
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from storage_benchmark import collection_of, report

import graphfeed as gf

SIZES = (3712, 7168, 128)
STRATEGIES = {"pad": gf.FixedSizeStrategy.PadToMax, "best-pack": gf.FixedSizeStrategy.Pack}
READER = """
import json, sys
import graphfeed as gf
address, shared, strategy, nodes, edges, graphs, epochs = sys.argv[1:]
dataset = gf.connect(address, shared_memory=shared == "True").dataset("molecules")
loader = gf.FixedSizeDataLoader(
    dataset, fixed_size_options=gf.FixedSizeOptions(int(nodes), int(edges), int(graphs)),
    fixed_size_strategy=strategy, shuffle=True, seed=1)
for _ in range(int(epochs)):
    batches = 0
    for batch in loader:
        batches += 1
        batch.x, batch.edge_index, batch.batch, batch.nodes_mask
    print(json.dumps({"event": "epoch", "batches": batches}), flush=True)
"""


@contextlib.contextmanager
def server(binary: pathlib.Path, folder: str, address: str):
    process = subprocess.Popen(
        [binary, "--data-dir", folder, "--listen", address], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, re.search(r"listening on (\S+)", process.stdout.readline()).group(1)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


def cpu_seconds(process: subprocess.Popen | None) -> float:
    if process is None:  # the client serves itself
        return 0.0
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command: list[str], process: subprocess.Popen | None) -> dict[str, float]:
    """One run of a client behind its first epoch, in which a process that serves itself reads its
    data: batches a second, and the CPU of both sides for a batch."""
    marks = []
    with subprocess.Popen(["stdbuf", "-oL", *command], stdout=subprocess.PIPE, text=True) as client:
        for line in client.stdout:
            if (said := json.loads(line))["event"] != "epoch":
                continue
            marks.append((time.perf_counter(), cpu_seconds(client), cpu_seconds(process), said["batches"]))
    if client.returncode != 0 or len(marks) < 2:
        raise SystemExit(f"{command} ended with {client.returncode} after {len(marks)} epochs")
    batches = sum(mark[3] for mark in marks[1:])
    seconds, used, served = (last - first for first, last in zip(marks[0][:3], marks[-1][:3], strict=True))
    return {
        "batches_per_s": batches / seconds,
        "client_us": used / batches * 1e6,
        "server_us": served / batches * 1e6,
    }


def command_line(binary: pathlib.Path, address: str, shared: bool, strategy: str, epochs: int) -> list[str]:
    nodes, edges, graphs = map(str, SIZES)
    return [
        str(binary), "stream", "molecules", "--server", address, "--strategy", strategy, "--num-nodes", nodes,
        "--num-edges", edges, "--batch-size" if strategy == "pad" else "--num-graphs", graphs, "--shuffle",
        "--seed", "1", "--epochs", str(epochs), "--json", *([] if shared else ["--no-shared-memory"]),
    ]  # fmt: skip


def python(address: str, shared: bool, strategy: str, epochs: int) -> list[str]:
    name = STRATEGIES[strategy].name
    return [sys.executable, "-c", READER, address, str(shared), name, *map(str, SIZES), str(epochs)]


def compare(benchmark: str, wires: dict, command, rounds: int, **what) -> None:
    """Runs `command(address, shared)` over each wire {name: (process, address, shared)} in turns, and
    reports medians and the ratio to TCP."""
    runs = {wire: [] for wire in wires}
    for number in range(rounds + 1):
        for wire, (process, address, shared) in wires.items():
            run = measure(command(address, shared), process)
            if number > 0:  # the first one warms up
                runs[wire].append(run)
    for wire, measured in runs.items():
        medians = {key: round(statistics.median(run[key] for run in measured), 1) for key in measured[0]}
        against = statistics.median(
            run["batches_per_s"] / tcp["batches_per_s"]
            for run, tcp in zip(measured, runs["tcp"], strict=True)
        )
        report(benchmark, **what, wire=wire, **medians, of_tcp=round(against, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--qm9", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    arguments = parser.parse_args()
    binary = arguments.bin / "graphfeed-server"
    with (
        tempfile.TemporaryDirectory() as folder,
        server(binary, f"{folder}/far", "127.0.0.1:0") as (far, far_address),
        server(binary, f"{folder}/near", f"unix:{folder}/socket") as (near, near_address),
    ):
        for address in (far_address, near_address):
            gf.connect(address, timeout=600).ingest("molecules", collection_of(arguments.qm9))
        wires = {
            "tcp": (far, far_address, False),
            "unix": (near, near_address, False),
            "shared": (near, near_address, True),
        }
        for client in ("c++", "python"):
            for strategy in STRATEGIES:

                def command(address: str, shared: bool, client=client, strategy=strategy) -> list[str]:
                    if client == "python":
                        return python(address, shared, strategy, arguments.epochs)
                    return command_line(arguments.bin / "graphfeed", address, shared, strategy, arguments.epochs)

                compare("wire", wires, command, arguments.rounds, client=client, strategy=strategy)


if __name__ == "__main__":
    main()
