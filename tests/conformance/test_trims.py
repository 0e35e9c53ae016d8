"""Random trimming: what holds for every draw."""

import numpy as np
import pytest
from invariants import assert_padding_is_sound

import graphfeed as gf

SEEDS = 40


def graphs_of(sizes, seed):
    """Random graphs whose nodes and edges carry ids that are unique over all of them."""
    rng = np.random.default_rng(seed)
    node, edge, graphs = 0, 0, []
    for nodes, edges in sizes:
        graphs.append(
            {
                "x": np.arange(node, node + nodes, dtype=np.int64),
                "edge_index": rng.integers(0, nodes, (2, edges)),
                "edge_attr": np.arange(edge, edge + edges, dtype=np.int64),
                "y": np.array([len(graphs)]),
            }
        )
        node, edge = node + nodes, edge + edges
    return graphs


SIZES = [(9, 20), (1, 0), (14, 40), (6, 1), (11, 30)]
TOTAL_NODES = sum(nodes for nodes, _ in SIZES)
TOTAL_EDGES = sum(edges for _, edges in SIZES)


@pytest.fixture(scope="module")
def trimmable(client):
    graphs = graphs_of(SIZES, seed=5)
    client.ingest("trimmable", graphs)
    return graphs, client.dataset("trimmable")


def trimmed_batch(dataset, seed, strategy, num_nodes, num_edges):
    loader = gf.FixedSizeDataLoader(
        dataset,
        fixed_size_options=gf.FixedSizeOptions(num_nodes, num_edges, num_graphs=len(SIZES) + 2),
        over_size_strategy=strategy,
        seed=seed,
    )
    (batch,) = loader
    return batch


def survivors(batch, graphs):
    """(ids of nodes, ids of edges) left of each graph, checked to be in order and intact."""
    nodes, edges = [], []
    graph_of_edge = batch.batch[batch.edge_index[0]]
    for i, graph in enumerate(graphs):
        kept = batch.x[(batch.batch == i) & batch.nodes_mask]
        assert np.isin(kept, graph["x"]).all() and (np.diff(kept) > 0).all()
        nodes.append(kept)
        of_graph = (graph_of_edge == i) & batch.edges_mask
        ids = batch.edge_attr[of_graph]
        assert np.isin(ids, graph["edge_attr"]).all() and (np.diff(ids) > 0).all()
        # The ends are the nodes that the edge had, under their new numbers.
        ends = batch.x[batch.edge_index[:, of_graph]]
        original = graph["x"][graph["edge_index"][:, ids - graph["edge_attr"][:1]]]
        np.testing.assert_array_equal(ends, original)
        edges.append(ids)
    return nodes, edges


def intact_edges(graph, kept):
    """Ids of the edges whose ends are both left."""
    left = np.isin(graph["x"], kept)
    return graph["edge_attr"][left[graph["edge_index"]].all(axis=0)]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_trimmed_nodes(seed, trimmable):
    graphs, dataset = trimmable
    batch = trimmed_batch(dataset, seed, gf.OverSizeStrategy.TrimNodes, 20, 120)
    assert_padding_is_sound(batch)
    nodes, edges = survivors(batch, graphs)
    # One node is left for the padding edges.
    assert sum(map(len, nodes)) == 19
    assert all(len(kept) >= 1 for kept in nodes), "every graph keeps a node"
    for graph, kept, ids in zip(graphs, nodes, edges):
        np.testing.assert_array_equal(ids, intact_edges(graph, kept))
    assert batch.trimmed.nodes == TOTAL_NODES - 19
    assert batch.trimmed.edges == TOTAL_EDGES - sum(map(len, edges))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_trimmed_edges(seed, trimmable):
    graphs, dataset = trimmable
    batch = trimmed_batch(dataset, seed, gf.OverSizeStrategy.TrimEdges, 60, 25)
    assert_padding_is_sound(batch)
    nodes, edges = survivors(batch, graphs)
    assert sum(map(len, edges)) == 25, "the exact size"
    assert [len(kept) for kept in nodes] == [n for n, _ in SIZES], "nodes stay"
    for ids, (_, count) in zip(edges, SIZES):
        assert (len(ids) >= 1) == (count >= 1), "every graph that has edges keeps one"
    assert batch.trimmed.edges == TOTAL_EDGES - 25
    assert batch.trimmed.nodes == 0


