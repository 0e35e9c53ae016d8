"""What the tests of servers on a pool of Ceph RADOS ask of them and of the pool."""

from __future__ import annotations

import os
import threading
import time
import urllib.error
import urllib.request

import numpy as np

import graphfeed as gf

LONG = "GRAPHFEED_LONG" in os.environ
STREAMS = 4


def graphs(seed: int, count: int = 200, width: int = 8) -> gf.Collection:
    rng = np.random.default_rng(seed)
    nodes = rng.integers(3, 20, count)
    edges = 2 * nodes
    ends = rng.random((2, edges.sum())) * np.repeat(nodes, edges)
    return gf.Collection(
        nodes={"x": rng.random((nodes.sum(), width), np.float32)},
        edges={"edge_index": ends.astype(np.int64)},
        graphs={"y": np.arange(count)},
        node_ptr=np.concatenate([[0], np.cumsum(nodes)]),
        edge_ptr=np.concatenate([[0], np.cumsum(edges)]),
    )


def versions(client: gf.Client) -> list[str]:
    return sorted(f"{info.name}@{info.version}" for info in client.datasets())


def wait_for(condition, seconds: float = 30):
    """What the condition gives once it gives something; AssertionError after so long."""
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
    return result


def metric(server, name: str) -> float:
    return server.readings()[name]


def ready(server) -> str | None:
    """None: it is; otherwise why it is not."""
    try:
        urllib.request.urlopen(f"http://{server.metrics}/readyz", timeout=60).close()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    return None


def entries(ceph, space: str, name: str) -> dict[str, bytes]:
    """Of an object that is a map."""
    import rados

    found: dict[str, bytes] = {}
    with ceph.io(space) as io:
        while True:
            with rados.ReadOpCtx() as op:
                page, _ = io.get_omap_vals(op, max(found, default=""), "", 1000)
                io.operate_read_op(op, name)
                more = dict(page)
            if not more:
                return found
            found.update(more)


def objects(ceph, space: str) -> set[str]:
    """Those of columns."""
    with ceph.io(space) as io:
        return {item.key for item in io.list_objects()} - {"records", "columns"}


def stored_columns(ceph, space: str) -> set[str]:
    """Those of which anything is stored or listed; the two are read at two moments, between which a
    sweep that goes on may remove either."""
    return {name.split(".")[0] for name in objects(ceph, space)} | set(entries(ceph, space, "columns"))


def loader(client: gf.Client, name: str) -> gf.FixedSizeDataLoader:
    return gf.FixedSizeDataLoader(
        client.dataset(name),
        fixed_size_options=gf.FixedSizeOptions(num_nodes=200, num_edges=400, num_graphs=20),
        fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
        shuffle=True,
        seed=3,
    )


def digests(client: gf.Client, name: str) -> list[int]:
    return [batch.digest for batch in loader(client, name)]


def longest_stall(client: gf.Client, name: str, seconds: float, act) -> float:
    """Of STREAMS at a time, each of which is followed by another one for so long, with `act` after a
    second; all of them are as one that was read before."""
    expected = digests(client, name)
    stalls = [0.0] * STREAMS
    errors: list[BaseException] = []
    begin = time.monotonic()

    def read(which: int) -> None:
        last = time.monotonic()
        try:
            while last - begin < seconds:
                got = []
                for batch in loader(client, name):
                    got.append(batch.digest)
                    now = time.monotonic()
                    stalls[which] = max(stalls[which], now - last)
                    last = now
                assert got == expected
        except BaseException as error:  # for the test's thread
            errors.append(error)

    threads = [threading.Thread(target=read, args=(which,)) for which in range(STREAMS)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    act()
    for thread in threads:
        thread.join()
    assert not errors, errors
    return max(stalls)
