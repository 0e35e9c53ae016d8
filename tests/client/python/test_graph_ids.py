"""Batches that say which graphs they hold."""

import pickle

import numpy as np
import pytest

import graphfeed as gf

NUM_GRAPHS = 30
SIZES = gf.FixedSizeOptions(24, 40, num_graphs=6)


@pytest.fixture(scope="module")
def dataset(client):
    rng = np.random.default_rng(0)
    graphs = []
    for i in range(NUM_GRAPHS):
        n = int(rng.integers(2, 9))
        ends = rng.integers(0, n, (2, n))
        graphs.append({"x": np.full((n, 1), i, np.float32), "edge_index": ends, "y": np.array([i])})
    client.ingest("graph-ids", graphs)
    return client.dataset("graph-ids")


def ids_of(loader):
    """Checked against the labels, which are the graphs' numbers."""
    found = []
    for batch in loader:
        for part in batch.micro_batches():
            ids = part.graph_ids
            assert ids.dtype == np.int64
            np.testing.assert_array_equal(ids, part.unpadded().y)
            np.testing.assert_array_equal(part.unpadded().graph_ids, ids)
            found += ids.tolist()
    return found


@pytest.mark.parametrize("strategy", ["PadToMax", "StreamPack", "Pack"])
@pytest.mark.parametrize("micro_batches", [1, 3])
def test_are_those_of_the_rows_whatever_packing_does(dataset, strategy, micro_batches):
    loader = gf.FixedSizeDataLoader(
        dataset,
        shuffle=True,
        fixed_size_options=SIZES if strategy != "PadToMax" else gf.FixedSizeOptions(60, 80, num_graphs=6),
        fixed_size_strategy=strategy,
        micro_batches=micro_batches,
        seed=1,
        graph_ids=True,
    )
    assert loader.graph_ids
    for _ in range(2):
        found = ids_of(loader)
        assert sorted(found) == list(range(NUM_GRAPHS)) != found


def test_number_graphs_of_the_version_not_of_a_part(dataset):
    part = dataset[[20, 3, 25, 3]]
    assert ids_of(gf.DataLoader(part, batch_size=3, graph_ids=True)) == [20, 3, 25, 3]


def test_several_micro_batches_have_a_list(dataset):
    loader = gf.FixedSizeDataLoader(
        dataset, fixed_size_options=SIZES, fixed_size_strategy="StreamPack", micro_batches=2,
        graph_ids=True,
    )
    batch = loader.batch(0)
    assert isinstance(batch.graph_ids, list) and len(batch.graph_ids) == 2
    np.testing.assert_array_equal(np.concatenate(batch.graph_ids), np.arange(batch.num_real_graphs))


def test_travel_with_the_batch(dataset):
    batch = next(iter(gf.DataLoader(dataset, batch_size=4, graph_ids=True)))
    again = pickle.loads(pickle.dumps(batch))
    np.testing.assert_array_equal(again.graph_ids, [0, 1, 2, 3])


def test_are_absent_unless_asked_for(dataset):
    batch = next(iter(gf.DataLoader(dataset, batch_size=4)))
    with pytest.raises(AttributeError, match="graph_ids=True"):
        batch.graph_ids  # noqa: B018
    assert not hasattr(batch, "graph_ids")


def test_a_single_large_graph_is_graph_0(client):
    client.ingest("graph-ids-single", {"x": np.ones((4, 1), np.float32), "edge_index": np.zeros((2, 1), np.int64)})
    (batch,) = gf.DataLoader(client.dataset("graph-ids-single"), graph_ids=True)
    np.testing.assert_array_equal(batch.graph_ids, [0])


def test_sampled_loaders_have_input_id_instead(client):
    with pytest.raises(TypeError, match="graph_ids"):
        gf.NeighborLoader(client.dataset("graph-ids-single"), [1], graph_ids=True)


def test_a_column_of_that_name_is_the_column(client):
    client.ingest("graph-ids-column", [{"x": np.ones((2, 1)), "graph_ids": np.array([7])}] * 3)
    batch = next(iter(gf.DataLoader(client.dataset("graph-ids-column"), batch_size=3, graph_ids=True)))
    np.testing.assert_array_equal(batch.graph_ids, [7, 7, 7])
