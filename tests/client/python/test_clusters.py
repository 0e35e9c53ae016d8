"""Cluster loaders and partitions on generated graphs, from a real server."""

import numpy as np
import pytest
import sampled_graphs
from sampled_graphs import assert_from_graph

import graphfeed as gf

# Four rings of ten nodes with a few edges between them.
RINGS = np.arange(40) // 10
STEP = np.stack([np.arange(40), RINGS * 10 + (np.arange(40) + 1) % 10])
BRIDGES = np.array([[0, 10, 20, 30], [10, 20, 30, 0]])
GRAPH = {
    "x": np.arange(40, dtype=np.float32)[:, None],
    "y": np.arange(40),
    "ring": RINGS,
    "edge_index": np.concatenate([STEP, STEP[::-1], BRIDGES, BRIDGES[::-1]], axis=1),
    "edge_attr": np.arange(88),
}


@pytest.fixture(scope="module")
def dataset(client):
    client.ingest("clusters", GRAPH)
    return client.dataset("clusters")


def test_partition_is_a_column_of_a_new_version(client, dataset):
    info = client.partition(dataset.info.full_name, 4, column="part")
    assert info.version > dataset.info.version
    (column,) = info.find("part", "node")
    assert column.dtype.startswith("int") and column.value_range[0] >= 0
    assert column.value_range[1] <= 3
    (batch,) = gf.DataLoader(client.dataset(info.full_name))
    # METIS cuts the rings apart, whatever it calls them.
    for ring in range(4):
        assert len(set(batch.part[RINGS == ring].tolist())) == 1
    assert len(set(batch.part.tolist())) == 4
    np.testing.assert_array_equal(batch.y, GRAPH["y"])
    assert not client.dataset(dataset.info.full_name).info.find("part")


def test_partition_refuses_what_it_cannot_do(client, dataset, ingest):
    for parts in (0, 41):
        with pytest.raises(gf.InvalidArgument, match="num_parts"):
            client.partition(dataset.info.full_name, parts)
    with pytest.raises(gf.Error, match="ring"):
        client.partition(dataset.info.full_name, 2, column="ring")
    with pytest.raises(gf.NotFound):
        client.partition("no-such-dataset", 2)
    typed = ingest(sampled_graphs.heterogeneous())
    with pytest.raises(gf.Error, match="heterogeneous|homogeneous"):
        client.partition(typed.info.full_name, 2)


def test_loader_partitions_once(client, ingest):
    dataset = ingest(GRAPH)
    loader = gf.ClusterLoader(dataset, num_parts=4)
    assert loader.dataset.info.version == dataset.info.version + 1
    assert loader.partition == "partition_4"
    again = gf.FixedSizeClusterLoader(client.dataset(dataset.name), num_parts=4)
    assert again.dataset.info.version == loader.dataset.info.version
    other = gf.ClusterLoader(loader.dataset, num_parts=2)
    assert other.dataset.info.version == loader.dataset.info.version + 1
    assert len(loader) == 4 and len(other) == 2
    sizes = [batch.num_nodes for batch in loader]
    assert sizes == [10, 10, 10, 10]


def test_batches_are_clusters_with_the_edges_between_them(dataset):
    loader = gf.ClusterLoader(dataset, partition="ring", batch_size=2)
    batches = list(loader)
    assert len(loader) == len(batches) == 2
    for batch, rings in zip(batches, ([0, 1], [2, 3])):
        assert batch.n_id.tolist() == np.flatnonzero(np.isin(RINGS, rings)).tolist()
        inside = np.isin(RINGS[GRAPH["edge_index"]], rings).all(axis=0)
        assert sorted(batch.e_id.tolist()) == np.flatnonzero(inside).tolist()
        assert batch.counts[0].seeds == 2
        assert_from_graph(GRAPH, batch)


@pytest.mark.parametrize("make", [gf.ClusterLoader, gf.FixedSizeClusterLoader])
def test_shuffled_epochs_and_shards_cover_every_cluster_once(make, dataset):
    sizes = {"fixed_size_options": gf.FixedSizeOptions(25, 60)}
    sizes = sizes if make is gf.FixedSizeClusterLoader else {}
    orders = []
    for epoch in range(4):
        found = []
        for shard in range(2):
            loader = make(
                dataset, partition="ring", shuffle=True, seed=3, num_shards=2, shard_index=shard,
                **sizes,
            )  # fmt: skip
            loader.set_epoch(epoch)
            for batch in loader:
                found.append(int(RINGS[batch.n_id[0]]))
                assert_from_graph(GRAPH, batch)
        assert sorted(found) == [0, 1, 2, 3]
        orders.append(found)
    assert len({tuple(order) for order in orders}) > 1


def test_fixed_batches_are_padded_plain_ones(dataset):
    options = gf.FixedSizeOptions(35, 90)
    fixed = gf.FixedSizeClusterLoader(
        dataset, partition="ring", batch_size=3, fixed_size_options=options
    )
    plain = gf.ClusterLoader(dataset, partition="ring", batch_size=3)
    for padded, part in zip(fixed, plain, strict=True):
        assert (padded.num_nodes, padded.num_edges) == (35, 90)
        n, e = part.num_nodes, part.num_edges
        np.testing.assert_array_equal(padded.n_id[:n], part.n_id)
        np.testing.assert_array_equal(padded.edge_index[:, :e], part.edge_index)
        assert padded.nodes_mask.tolist() == [True] * n + [False] * (35 - n)
        assert padded.ptr.tolist() == [0, n, 35]
        assert padded.counts[0].seeds == part.counts[0].seeds
    assert [b.counts[0].seeds for b in fixed] == [3, 1]


def test_sizes_are_sampled_when_not_given(dataset):
    loader = gf.FixedSizeClusterLoader(dataset, partition="ring", batch_size=2)
    options = loader.fixed_size_options
    plain = gf.ClusterLoader(dataset, partition="ring", batch_size=2)
    sizes = [(b.num_nodes, b.num_edges) for b in plain]
    assert (options.num_nodes, options.num_edges) == tuple(n + 1 for n in map(max, zip(*sizes)))
    assert [b.counts[0].nodes for b in loader] == [20, 20]


def test_empty_clusters_are_batches_too(ingest):
    graph = dict(GRAPH)
    graph["ring"] = np.where(RINGS == 1, 0, RINGS)
    loader = gf.ClusterLoader(ingest(graph), partition="ring")
    assert [b.num_nodes for b in loader] == [20, 0, 10, 10]
