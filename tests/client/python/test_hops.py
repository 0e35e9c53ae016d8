"""num_sampled_nodes and num_sampled_edges: in which hop what was found."""

import numpy as np
import pytest
from sampled_graphs import fixed, hops_of, plain, quietly, real

import graphfeed as gf

LINKS = ("movie", "to", "director")


def stores(batch):
    """(node stores, edge stores) by type; homogeneous: under ""."""
    if not batch.node_types:
        return {"": batch}, {("", "", ""): batch}
    return {t: batch[t] for t in batch.node_types}, {t: batch[t] for t in batch.edge_types}


def assert_hops(batch, hops, num_hops):
    """The numbers are those of the hops in which nodes were found; padding is in the last."""
    nodes, edges = stores(batch)
    num_nodes, num_edges = real(batch)
    for t, store in nodes.items():
        expected = np.bincount(hops[t], minlength=num_hops + 1)
        expected[-1] += store.num_nodes - num_nodes[t]
        assert store.num_sampled_nodes == expected.tolist(), t
    for t, store in edges.items():
        hop = hops[t[2]][store.edge_index[1, : num_edges[t]]] + 1
        expected = np.bincount(hop, minlength=num_hops + 1)[1:]
        expected[-1] += store.num_edges - num_edges[t]
        assert store.num_sampled_edges == expected.tolist(), t


@pytest.mark.parametrize("make", [plain, fixed])
@pytest.mark.parametrize("fanout", [[3, 2], [-1, 2, 1], [2], [0, 3]])
def test_they_are_those_of_the_hops(graph, make, fanout):
    dataset, whole, seeds, _ = graph
    loader = make(dataset, num_neighbors=fanout, fixed_size_options=gf.FixedSizeOptions(150, 400),
                  **seeds) if make is fixed else make(dataset, num_neighbors=fanout, **seeds)  # fmt: skip
    for batch in loader:
        hops = hops_of(whole, batch, "movie" if batch.node_types else "")
        assert_hops(batch, hops, len(fanout))
        if batch.node_types:
            assert batch.num_sampled_nodes_dict["movie"] == batch["movie"].num_sampled_nodes
            assert batch.num_sampled_edges_dict.keys() == set(batch.edge_types)
            assert batch["movie"].num_sampled_nodes[0] == batch["movie"].batch_size
    none = make(dataset, num_neighbors=[], **seeds).peek()
    assert stores(none)[0]["movie" if none.node_types else ""].num_sampled_nodes[0] >= 5


def aggregate(batch, layers, trim):
    """Sums over in-neighbours, `layers` times, of x and of how often it has been summed; of the
    first nodes only in later layers if `trim`, as PyG's trim_to_layer does it."""
    x, index = batch.x.astype(np.float64), batch.edge_index
    for layer in range(layers):
        if trim and layer:
            x = x[: len(x) - batch.num_sampled_nodes[-layer]]
            index = index[:, : index.shape[1] - batch.num_sampled_edges[-layer]]
            assert index.max(initial=-1) < len(x), "no edge of a node that is gone"
        out = x.copy()
        np.add.at(out, index[1], x[index[0]])
        x = out
    return x


@pytest.mark.parametrize("make", [plain, fixed])
def test_trimming_layer_by_layer_changes_no_seed(homogeneous, make):
    for batch in make(homogeneous, num_neighbors=[3, 2, 2], input_nodes=np.arange(20)):
        whole, less = aggregate(batch, 3, False), aggregate(batch, 3, True)
        assert len(less) < len(whole)
        np.testing.assert_array_equal(less[: batch.batch_size], whole[: batch.batch_size])


