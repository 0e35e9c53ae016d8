"""What the tests of the folder do with servers and clients."""

from __future__ import annotations

import time

import numpy as np

import graphfeed as gf


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