@pytest.mark.parametrize("seed", range(SEEDS))
def test_trimmed_nodes_and_edges(seed, trimmable):
    graphs, dataset = trimmable
    batch = trimmed_batch(dataset, seed, gf.OverSizeStrategy.TrimNodesAndEdges, 25, 12)
    assert_padding_is_sound(batch)
    nodes, edges = survivors(batch, graphs)
    num_nodes, num_edges = sum(map(len, nodes)), sum(map(len, edges))
    assert num_nodes in (24, 25) and num_edges <= 12
    assert num_nodes == 24 or num_edges == 12, "padding edges have a padding node"
    for graph, kept, ids in zip(graphs, nodes, edges):
        assert len(kept) >= 1
        possible = intact_edges(graph, kept)
        assert np.isin(ids, possible).all()
        assert len(ids) >= 1 or not len(possible)
    assert batch.trimmed.nodes == TOTAL_NODES - num_nodes
    assert batch.trimmed.edges == TOTAL_EDGES - num_edges


def test_draws_depend_on_the_seed_and_nothing_else(trimmable):
    _, dataset = trimmable
    strategy = gf.OverSizeStrategy.TrimNodesAndEdges
    drawn = [trimmed_batch(dataset, seed, strategy, 20, 12) for seed in (1, 1, 2)]
    assert drawn[0].digest == drawn[1].digest != drawn[2].digest
    np.testing.assert_array_equal(drawn[0].x, drawn[1].x)


@pytest.mark.parametrize("seed", range(10))
def test_every_removable_node_is_removed_at_times(seed, trimmable):
    """No element but the protected ones is safe, and protection itself is drawn."""
    graphs, dataset = trimmable
    left = np.zeros(TOTAL_NODES, int)
    for i in range(30):
        batch = trimmed_batch(dataset, 30 * seed + i, gf.OverSizeStrategy.TrimNodes, 22, 120)
        left[batch.x[batch.nodes_mask]] += 1
    lonely = graphs[1]["x"][0]
    assert left[lonely] == 30, "the only node of a graph stays"
    others = np.delete(left, lonely)
    assert (others < 30).all() and (others > 0).all()


def test_within_limits_nothing_is_trimmed(trimmable):
    graphs, dataset = trimmable
    batch = trimmed_batch(dataset, 0, gf.OverSizeStrategy.TrimNodesAndEdges, 60, 120)
    nodes, edges = survivors(batch, graphs)
    assert sum(map(len, nodes)) == TOTAL_NODES and sum(map(len, edges)) == TOTAL_EDGES
    assert batch.trimmed == gf.Counts(0, 0, 0)


@pytest.mark.parametrize("sizes", [(len(SIZES) - 1, 120), (60, 2)])
def test_fewer_places_than_graphs_are_refused(sizes, trimmable):
    _, dataset = trimmable
    with pytest.raises(RuntimeError):
        trimmed_batch(dataset, 0, gf.OverSizeStrategy.TrimNodesAndEdges, *sizes)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_typed_graphs(seed, ingest, typed):
    options = gf.FixedSizeOptions(
        {"a": 12, "b": 40}, {("a", "to", "b"): 9, ("b", "rev", "a"): 30}, num_graphs=4
    )
    loader = gf.FixedSizeDataLoader(
        typed,
        fixed_size_options=options,
        over_size_strategy=gf.OverSizeStrategy.TrimNodesAndEdges,
        seed=seed,
    )
    (batch,) = loader
    assert_padding_is_sound(batch)
    (real,) = batch.counts
    assert real.nodes["b"] == 3 * 5, "types within the limits are untouched"
    assert real.nodes["a"] in (11, 12) and real.edges["a", "to", "b"] <= 9
    assert (np.bincount(batch["a"].batch[batch["a"].nodes_mask], minlength=3)[:3] >= 1).all()
    assert batch.trimmed.nodes == {"a": 3 * 8 - real.nodes["a"], "b": 0}


@pytest.fixture(scope="module")
def typed(client):
    rng = np.random.default_rng(3)
    graphs = [
        {
            "a": {"x": np.arange(8) + 8 * i},
            "b": {"x": np.arange(5) + 5 * i},
            ("a", "to", "b"): {"edge_index": _random_edges(rng, 8, 5, 14)},
            ("b", "rev", "a"): {"edge_index": _random_edges(rng, 5, 8, 6)},
            "y": np.array([i]),
        }
        for i in range(3)
    ]
    client.ingest("trimmable-typed", graphs)
    return client.dataset("trimmable-typed")


def _random_edges(rng, sources, targets, count):
    return np.stack([rng.integers(0, sources, count), rng.integers(0, targets, count)])
