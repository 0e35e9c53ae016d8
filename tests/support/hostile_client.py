#!/usr/bin/env python3
"""A client of a server that lies (hostile_server.py): it asks for this and that, by a seed, and looks
at all that it gets.

    hostile_client.py ADDRESS COUNT SEED SECONDS

It stops after COUNT calls, or SECONDS on a machine that is busy with other things.

Prints a line for each call before it, and at the end one of JSON: how often what came of them. Every
error must be graphfeed's; whatever hangs for longer than a minute ends the process with a traceback.
"""

from __future__ import annotations

import argparse
import collections
import faulthandler
import json
import random
import resource
import time
import traceback

import numpy as np

import graphfeed as gf

TIMEOUT = 0.5  # of calls that answer once, seconds
HANG = 60.0
ADDRESS_SPACE = 4 << 30  # with libraries and the stacks of threads, which are a large part of it
MAX_FRAME = 32 << 20


def look_at(batch: gf.Batch, deep: bool) -> None:
    """All that it has. What its tables say of each other may be anything, with a right digest: taking
    it apart may fail, but as an error."""
    repr(batch)
    for _, value in batch.items():
        if isinstance(value, np.ndarray):
            value.sum()
    batch.position, batch.counts, batch.trimmed, batch.digest, batch.is_null, batch.num_micro_batches
    if deep:
        batch.unpadded()
        for part in batch.micro_batches():
            for graph in part.graphs():
                repr(graph)


class Asker:
    """What is asked for. `graphs` and `nodes`: as the datasets were when they were described."""

    def __init__(self, client: gf.Client, random_: random.Random) -> None:
        self._client = client
        self._random = random_
        self._graphs: gf.Dataset | None = None
        self._nodes: gf.Dataset | None = None
        self.kinds = (
            self.describe, self.list, self.info, self.workers, self.packed, self.padded, self.plain,
            self.sampled, self.epochs, self.single, self.plan, self.estimate, self.peek, self.column,
            self.ingest, self.delete,
        )  # fmt: skip

    def _dataset(self) -> gf.Dataset:
        if self._graphs is None or self._random.random() < 0.05:
            self._graphs = self._client.dataset("graphs")
        return self._graphs

    def _single(self) -> gf.Dataset:
        if self._nodes is None or self._random.random() < 0.05:
            self._nodes = self._client.dataset("nodes")
        return self._nodes

    def _read(self, batches) -> None:
        deep = self._random.random() < 0.3
        for number, batch in enumerate(batches):
            look_at(batch, deep)
            if number >= 30:
                break

    def describe(self) -> None:
        dataset = self._client.dataset(self._random.choice(["graphs", "nodes"]))
        repr(dataset), repr(dataset.info), dataset.summary(), dataset.metadata(), len(dataset)
        dataset._repr_html_()

    def list(self) -> None:
        repr(self._client.datasets())

    def info(self) -> None:
        repr(self._client.server_info())

    def workers(self) -> None:
        repr(self._client.workers())

    def packed(self) -> None:
        options = gf.FixedSizeOptions(60, 120, num_graphs=8)
        strategy = self._random.choice(["StreamPack", "Pack"])
        self._read(
            gf.FixedSizeDataLoader(
                self._dataset(), fixed_size_options=options, fixed_size_strategy=strategy, seed=1
            )
        )

    def padded(self) -> None:
        self._read(gf.FixedSizeDataLoader(self._dataset(), batch_size=6, shuffle=True, seed=1))

    def plain(self) -> None:
        self._read(gf.DataLoader(self._dataset(), batch_size=6))

    def sampled(self) -> None:
        self._read(
            gf.NeighborLoader(self._single(), num_neighbors=[3, 2], batch_size=8, shuffle=True, seed=1)
        )

    def epochs(self) -> None:
        loader = gf.DataLoader(self._dataset(), batch_size=16, shuffle=True, seed=1)
        for epoch in loader.epochs(3):
            self._read(epoch)

    def single(self) -> None:
        repr(self._dataset()[self._random.randrange(20)])

    def plan(self) -> None:
        repr(gf.FixedSizeDataLoader(self._dataset(), batch_size=6, seed=1).plan())

    def estimate(self) -> None:
        repr(gf.FixedSizeOptions.from_dataset(self._dataset(), 6))

    def peek(self) -> None:
        look_at(gf.FixedSizeDataLoader(self._dataset(), batch_size=6, seed=1).peek(), deep=True)

    def column(self) -> None:
        self._dataset().column("y")

    def ingest(self) -> None:
        graph = {"x": np.ones((3, 2), np.float32), "edge_index": np.zeros((2, 2), np.int64)}
        self._client.ingest("new", [graph] * self._random.randrange(1, 40))

    def delete(self) -> None:
        self._client.delete("graphs@1")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("count", type=int)
    parser.add_argument("seed", type=int)
    parser.add_argument("seconds", type=float)
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    random_ = random.Random(arguments.seed)
    outcomes: collections.Counter[str] = collections.Counter()
    foreign = []
    clients = [
        gf.connect(
            arguments.address, timeout=TIMEOUT, retry_timeout=retry, encoding=encoding,
            max_frame_bytes=MAX_FRAME,
        )
        for retry, encoding in ((0, "dense"), (0, "compact"), (0.5, "dense"))
    ]  # fmt: skip
    askers = [Asker(client, random_) for client in clients]
    end = time.monotonic() + arguments.seconds
    for number in range(arguments.count):
        if time.monotonic() > end:
            break
        ask = random_.choice(random_.choice(askers[:2] if random_.random() < 0.9 else askers).kinds)
        print(number, ask.__name__, flush=True)
        faulthandler.dump_traceback_later(HANG, exit=True)
        try:
            ask()
            outcomes["OK"] += 1
        except gf.Error as error:
            outcomes[error.code] += 1
            if not error.message or len(str(error)) > 20_000:
                foreign.append(f"{number} {ask.__name__}: {type(error).__name__} of {len(str(error))} characters")
        except Exception:  # noqa: BLE001: told to who started this
            foreign.append(f"{number} {ask.__name__}: {traceback.format_exc()}")
        faulthandler.cancel_dump_traceback_later()
    for client in clients:
        client.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
    print(json.dumps({"outcomes": outcomes, "foreign": foreign, "peak_bytes": peak}), flush=True)


if __name__ == "__main__":
    main()
