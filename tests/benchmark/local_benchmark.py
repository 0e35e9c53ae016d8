#!/usr/bin/python3
"""The same batches over TCP, out of shared memory and within one process, in turns: JSON lines.

    local_benchmark.py --bin BUILD/bin [--qm9 FOLDER] [--rounds 5] [--epochs 8] [--scale 1]

As wire_benchmark.py, whose runs these are, for padded and packed molecules; and for sampled batches
of a heterogeneous graph of 1 M nodes, 10 M edges and 1024 seeds (sampling_benchmark.py; --scale makes
another of so many times the size). "local" is `local:DIR` on the folder of the server beside it:
client_us is the CPU of the whole process then.
"""

import argparse
import pathlib
import sys
import tempfile

from sampling_benchmark import NUM_EDGES, NUM_NODES, generated
from storage_benchmark import collection_of
from wire_benchmark import STRATEGIES, command_line, compare, python, server

import graphfeed as gf

SAMPLED = """
import itertools, json, sys
import graphfeed as gf
address, shared, batches = sys.argv[1:]
def sizes(text):
    pairs = (part.split("=") for part in text.split(";"))
    return {tuple(k.split("|")) if "|" in k else k: int(v) for k, v in pairs}
dataset = gf.connect(address, shared_memory=shared == "True").dataset("papers")
loader = gf.FixedSizeNeighborLoader(
    dataset, num_neighbors=[15, 10], input_nodes="paper", batch_size=1024, shuffle=True, seed=1,
    fixed_size_options=gf.FixedSizeOptions(sizes(NODES), sizes(EDGES), 2))
for _ in range(3):
    count = 0
    for batch in itertools.islice(loader, int(batches)):
        count += 1
        batch["paper"].x
    print(json.dumps({"event": "epoch", "batches": count}), flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--qm9", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--scale", type=float, default=1.0, help="of the sampled graph; 0: none")
    arguments = parser.parse_args()
    binary = arguments.bin / "graphfeed-server"
    with (
        tempfile.TemporaryDirectory() as folder,
        server(binary, f"{folder}/far", "127.0.0.1:0") as (far, far_address),
        server(binary, f"{folder}/near", f"unix:{folder}/socket") as (near, near_address),
    ):
        for address in (far_address, near_address):
            client = gf.connect(address, timeout=600)
            client.ingest("molecules", collection_of(arguments.qm9))
            if arguments.scale > 0:
                client.ingest("papers", generated(arguments.scale))
        wires = {
            "tcp": (far, far_address, False),
            "shared": (near, near_address, True),
            "local": (None, f"local:{folder}/near", False),
        }
        for strategy in STRATEGIES:
            compare(
                "local", wires,
                lambda *to, strategy=strategy: command_line(
                    arguments.bin / "graphfeed", *to, strategy, arguments.epochs
                ),
                arguments.rounds, client="c++", strategy=strategy,
            )  # fmt: skip
            compare(
                "local", wires,
                lambda *to, strategy=strategy: python(*to, strategy, arguments.epochs),
                arguments.rounds, client="python", strategy=strategy,
            )  # fmt: skip
        if arguments.scale > 0:
            code = SAMPLED.replace("NODES", repr(NUM_NODES)).replace("EDGES", repr(NUM_EDGES))
            compare(
                "local", wires,
                lambda address, shared: [sys.executable, "-c", code, address, str(shared), "100"],
                arguments.rounds, client="python", strategy="neighbor",
            )  # fmt: skip


if __name__ == "__main__":
    main()
