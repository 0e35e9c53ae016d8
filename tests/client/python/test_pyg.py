"""Batches as PyTorch Geometric has them, and taken apart again: by it and by ourselves."""

import numpy as np
import pytest

import graphfeed as gf

torch = pytest.importorskip("torch")
import fake_pyg  # noqa: E402

MOVIES = ("movie", "to", "actor")


def graph(i):
    """Graph i has i + 2 nodes, i + 1 edges, and a triangle of its own nodes as `face`."""
    ids = np.arange(i + 2)
    return {
        "x": np.full((i + 2, 3), i, np.float32),
        "edge_index": np.stack([ids[:-1], ids[1:]]),
        "edge_attr": np.full((i + 1, 2), 10 + i),
        "y": np.array([i]),
        "twice": np.array([[i, 1], [i, 2]]),
        "scale": float(i),
        "center_index": np.array([[i], [0]]),
    }


def typed_graph(i):
    actors = np.arange(i + 3) % (i + 1)
    return {
        "movie": {"x": np.full((i + 2, 2), i, np.float32)},
        "actor": {"weight": np.arange(i + 1.0, dtype=np.float32)},
        MOVIES: {"edge_index": np.stack([np.arange(i + 3) % (i + 2), actors])},
        "y": np.array([i]),
    }


@pytest.fixture
def pyg(monkeypatch):
    return fake_pyg.install(monkeypatch)


@pytest.fixture(scope="module")
def small(client):
    client.ingest("pyg-small", [graph(i) for i in range(6)])
    return client.dataset("pyg-small")


@pytest.fixture(scope="module")
def typed(client):
    client.ingest("pyg-typed", [typed_graph(i) for i in range(4)])
    return client.dataset("pyg-typed")


def loader(dataset, batch_size=4, **arguments):
    return gf.FixedSizeDataLoader(dataset, batch_size, **arguments)


def assert_is(part, given):
    """`part`, of torch or numpy, is the graph that was ingested."""
    if MOVIES in given:
        for store in ("movie", "actor", MOVIES):
            for name, array in given[store].items():
                np.testing.assert_array_equal(part[store][name], array)
        assert part["y"].tolist() == given["y"].tolist()
        return
    for name, value in given.items():
        np.testing.assert_array_equal(np.asarray(part[name]).squeeze(), np.squeeze(value), name)
        if name != "scale":
            assert tuple(part[name].shape) == value.shape


def test_the_bridge(small, typed, pyg):
    batch = loader(small).peek()
    converted = batch.to_pyg()
    assert type(converted).__name__ == "DataBatch" and isinstance(converted, pyg.Batch)
    assert converted.keys() == batch.keys() and fake_pyg.tensors_only(converted)
    assert converted.num_graphs == 4 and converted.num_nodes == batch.num_nodes
    assert converted["x"].data_ptr() == batch.x.ctypes.data
    hetero = loader(typed).peek().to_pyg()
    assert type(hetero).__name__ == "HeteroDataBatch" and fake_pyg.tensors_only(hetero)
    assert hetero[MOVIES].edge_index.shape[0] == 2
    assert_is(small[1].to_pyg(), graph(1))
    assert typed[0].to_pyg()["actor"].num_nodes == 1


def test_padded_batches_come_apart(small, typed, pyg):
    for dataset, make in ((small, graph), (typed, typed_graph)):
        batch = loader(dataset).peek()
        with_padding = batch.to_pyg().to_data_list()
        assert len(with_padding) == 4
        for i in range(3):
            assert_is(with_padding[i], make(i))
            assert_is(batch.to_pyg()[i], make(i))
        real = batch.to_pyg(padding=False)
        assert real.num_graphs == 3 == len(real.to_data_list())
        assert_is(real.get_example(2), make(2))
        assert real["y"].tolist() == [0, 1, 2] and fake_pyg.tensors_only(real)
        ours, all_of_ours = batch.graphs(), batch.graphs(padding=True)
        assert len(ours) == 3 and len(all_of_ours) == 4
        for i in range(3):
            assert_is(ours[i], make(i))
            assert_is(batch.torch().graphs()[i], make(i))
        assert torch.is_tensor(batch.torch().graphs()[0].y)
    padding = loader(small).peek().graphs(padding=True)[3]
    assert padding.num_nodes == loader(small).peek().num_nodes - 9
    assert (padding.edge_index == 0).all() and not padding.x.any()


def test_the_number_of_nodes_without_a_name_that_tells_it(typed, pyg):
    parts = loader(typed).peek().to_pyg(padding=False).to_data_list()
    assert [part["actor"].num_nodes for part in parts] == [1, 2, 3]
    assert "num_nodes" not in parts[0]["movie"], "x tells it"


