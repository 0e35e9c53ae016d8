"""Graphs for the tests of sampled loaders, and what holds for every sampled batch."""

import warnings

import numpy as np

import graphfeed as gf

TO_DIRECTOR = ("movie", "to", "director")
FROM_DIRECTOR = ("director", "to", "movie")
SEQUEL = ("movie", "follows", "movie")
EDGE_TYPES = [TO_DIRECTOR, FROM_DIRECTOR, SEQUEL]


def homogeneous(num_nodes=60, num_edges=400, seed=0):
    """Node i has x = y = i, edge i has edge_attr = i. Loops and repeated edges are among them."""
    rng = np.random.default_rng(seed)
    ids = np.arange(num_nodes)
    return {
        "x": ids[:, None].astype(np.float32),
        "y": ids,
        "time": ids % 7,
        "train_mask": ids % 3 == 0,
        "edge_index": rng.integers(0, num_nodes, (2, num_edges)),
        "edge_attr": np.arange(num_edges),
        "weight": (np.arange(num_edges) % 4).astype(np.float32),
    }


def heterogeneous(seed=0):
    """Movies, each with a director, some of which have many; sequels; studios without edges."""
    rng = np.random.default_rng(seed)
    movies, directors = 50, 12
    director_of = rng.integers(0, 1 + rng.integers(0, directors, movies))
    forward = np.stack([np.arange(movies), director_of])
    return {
        "movie": {
            "x": np.arange(movies, dtype=np.float32)[:, None],
            "y": np.arange(movies),
            "time": rng.integers(0, 9, movies),
            "train_mask": np.arange(movies) % 4 != 0,
        },
        "director": {"x": np.arange(directors, dtype=np.float32)[:, None]},
        "studio": {"num_nodes": 3},
        TO_DIRECTOR: {"edge_index": forward},
        FROM_DIRECTOR: {"edge_index": forward[::-1].copy()},
        SEQUEL: {
            "edge_index": rng.integers(0, movies, (2, 90)),
            "edge_attr": np.arange(90, dtype=np.float32),
        },
    }


HOMOGENEOUS = homogeneous()
TYPED = heterogeneous()


def plain(dataset, **arguments):
    """Neighbourhoods of five seeds, with their own sizes."""
    return gf.NeighborLoader(
        dataset, **({"num_neighbors": [3, 2], "batch_size": 5, "seed": 0} | arguments)
    )


def fixed(dataset, **arguments):
    """The same in batches of 150 nodes and 300 edges of each type."""
    defaults = {
        "num_neighbors": [3, 2],
        "batch_size": 5,
        "fixed_size_options": gf.FixedSizeOptions(150, 300),
        "seed": 0,
    }
    return gf.FixedSizeNeighborLoader(dataset, **(defaults | arguments))


def quietly(loader):
    """The batches of an epoch, without the hint that some are null."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(loader)


def stores(graph, batch):
    """(node stores of graph and batch by type, edge stores likewise)."""
    if not batch.node_types:
        return {"": (graph, batch)}, {("", "", ""): (graph, batch)}
    nodes = {t: (graph[t], batch[t]) for t in batch.node_types}
    return nodes, {t: (graph[t], batch[t]) for t in batch.edge_types}


def real(batch):
    """Real nodes by type and edges by type of a batch of one micro-batch."""
    (counts,) = batch.counts
    if batch.node_types:
        return counts.nodes, counts.edges
    return {"": counts.nodes}, {("", "", ""): counts.edges}


def assert_from_graph(graph, batch):
    """Rows are those of n_id and e_id, and edges connect what they connect in the graph."""
    num_nodes, num_edges = real(batch)
    nodes, edges = stores(graph, batch)
    for node_type, (whole, part) in nodes.items():
        n_id = part.n_id[: num_nodes[node_type]]
        for name in set(whole) & {"x", "y", "time", "train_mask"}:
            np.testing.assert_array_equal(part[name][: len(n_id)], whole[name][n_id], name)
    for edge_type, (whole, part) in edges.items():
        count = num_edges[edge_type]
        e_id, index = part.e_id[:count], part.edge_index[:, :count]
        assert len(set(e_id.tolist())) <= count
        for name in set(whole) & {"edge_attr", "weight"}:
            np.testing.assert_array_equal(part[name][:count], whole[name][e_id], name)
        for end, end_type in ((0, edge_type[0]), (1, edge_type[2])):
            n_id = nodes[end_type][1].n_id
            np.testing.assert_array_equal(n_id[index[end]], whole["edge_index"][end][e_id])


def hops_of(graph, batch, seed_type):
    """By type: in which hop each real node was found (0: a seed), from the edges alone."""
    num_nodes, num_edges = real(batch)
    nodes, edges = stores(graph, batch)
    far = 10**6
    hops = {t: np.full(num_nodes[t], far) for t in nodes}
    store = nodes[seed_type][1]
    hops[seed_type][: store.batch_size] = 0
    for _ in range(10):
        for edge_type, (_, part) in edges.items():
            index = part.edge_index[:, : num_edges[edge_type]]
            np.minimum.at(hops[edge_type[0]], index[0], hops[edge_type[2]][index[1]] + 1)
    return hops
