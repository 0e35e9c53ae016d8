"""What a batch shows, and how it crosses to other frameworks."""

import pickle

import numpy as np
import pytest

import graphfeed as gf


@pytest.fixture(scope="module")
def small(client):
    graphs = [
        {
            "x": np.full((2 + i, 3), float(i), np.float32),
            "edge_index": np.array([[0, 1], [1, 0]]),
            "y": np.array([i]),
        }
        for i in range(5)
    ]
    client.ingest("batch-small", graphs)
    return client.dataset("batch-small")


@pytest.fixture(scope="module")
def typed(client):
    graphs = [
        {
            "y": np.array([i]),
            "movie": {"x": np.ones((2, 2), np.float32)},
            "actor": {"x": np.ones((3, 1), np.float32)},
            ("movie", "to", "actor"): {"edge_index": np.array([[0, 1], [2, 1]])},
        }
        for i in range(3)
    ]
    client.ingest("batch-typed", graphs)
    return client.dataset("batch-typed")


OPTIONS = gf.FixedSizeOptions(20, 12, num_graphs=4)
TYPED = gf.FixedSizeOptions({"movie": 7, "actor": 10}, {("movie", "to", "actor"): 8}, num_graphs=3)


def first(dataset, options=OPTIONS, **arguments):
    return next(iter(gf.FixedSizeDataLoader(dataset, fixed_size_options=options, **arguments)))


def test_names_and_sizes(small):
    batch = first(small)
    assert batch.keys() == ["x", "edge_index", "y", "batch", "edges_mask", "graphs_mask",
                            "nodes_mask", "ptr"]
    assert [name for name, _ in batch.items()] == batch.keys() == list(batch.to_dict())
    assert "x" in batch and "nope" not in batch and "movie" not in batch
    assert (batch.num_graphs, batch.num_nodes, batch.num_edges) == (4, 20, 12)
    assert batch.num_real_graphs == 3 and batch.num_micro_batches == 1
    assert batch.counts == (gf.Counts(3, 9, 6),) and batch.trimmed == gf.Counts(0, 0, 0)
    assert batch.position == gf.Position(0, 0) and not batch.is_null and not batch.is_repeat
    assert batch["x"] is batch.x


def test_unknown_names_say_what_there_is(small, typed):
    batch = first(small)
    with pytest.raises(AttributeError, match="edge_index"):
        batch.nope
    with pytest.raises(KeyError, match="edge_index"):
        batch["nope"]
    typed_batch = first(typed, TYPED)
    with pytest.raises(KeyError, match="movie"):
        typed_batch["film"]
    with pytest.raises(KeyError, match="edges_mask"):
        typed_batch["movie", "to", "actor"]["x"]
    with pytest.raises(AttributeError, match="nodes_mask"):
        typed_batch["movie"].edge_index


def test_a_tensor_that_is_set_is_set_everywhere(small, typed):
    batch = first(small)
    batch.x = np.zeros((20, 1), np.float32)
    assert batch["x"] is batch.x is batch.to_dict()["x"] and dict(batch.items())["x"] is batch.x
    assert "x=[20, 1]" in repr(batch) and pickle.loads(pickle.dumps(batch)).x.shape == (20, 1)
    with pytest.raises(AttributeError):
        batch.num_nodes = 3
    typed_batch = first(typed, TYPED)
    typed_batch["movie"].x = np.zeros((7, 1), np.float32)
    assert typed_batch["movie"].x.shape == typed_batch.x_dict["movie"].shape == (7, 1)
    with pytest.raises(AttributeError, match="no 'z' to set"):
        typed_batch["movie"].z = 1
    torch = pytest.importorskip("torch")
    tensors = batch.torch()
    tensors.y = torch.ones(4)
    assert tensors["y"].sum() == 4


def test_attributes_of_graphs_that_are_set_go_in_again(small, typed, ingest):
    graph = small[0]
    graph.x = np.zeros((2, 3), np.float32)
    graph.new = np.ones((2, 1), np.float32)
    assert graph["x"].sum() == 0 and "new" in graph and "new=[2, 1]" in repr(graph)
    again = ingest([graph])[0]
    assert again.x.sum() == 0 and again.new.tolist() == [[1], [1]]
    with pytest.raises(AttributeError):
        graph.num_nodes = 3
    graph = typed[0]
    graph.y = np.array([9])
    graph["movie"].x = np.full((2, 2), 5, np.float32)
    again = ingest([graph])[0]
    assert again.y.tolist() == [9] and (again["movie"].x == 5).all()