def test_plain_and_packed_batches_come_apart(small, pyg):
    plain = gf.DataLoader(small, 4).peek()
    assert len(plain.to_pyg().to_data_list()) == len(plain.graphs()) == 4
    assert_is(plain.to_pyg()[3], graph(3))
    options = gf.FixedSizeOptions(num_nodes=16, num_edges=16, num_graphs=5)
    packed = list(loader(small, None, fixed_size_options=options, fixed_size_strategy="StreamPack"))
    seen = [g for batch in packed for g in batch.graphs()]
    assert len(packed) > 1 and len(seen) == 6
    for i, part in enumerate(seen):
        assert_is(part, graph(i))
    null = gf.FixedSizeDataLoader(small, 3, num_shards=2, shard_index=1, seed=0)
    with pytest.warns(UserWarning, match="null"):
        last = list(null)[-1]
    assert last.is_null and last.graphs() == [] and len(last.graphs(padding=True)) == 3


def test_micro_batches(small, pyg):
    batch = loader(small, micro_batches=2).peek()
    first, second = batch.micro_batches()
    assert first.x.shape == (batch.num_nodes, 3) and second.edge_index.shape[0] == 2
    np.testing.assert_array_equal(np.concatenate([first.y, second.y]), batch.y)
    assert second.counts == batch.counts[1:] and first.position == batch.position
    assert [int(g.y[0]) for g in batch.graphs()] == [0, 1, 2, 3, 4, 5]
    assert_is(batch.graphs()[4], graph(4))
    whole = batch.to_pyg()
    assert whole["x"].shape[0] == 2 * whole.num_nodes == 2 * batch.num_nodes
    with pytest.raises(RuntimeError, match="Cannot reconstruct"):
        whole.to_data_list()
    assert_is(second.to_pyg()[0], graph(3))
    with pytest.raises(ValueError, match="micro_batches"):
        batch.unpadded()
    assert loader(small).peek().micro_batches()[0].x.shape[1] == 3


def test_unpadded(small, typed):
    batch = loader(small).peek()
    real = batch.unpadded()
    assert (real.num_graphs, real.num_nodes, real.num_edges) == (3, 9, 6)
    assert real.twice.shape == (6, 2) and real.ptr.tolist() == [0, 2, 5, 9]
    assert real.nodes_mask.all() and real.edge_index.shape == (2, 6)
    assert real.unpadded() is real and np.shares_memory(real.x, batch.x)
    hetero = loader(typed).peek().unpadded()
    assert hetero["movie"].num_nodes == 9 and hetero[MOVIES].edge_index.shape == (2, 12)


def test_without_edge_index_a_batch_stays_whole(small, pyg):
    batch = loader(small, exclude_keys=["edge_index"]).peek()
    with pytest.raises(gf.InvalidArgument, match="told by edge_index"):
        batch.graphs()
    with pytest.raises(RuntimeError, match="Cannot reconstruct"):
        batch.to_pyg().to_data_list()
    nothing = loader(small, exclude_keys=["edge_index", "edge_attr"]).peek()
    assert [int(g.y[0]) for g in nothing.graphs()] == [0, 1, 2]


def test_sampled_batches(client, pyg):
    edges = {"edge_index": np.array([[0, 1, 2], [1, 2, 0]])}
    client.ingest("pyg-one", {"x": np.arange(4.0, dtype=np.float32)[:, None], **edges})
    one = client.dataset("pyg-one")
    plain = gf.NeighborLoader(one, [-1], batch_size=2).peek()
    converted = plain.to_pyg()
    assert type(converted) is pyg.Data, "as PyG's own NeighborLoader"
    assert converted["batch_size"] == 2 and converted["num_sampled_nodes"] == [2, 1]
    assert converted["num_sampled_edges"] == [2]
    assert set(converted.keys()) == {
        *plain.keys(), "batch_size", "num_sampled_nodes", "num_sampled_edges"
    }  # fmt: skip
    assert converted["n_id"].data_ptr() == plain.n_id.ctypes.data
    (alone,) = plain.graphs()
    assert alone.n_id.tolist() == [0, 1, 2] and alone.edge_index.shape == (2, 2)
    options = gf.FixedSizeOptions(8, 8)
    padded = gf.FixedSizeNeighborLoader(one, [-1], batch_size=3, fixed_size_options=options).peek()
    assert isinstance(padded.to_pyg(), pyg.Batch)
    (real,) = padded.graphs()
    assert_is(padded.to_pyg()[0], {"x": real.x, "edge_index": real.edge_index, "n_id": real.n_id})
    assert real.n_id.tolist() == [0, 1, 2] and len(padded.graphs(padding=True)) == 2

    typed = {"movie": {"num_nodes": 2}, "actor": {"num_nodes": 3}}
    typed["movie", "to", "actor"] = {"edge_index": np.array([[0, 1], [2, 1]])}
    client.ingest("pyg-one-typed", typed)
    sampled = gf.NeighborLoader(client.dataset("pyg-one-typed"), [-1], "actor", batch_size=2)
    converted = sampled.peek().to_pyg()
    assert type(converted) is pyg.HeteroData
    assert converted["actor"]["batch_size"] == 2 and "batch_size" not in converted["movie"]
    assert converted["movie"]["num_sampled_nodes"] == [0, 1]
    assert converted[MOVIES]["num_sampled_edges"] == [1]
