"""What a sampled batch shows, and how it crosses to other frameworks."""

import pickle

import numpy as np
import pytest
import sampled_graphs
from sampled_graphs import TO_DIRECTOR, TYPED, fixed, plain

import graphfeed as gf


def test_repr_is_that_of_pyg(typed):
    loader = gf.NeighborLoader(typed, [-1], "director", batch_size=3)
    batch = loader.batch(0)
    shapes = {t: batch[t].num_nodes for t in batch.node_types}
    edges = batch[TO_DIRECTOR].num_edges
    text = repr(batch)
    assert text.startswith("HeteroData(\n  movie={\n")
    assert f"  director={{\n    x=[{shapes['director']}, 1],\n    n_id=[3],\n" in text
    assert "    input_id=[3],\n    batch_size=3,\n" in text or (
        "    batch_size=3,\n    input_id=[3],\n" in text
    )
    assert f"(movie, to, director)={{\n    edge_index=[2, {edges}],\n    e_id=[{edges}],\n" in text


def test_repr_of_homogeneous_batches(homogeneous):
    batch = plain(homogeneous, exclude_keys=["time", "train_mask", "weight"]).peek()
    n, e = batch.num_nodes, batch.num_edges
    text = repr(batch)
    assert text.startswith(f"Data(x=[{n}, 1], ") and text.endswith(", batch_size=5)")
    for part in (f"edge_index=[2, {e}]", f"n_id=[{n}]", f"e_id=[{e}]", "input_id=[5]"):
        assert part in text
    padded = repr(fixed(homogeneous).peek())
    assert padded.startswith("DataBatch(x=[150, 1], ")
    assert padded.endswith(", batch_size=5, input_id=[5], num_nodes=150, num_edges=300)")


def test_batch_size_is_where_the_seeds_are(typed, homogeneous):
    batch = fixed(typed, input_nodes="movie").peek()
    assert batch["movie"].batch_size == 5
    for wrong in (lambda: batch.batch_size, lambda: batch["director"].batch_size):
        with pytest.raises(AttributeError, match="batch_size"):
            wrong()
    assert not hasattr(batch, "batch_size")
    assert not hasattr(gf.DataLoader(homogeneous).peek(), "batch_size")


def test_copies_keep_the_number_of_seeds(homogeneous):
    torch = pytest.importorskip("torch")
    batch = plain(homogeneous).peek()
    tensors = batch.torch()
    assert isinstance(tensors.n_id, torch.Tensor) and tensors.batch_size == 5
    assert tensors.n_id.data_ptr() == batch.n_id.ctypes.data
    assert tensors.to(torch.float64).x.dtype == torch.float64
    copied = pickle.loads(pickle.dumps(batch))
    assert copied.batch_size == 5 and copied.position == batch.position
    np.testing.assert_array_equal(copied.edge_index, batch.edge_index)


def test_int32_indices(graph):
    dataset, whole, seeds, store = graph
    loader = fixed(dataset, index_dtype="int32", **seeds)
    wide = fixed(dataset, **seeds)
    for batch, other in zip(loader, wide, strict=True):
        nodes, edges = sampled_graphs.stores(whole, batch)
        for _, part in nodes.values():
            assert {part[n].dtype.name for n in ("n_id", "batch", "ptr")} == {"int32"}
        for _, part in edges.values():
            assert {part[n].dtype.name for n in ("e_id", "edge_index")} == {"int32"}
        assert store(batch).input_id.dtype == np.int32
        np.testing.assert_array_equal(store(batch).n_id, store(other).n_id)


def test_excluded_columns_stay_behind(homogeneous):
    batch = fixed(homogeneous, exclude_keys=["x", "edge_attr"]).peek()
    assert "x" not in batch and "edge_attr" not in batch and "y" in batch


def test_loaders_pickle(graph):
    dataset, _, seeds, _ = graph
    loader = fixed(dataset, shuffle=True, **seeds)
    copied = pickle.loads(pickle.dumps(loader))
    assert [b.digest for b in copied] == [b.digest for b in loader]


def test_length_and_plan_are_known_before(graph):
    dataset, _, seeds, _ = graph
    loader = fixed(dataset, batch_size=4, **seeds)
    assert len(loader) == 5 == loader.plan().num_batches
    assert loader.plan().real.seeds == loader.plan().num_graphs == 17
    assert loader.plan().graphs_per_batch[:5] == (0, 1, 0, 0, 4)
    assert len(fixed(dataset, batch_size=4, drop_last=True, **seeds)) == 4


def test_a_whole_typed_graph_is_one_batch(typed):
    loader = gf.DataLoader(typed)
    (batch,) = loader
    assert len(loader) == 1 and batch.num_graphs == 1
    for node_type in ("movie", "director"):
        np.testing.assert_array_equal(batch[node_type].x, TYPED[node_type]["x"])
    for edge_type in sampled_graphs.EDGE_TYPES:
        np.testing.assert_array_equal(batch[edge_type].edge_index, TYPED[edge_type]["edge_index"])
    assert batch["studio"].num_nodes == 3


def test_batches_of_other_loaders_know_no_seeds(homogeneous, ingest):
    """One server makes both, with the same working memory."""
    graph = {"x": np.ones((3, 1), np.float32), "edge_index": np.array([[0], [1]])}
    molecules = ingest([graph] * 40)
    for _ in range(20):
        assert [b.counts[0].seeds for b in plain(homogeneous)] == [5] * 12
        padded = gf.FixedSizeDataLoader(molecules, batch_size=9)
        assert {b.counts[0] for b in padded} == {gf.Counts(8, 24, 8)}