def test_repr_is_that_of_pyg(small):
    assert repr(first(small)) == (
        "DataBatch(x=[20, 3], edge_index=[2, 12], y=[4], batch=[20], edges_mask=[12], "
        "graphs_mask=[4], nodes_mask=[20], ptr=[5], num_nodes=20, num_edges=12)"
    )
    plain = next(iter(gf.DataLoader(small, batch_size=2)))
    assert repr(plain) == "DataBatch(x=[5, 3], edge_index=[2, 4], y=[2], batch=[5], ptr=[3])"


def test_repr_of_a_typed_batch_is_that_of_pyg(typed):
    assert repr(first(typed, TYPED)) == """HeteroDataBatch(
  y=[3],
  graphs_mask=[3],
  num_nodes=17,
  num_edges=8,
  movie={
    x=[7, 2],
    batch=[7],
    ptr=[4],
    nodes_mask=[7],
  },
  actor={
    x=[10, 1],
    batch=[10],
    ptr=[4],
    nodes_mask=[10],
  },
  (movie, to, actor)={
    edge_index=[2, 8],
    edges_mask=[8],
  }
)"""


def test_typed_stores(typed):
    batch = first(typed, TYPED)
    assert batch.node_types == ["movie", "actor"]
    assert batch.metadata() == (["movie", "actor"], [("movie", "to", "actor")])
    assert batch["movie"].x is batch["movie"]["x"] is batch.x_dict["movie"]
    assert batch["movie", "actor"].edge_index is batch["movie", "to", "actor"].edge_index
    assert list(batch.edge_index_dict) == [("movie", "to", "actor")]
    assert (batch["movie"].num_nodes, batch["movie", "to", "actor"].num_edges) == (7, 8)
    assert (batch.num_nodes, batch.num_edges) == (17, 8)
    assert "movie" in batch and ("movie", "to", "actor") in batch and "film" not in batch
    assert batch.counts[0] == gf.Counts(2, {"movie": 4, "actor": 6}, {("movie", "to", "actor"): 4})
    assert "x" in batch["movie"] and dict(batch["actor"])["x"].shape == (10, 1)


def test_sizes_of_a_plain_batch_are_its_own(small):
    sizes = [(b.num_graphs, b.num_nodes, b.num_edges) for b in gf.DataLoader(small, batch_size=2)]
    assert sizes == [(2, 5, 4), (2, 9, 4), (1, 6, 2)]


def test_torch_shares_memory(small):
    torch = pytest.importorskip("torch")
    batch = first(small)
    tensors = batch.torch()
    assert isinstance(tensors.x, torch.Tensor) and tensors.x is tensors["x"]
    assert tensors.x.data_ptr() == batch.x.ctypes.data
    assert tensors.nodes_mask.dtype == torch.bool and tensors.edge_index.dtype == torch.int64
    assert repr(tensors) == repr(batch) and tensors.counts == batch.counts
    assert tensors.torch().x is tensors.x
    half = batch.to(torch.float64)
    assert half.x.dtype == torch.float64 and half.position == batch.position


def test_batches_pickle_by_value(small):
    batch = first(small)
    copied = pickle.loads(pickle.dumps(batch))
    np.testing.assert_array_equal(copied.x, batch.x)
    assert repr(copied) == repr(batch) and copied.position == batch.position
    assert copied.layout_digest == batch.layout_digest and copied.digest == batch.digest
    assert copied.x.ctypes.data != batch.x.ctypes.data


def test_to_pyg_needs_pyg(small):
    with pytest.raises(ImportError, match="torch_geometric"):
        first(small).to_pyg()


def test_int32_indices_and_float16_columns(small):
    batch = first(small, index_dtype="int32", narrow_columns=["y"], float16_columns=["x"])
    wide = first(small)
    dtypes = {name: array.dtype.name for name, array in batch.items()}
    assert dtypes["edge_index"] == dtypes["batch"] == dtypes["ptr"] == dtypes["y"] == "int32"
    assert dtypes["x"] == "float16"
    for name, array in wide.items():
        np.testing.assert_array_equal(batch[name], array)


def test_follow_batch_and_exclude_keys(small):
    batch = first(small, follow_batch=["x"], exclude_keys=["y"])
    assert "y" not in batch
    np.testing.assert_array_equal(batch.x_batch, batch.batch)
    np.testing.assert_array_equal(batch.x_ptr, batch.ptr)


def test_without_masks(small):
    assert not [k for k in first(small, add_pad_masks=False).keys() if k.endswith("mask")]
