"""How neighbourhoods are sampled, on generated graphs, from a real server."""

import numpy as np
import pytest
import sampled_graphs
from sampled_graphs import (
    FROM_DIRECTOR,
    HOMOGENEOUS,
    SEQUEL,
    TO_DIRECTOR,
    TYPED,
    assert_from_graph,
    fixed,
    plain,
)

import graphfeed as gf


def test_hop_rules(graph):
    dataset, whole, seeds, _ = graph
    seed_type = "" if dataset.info.collection or not dataset.info.heterogeneous else "movie"
    for batch in plain(dataset, num_neighbors=[3, 2], **seeds):
        hops = sampled_graphs.hops_of(whole, batch, seed_type)
        _, edges = sampled_graphs.stores(whole, batch)
        nodes, _ = sampled_graphs.stores(whole, batch)
        for edge_type, (stored, part) in edges.items():
            target = edge_type[2]
            n_id = nodes[target][1].n_id
            taken = np.bincount(part.edge_index[1], minlength=len(n_id))
            degree = np.bincount(stored["edge_index"][1], minlength=n_id.max(initial=0) + 1)
            for node, hop in enumerate(hops[target]):
                fanout = [3, 2][hop] if hop < 2 else 0
                assert taken[node] == min(fanout, degree[n_id[node]])
            assert len(set(part.e_id.tolist())) == len(part.e_id)


def test_fanouts_by_edge_type(typed):
    fanouts = {TO_DIRECTOR: [0, 0], FROM_DIRECTOR: [1, 1], SEQUEL: [0, 2]}
    for batch in plain(typed, num_neighbors=fanouts, input_nodes="movie"):
        assert batch[TO_DIRECTOR].num_edges == batch[SEQUEL].num_edges == 0
        assert batch[FROM_DIRECTOR].num_edges == batch["movie"].batch_size
        assert_from_graph(TYPED, batch)


def test_replacement_takes_as_many_as_asked(homogeneous):
    for batch in plain(homogeneous, num_neighbors=[20], replace=True):
        degree = np.bincount(HOMOGENEOUS["edge_index"][1], minlength=60)[batch.n_id]
        taken = np.bincount(batch.edge_index[1], minlength=batch.num_nodes)
        wanted = np.where(degree[: batch.batch_size] > 0, 20, 0)
        np.testing.assert_array_equal(taken[: batch.batch_size], wanted)
        assert_from_graph(HOMOGENEOUS, batch)


def test_induced_subgraphs_hold_all_edges_between_their_nodes(graph):
    dataset, whole, seeds, _ = graph
    for batch in plain(dataset, subgraph_type="induced", **seeds):
        assert_from_graph(whole, batch)
        nodes, edges = sampled_graphs.stores(whole, batch)
        for edge_type, (stored, part) in edges.items():
            inside = np.isin(stored["edge_index"][0], nodes[edge_type[0]][1].n_id)
            inside &= np.isin(stored["edge_index"][1], nodes[edge_type[2]][1].n_id)
            assert sorted(part.e_id.tolist()) == np.flatnonzero(inside).tolist()


def test_bidirectional_subgraphs_hold_the_reverses(homogeneous):
    for batch in plain(homogeneous, subgraph_type="bidirectional"):
        pairs = set(map(tuple, batch.edge_index.T.tolist()))
        assert len(pairs) == batch.num_edges
        assert {(b, a) for a, b in pairs} == pairs


def test_bidirectional_subgraphs_take_the_only_type_that_leads_back(typed):
    forward, back = sampled_graphs.TO_DIRECTOR, sampled_graphs.FROM_DIRECTOR
    for batch in plain(typed, subgraph_type="bidirectional", input_nodes="movie"):
        pairs = [set(map(tuple, batch[t].edge_index.T.tolist())) for t in (forward, back)]
        assert {(b, a) for a, b in pairs[0]} == pairs[1]
        assert batch[forward].e_id.tolist() != [] or not pairs[0]


def test_disjoint_trees_share_no_node(graph):
    dataset, whole, seeds, store = graph
    for batch in plain(dataset, disjoint=True, **seeds):
        assert_from_graph(whole, batch)
        nodes, edges = sampled_graphs.stores(whole, batch)
        for edge_type, (_, part) in edges.items():
            source = nodes[edge_type[0]][1].batch[part.edge_index[0]]
            target = nodes[edge_type[2]][1].batch[part.edge_index[1]]
            np.testing.assert_array_equal(source, target)
        size = store(batch).batch_size
        assert store(batch).batch[:size].tolist() == list(range(size))
        for _, part in nodes.values():
            named = list(zip(part.batch.tolist(), part.n_id.tolist()))
            assert len(set(named)) == len(named)


