"""A molecule-like dataset that needs no download: sizes and features drawn as those of small
organic molecules are, from a fixed seed."""

import numpy as np

from graphfeed.ingest import Collection


def molecules(num_graphs: int = 20_000, seed: int = 0) -> Collection:
    """Random trees with a few rings, as one `graphfeed.Collection`.

    Columns: x float32 [n, 11] (one-hot element, hydrogen count and so on), edge_index int64 [2, e]
    (both directions, sorted by source), edge_attr float32 [e, 4] (one-hot bond type), y float32
    [1, 2] of a graph. Nodes per graph: mean 18, 3 to 29; directed edges: mean 37.
    """
    rng = np.random.default_rng(seed)
    num_nodes = np.clip(np.rint(rng.normal(18.0, 2.9, num_graphs)), 3, 29).astype(np.int64)
    rings = np.where(num_nodes > 4, np.minimum(rng.poisson(1.6, num_graphs), 3), 0)
    node_ptr = np.concatenate([[0], np.cumsum(num_nodes)])
    total = int(node_ptr[-1])
    graph_of = np.repeat(np.arange(num_graphs), num_nodes)
    position = np.arange(total) - node_ptr[graph_of]

    # A tree: each node but the first hangs on one of the four nodes before it.
    child = position > 0
    parent = position - 1 - (rng.random(total) * np.minimum(np.maximum(position, 1), 4)).astype(int)
    parent = np.maximum(parent, 0)
    # Rings: a bond from a random node to the one six places on, where there is one.
    ring_graph = np.repeat(np.arange(num_graphs), rings)
    ring_from = (rng.random(len(ring_graph)) * num_nodes[ring_graph]).astype(np.int64)
    ring_to = ring_from + 5
    kept = ring_to < num_nodes[ring_graph]
    bonds = np.stack(
        [
            np.concatenate([graph_of[child], ring_graph[kept]]),
            np.concatenate([parent[child], ring_from[kept]]),
            np.concatenate([position[child], ring_to[kept]]),
        ]
    )
    bonds = np.unique(bonds, axis=1)
    kind = rng.choice(4, bonds.shape[1], p=[0.9, 0.04, 0.02, 0.04])
    graph = np.concatenate([bonds[0], bonds[0]])
    source = np.concatenate([bonds[1], bonds[2]])
    target = np.concatenate([bonds[2], bonds[1]])
    kind = np.concatenate([kind, kind])
    order = np.lexsort((target, source, graph))
    edge_ptr = np.concatenate([[0], np.cumsum(np.bincount(graph, minlength=num_graphs))])

    element = rng.choice(5, total, p=[0.51, 0.35, 0.06, 0.07, 0.01])
    x = np.zeros((total, 11), np.float32)
    x[np.arange(total), element] = 1
    x[:, 5] = np.array([1, 6, 7, 8, 9], np.float32)[element]
    x[:, 10] = rng.integers(0, 4, total)
    y = np.stack([np.bincount(graph_of, x[:, 5]), rng.normal(6.8, 1.3, num_graphs)], axis=1)
    return Collection(
        nodes={"x": x},
        edges={
            "edge_index": np.stack([source[order], target[order]]),
            "edge_attr": np.eye(4, dtype=np.float32)[kind[order]],
        },
        graphs={"y": y.astype(np.float32)},
        node_ptr=node_ptr,
        edge_ptr=edge_ptr,
    )
