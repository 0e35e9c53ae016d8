"""What holds for every fixed-size batch, whatever was drawn."""

import numpy as np

import graphfeed as gf


def stores_of(batch: gf.Batch):
    """(node stores by type, [(edge store, source type, target type)]) of a one-batch frame."""
    if batch.node_types:
        nodes = {t: batch[t] for t in batch.node_types}
        return nodes, [(batch[t], t[0], t[2]) for t in batch.edge_types]
    return {"": batch}, [(batch, "", "")]


def assert_padding_is_sound(batch: gf.Batch) -> None:
    """Masks are prefixes; offsets, ids and counts agree; padding edges are loops on padding nodes
    and lie in range; real edges stay in their graph."""
    assert batch.num_micro_batches == 1
    (real,) = batch.counts
    node_stores, edge_stores = stores_of(batch)
    assert_prefix(batch.graphs_mask, real.graphs, batch.num_graphs)
    for node_type, store in node_stores.items():
        num_nodes = store.num_nodes
        count = real.nodes[node_type] if node_type else real.nodes
        assert_prefix(store.nodes_mask, count, num_nodes)
        assert store.ptr.shape == (batch.num_graphs + 1,)
        assert store.ptr[0] == 0 and store.ptr[-1] == num_nodes
        assert store.ptr[real.graphs] == count
        sizes = np.diff(store.ptr)
        assert (sizes >= 0).all()
        np.testing.assert_array_equal(store.batch, np.repeat(np.arange(batch.num_graphs), sizes))
        padding = sizes[real.graphs :]
        if len(padding):
            assert padding.max() - padding.min() <= 1, "padding is divided evenly"
            assert (np.diff(padding) <= 0).all(), "the first padding graphs get one more"
    for store, source, target in edge_stores:
        mask = store.edges_mask
        index = store.edge_index
        assert index.shape == (2, store.num_edges)
        graphs = []
        for end, node_type in enumerate((source, target)):
            nodes = node_stores[node_type]
            assert (index[end] >= 0).all() and (index[end] < nodes.num_nodes).all()
            np.testing.assert_array_equal(
                nodes.nodes_mask[index[end]], mask, "real edges touch real nodes, padding padding"
            )
            graphs.append(nodes.batch[index[end]])
        np.testing.assert_array_equal(graphs[0][mask], graphs[1][mask], "no edge crosses graphs")


def assert_prefix(mask: np.ndarray, count: int, size: int) -> None:
    assert mask.dtype == bool and mask.shape == (size,)
    assert mask[:count].all() and not mask[count:].any()