def test_padded_disjoint_trees(homogeneous):
    for batch, unpadded in zip(
        fixed(homogeneous, disjoint=True), plain(homogeneous, disjoint=True), strict=True
    ):
        real = batch.counts[0].nodes
        np.testing.assert_array_equal(batch.tree[:real], unpadded.batch)
        assert batch.ptr.tolist() == [0, real, 150]


@pytest.mark.parametrize("strategy", ["uniform", "last"])
def test_temporal_batches_never_look_ahead(strategy, homogeneous, typed):
    for dataset, whole, seeds in (
        (homogeneous, HOMOGENEOUS, {}), (typed, TYPED, {"input_nodes": "movie"})
    ):  # fmt: skip
        loader = plain(
            dataset, time_attr="time", temporal_strategy=strategy, num_neighbors=[4, 4], **seeds
        )
        for batch in loader:
            store = batch["movie"] if dataset is typed else batch
            seed_time = store.time[: store.batch_size]
            assert (store.time <= seed_time[store.batch]).all()
            assert_from_graph(whole, batch)


def test_seeds_may_have_other_times(homogeneous):
    times = np.zeros(60, int)
    for batch in plain(homogeneous, time_attr="time", input_time=times, num_neighbors=[-1]):
        neighbours = batch.n_id[batch.batch_size :]
        assert (HOMOGENEOUS["time"][neighbours] == 0).all()
    # All edges of the earliest sources are there.
    (batch,) = plain(
        homogeneous, time_attr="time", input_time=[0], num_neighbors=[-1], input_nodes=[13]
    )
    source, target = HOMOGENEOUS["edge_index"]
    early = (target == 13) & (HOMOGENEOUS["time"][source] == 0)
    assert sorted(batch.e_id.tolist()) == np.flatnonzero(early).tolist()


def test_edges_of_weight_zero_are_never_drawn(homogeneous):
    for batch in plain(homogeneous, weight_attr="weight", num_neighbors=[3, 3]):
        assert (batch.weight > 0).all()
        assert_from_graph(HOMOGENEOUS, batch)


@pytest.mark.parametrize("arguments, message", [
    ({"time_attr": "nope"}, 'time_attr names "nope", which is no node column'),
    ({"time_attr": "x"}, "time_attr: column 'x' has rows of 1 float32; it must have one integer"),
    ({"time_attr": "weight"}, '"weight", which is a column of level edge; it takes one of level'),
    ({"weight_attr": "nope"}, 'weight_attr names "nope", which is no edge column'),
    ({"weight_attr": "time"}, '"time", which is a column of level node; it takes one of level'),
    ({"weight_attr": "edge_attr"}, "weight_attr: column 'edge_attr' has rows of 1 int64"),
])
def test_the_server_checks_columns(arguments, message, homogeneous):
    with pytest.raises(gf.Error, match=message):
        list(plain(homogeneous, **arguments))


def test_no_hops_are_the_seeds_alone(graph):
    dataset, _, seeds, store = graph
    for batch in plain(dataset, num_neighbors=[], **seeds):
        assert batch.num_nodes == store(batch).batch_size and batch.num_edges == 0


def test_a_subgraph_of_given_nodes(homogeneous, typed):
    nodes = [40, 2, 17, 33, 5]
    part = homogeneous.subgraph(nodes)
    assert part.n_id.tolist() == nodes and part.y.tolist() == nodes
    assert "train_mask" not in homogeneous.subgraph(nodes, exclude_keys=["train_mask"])
    inside = np.isin(HOMOGENEOUS["edge_index"], nodes).all(axis=0)
    assert sorted(part.e_id.tolist()) == np.flatnonzero(inside).tolist()
    assert_from_graph(HOMOGENEOUS, part)
    assert homogeneous.subgraph("train_mask").num_nodes == 20
    movies = typed.subgraph(("movie", "train_mask"))
    assert movies["movie"].num_nodes == TYPED["movie"]["train_mask"].sum()
    assert movies["director"].num_nodes == movies[TO_DIRECTOR].num_edges == 0
    assert movies[SEQUEL].num_edges > 0
