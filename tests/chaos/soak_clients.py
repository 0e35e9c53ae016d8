"""The clients of the soak in Python. For each line of its input a client does a round, which is
always the same work, and answers with a line."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator

import numpy as np
import workloads

import graphfeed as gf
from graphfeed import _transport

SMALL = 60  # graphs that the importer imports
# Frames of each dataset in a round, for either client of the package.
FRAMES = {"native": 200, "python": 50}


def frames_of(client: gf.Client, name: str) -> Iterator[gf.Batch]:
    """Epochs without end, over streams that live until the server ends them."""
    for epoch in workloads.loader(client, name).epochs():
        yield from epoch


def reader(client: gf.Client) -> Callable[[], None]:
    """Takes frames of both datasets in turns, so that a round has as many of each."""
    streams = [frames_of(client, name) for name in workloads.DATASETS]

    def round_() -> None:
        for _ in range(FRAMES[_transport.NAME]):
            for stream in streams:
                next(stream)

    return round_


def importer(client: gf.Client) -> Callable[[], None]:
    """Imports a dataset, reads it, and deletes it; between that come streams that are left in the
    middle, and requests that are refused."""
    numbers = itertools.count()

    def graph(number: int) -> dict:
        nodes = 3 + number % 20
        ends = np.arange(nodes)
        return {
            "x": np.full((nodes, 16), number, np.float32),
            "edge_index": np.stack([ends, np.roll(ends, 1)]),
            "y": np.array([number]),
        }

    def round_() -> None:
        number = next(numbers)
        name = f"small-{number % 7}"
        dataset = client.ingest(name, (graph(number + i) for i in range(SMALL)))
        if len(dataset) != SMALL:
            raise AssertionError(f"{dataset} has {len(dataset)} graphs, not {SMALL}")
        seen = [int(y) for batch in gf.DataLoader(dataset, batch_size=7) for y in batch.y]
        if seen != [number + i for i in range(SMALL)]:
            raise AssertionError(f"{dataset} has the graphs {seen}")
        for name_ in workloads.DATASETS:
            epoch = iter(workloads.loader(client, name_))
            for _ in range(3):
                next(epoch)
            epoch.close()
        try:
            client.dataset("nobody")
            raise AssertionError("there is a dataset nobody")
        except gf.errors.NotFound:
            pass
        client.delete(name, all_versions=True)

    return round_


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("role", choices=["reader", "importer"])
    parser.add_argument("address")
    arguments = parser.parse_args()
    make = {"reader": reader, "importer": importer}[arguments.role]
    with gf.connect(arguments.address, timeout=300, retry_timeout=300) as client:
        round_ = make(client)
        for _ in sys.stdin:
            round_()
            print("done", flush=True)


if __name__ == "__main__":
    main()
