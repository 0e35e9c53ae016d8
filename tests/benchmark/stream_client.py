#!/usr/bin/python3
"""stream_client.cc in Python, for whole graphs and sampled nodes: each line of the input asks for a
stream, a line of JSON answers. A server within this process (local:DIR) has no --server-pid. Batches are taken as a training loop takes them."""

import argparse
import functools
import json
import os
import pathlib
import re
import sys
import time

import graphfeed as gf

STRATEGIES = {"pad": gf.FixedSizeStrategy.PadToMax, "best-pack": gf.FixedSizeStrategy.Pack}


def counters(pid: int) -> dict:
    """As process_counters.h."""
    folder = pathlib.Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
    switches = 0
    for status in folder.glob("task/*/status"):
        switches += sum(map(int, re.findall(r"voluntary_ctxt_switches:\s+(\d+)", status.read_text())))
    return {
        # The kernel's number for the clock of a process (clock_getcpuclockid).
        "cpu_seconds": time.clock_gettime((~pid << 3) | 2),
        "minor_faults": int(fields[7]),
        "context_switches": switches,
    }


def sizes(text: str) -> int | dict:
    """NUMBER, or TYPE=NUMBER,TYPE=NUMBER; edge types are source|relation|target."""
    if "=" not in text:
        return int(text)
    pairs = (part.split("=") for part in text.split(","))
    return {tuple(key.split("|")) if "|" in key else key: int(size) for key, size in pairs}


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser()
    flags.add_argument("dataset")
    flags.add_argument("--server")
    flags.add_argument("--server-pid", type=int)
    flags.add_argument("--no-shared-memory", action="store_true")
    flags.add_argument("--strategy", choices=[*STRATEGIES, "neighbor"])
    for name in ("--batch-size", "--num-graphs"):
        flags.add_argument(name, type=int)
    for name in ("--num-nodes", "--num-edges"):
        flags.add_argument(name, type=sizes)
    flags.add_argument("--num-neighbors", type=lambda text: [int(part) for part in text.split(",")])
    flags.add_argument("--input-nodes")
    flags.add_argument("--over-size", choices=["trim"])
    flags.add_argument("--shuffle", action="store_true")
    flags.add_argument("--drop-last", action="store_true")
    flags.add_argument("--seed", type=int)
    flags.add_argument("--warm-up", type=int, default=0)
    flags.add_argument("--seconds", type=float, default=1)
    flags.add_argument("--batches", type=int, default=0)
    return flags


@functools.cache
def connection(address: str, shared_memory: bool) -> gf.Client:
    return gf.connect(address, shared_memory=shared_memory)


class Taken:
    """Batches of endless epochs, over one stream."""

    def __init__(self, loader: "gf.FixedSizeDataLoader | gf.FixedSizeNeighborLoader") -> None:
        self._batches = (batch for epoch in loader.epochs() for batch in epoch)

    def take(self) -> gf.Batch:
        batch = next(self._batches)
        if batch.node_types:
            for node_type in batch.node_types:
                batch[node_type].x
            return batch
        batch.x, batch.edge_index, batch.edge_attr, batch.y, batch.batch, batch.nodes_mask
        return batch

    def close(self) -> None:
        self._batches.close()


def loader_of(dataset: gf.Dataset, flags: argparse.Namespace):
    if flags.strategy == "neighbor":
        return gf.FixedSizeNeighborLoader(
            dataset,
            num_neighbors=flags.num_neighbors,
            input_nodes=flags.input_nodes,
            batch_size=flags.batch_size,
            fixed_size_options=gf.FixedSizeOptions(flags.num_nodes, flags.num_edges, 2),
            shuffle=flags.shuffle,
            drop_last=flags.drop_last,
            seed=flags.seed,
        )
    graphs = flags.batch_size or flags.num_graphs
    return gf.FixedSizeDataLoader(
        dataset,
        fixed_size_options=gf.FixedSizeOptions(flags.num_nodes, flags.num_edges, graphs),
        fixed_size_strategy=STRATEGIES[flags.strategy],
        shuffle=flags.shuffle,
        seed=flags.seed,
    )


def server_counters(pid: "int | None") -> dict:
    return counters(pid) if pid else {"cpu_seconds": 0.0, "minor_faults": 0, "context_switches": 0}


def measure(flags: argparse.Namespace) -> dict:
    dataset = connection(flags.server, not flags.no_shared_memory).dataset(flags.dataset)
    loader = loader_of(dataset, flags)
    asked = time.monotonic()
    batches = Taken(loader)
    first = 0.0
    for number in range(flags.warm_up):
        batches.take()
        if number == 0:
            first = time.monotonic() - asked
    server, own = server_counters(flags.server_pid), counters(os.getpid())
    begin = time.monotonic()
    count = 0
    while count < flags.batches if flags.batches else time.monotonic() - begin < flags.seconds:
        batch = batches.take()
        count += 1
    end = time.monotonic()
    own_after, server_after = counters(os.getpid()), server_counters(flags.server_pid)
    batches.close()
    return {
        "batches": count,
        "bytes": count * sum(array.nbytes for _, array in batch.items()),
        "seconds": end - begin,
        "first_seconds": first,
        "warm_up_seconds": begin - asked,
        "client": {key: own_after[key] - own[key] for key in own},
        "server": {key: server_after[key] - server[key] for key in server},
    }


def main() -> None:
    flags = parser()
    for line in sys.stdin:
        print(json.dumps(measure(flags.parse_args(line.split()))), flush=True)


if __name__ == "__main__":
    main()