@pytest.mark.parametrize("sizes", [(30, 400), (150, 12), (9, 5)])
def test_what_is_trimmed_is_not_counted(graph, sizes):
    dataset, _, seeds, _ = graph
    loader = fixed(dataset, fixed_size_options=gf.FixedSizeOptions(*sizes), **seeds)
    trimmed = 0
    for batch in loader:
        trimmed += batch.trimmed.total_edges
        nodes, edges = stores(batch)
        for store in nodes.values():
            assert sum(store.num_sampled_nodes) == store.num_nodes
        for (source, _, target), store in edges.items():
            assert sum(store.num_sampled_edges) == store.num_edges
            kept = store.edge_index[:, : store.num_edges - store.num_sampled_edges[-1]]
            for row, end in zip(kept, (source, target)):
                left = nodes[end].num_nodes - nodes[end].num_sampled_nodes[-1]
                assert row.max(initial=-1) < left
    assert trimmed or sizes[0] > 30 or dataset.info.heterogeneous


@pytest.mark.parametrize("negatives", [None, "binary", "triplet"])
def test_links_begin_with_the_ends_of_their_labels(homogeneous, typed, negatives):
    sampling = {"num_neighbors": [2, 2], "neg_sampling": negatives, "batch_size": 4, "seed": 0}
    for batch in gf.LinkNeighborLoader(homogeneous, edge_label_index=np.arange(12), **sampling):
        index = (
            np.concatenate([batch.src_index, batch.dst_pos_index, batch.dst_neg_index.ravel()])
            if negatives == "triplet" else batch.edge_label_index
        )  # fmt: skip
        assert batch.num_sampled_nodes[0] == len(np.unique(index)) == index.max() + 1
        assert sum(batch.num_sampled_nodes) == batch.num_nodes
        assert sum(batch.num_sampled_edges) == batch.num_edges
    loader = gf.FixedSizeLinkNeighborLoader(
        typed, edge_label_index=LINKS, fixed_size_options=gf.FixedSizeOptions(90, 200), **sampling
    )
    batch = loader.peek()
    store = batch[LINKS]
    ends = (store.edge_label_index if negatives != "triplet"
            else np.stack([store.src_index, store.dst_pos_index]))  # fmt: skip
    assert batch["movie"].num_sampled_nodes[0] >= ends[0].max() + 1
    assert sum(batch["director"].num_sampled_nodes) == 90


def test_micro_batches_have_a_list_each(homogeneous):
    loader = fixed(homogeneous, micro_batches=2, input_nodes=np.arange(10))
    batch = loader.peek()
    assert len(batch.num_sampled_nodes) == 2
    alone = quietly(fixed(homogeneous, input_nodes=np.arange(10)))
    assert batch.num_sampled_nodes == [b.num_sampled_nodes for b in alone]
    assert batch.num_sampled_edges == [b.num_sampled_edges for b in alone]


def test_disjoint_trees_have_them_too(homogeneous):
    batch = plain(homogeneous, disjoint=True, input_nodes=np.arange(6)).peek()
    assert batch.num_sampled_nodes[0] == 5 and len(batch.num_sampled_nodes) == 3
    assert sum(batch.num_sampled_edges) == batch.num_edges


def test_other_batches_have_none(homogeneous, typed):
    for batch in (
        plain(homogeneous, subgraph_type="induced").peek(),
        plain(homogeneous, subgraph_type="bidirectional").peek(),
        homogeneous.subgraph(np.arange(4)),
        gf.DataLoader(homogeneous).peek(),
        gf.ClusterLoader(homogeneous, partition="time").peek(),
    ):
        assert not hasattr(batch, "num_sampled_nodes")
        with pytest.raises(AttributeError, match="directional"):
            batch.num_sampled_edges
    with pytest.raises(AttributeError, match="excluded"):
        plain(homogeneous, exclude_keys=["edge_index"]).peek().num_sampled_nodes
    batch = plain(typed, input_nodes="movie").peek()
    for read in (lambda: batch.num_sampled_nodes, lambda: batch["movie"].num_sampled_edges):
        with pytest.raises(AttributeError, match="num_sampled"):
            read()
