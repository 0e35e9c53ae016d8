"""Predictions come by id, whatever the batches made of the order."""

import numpy as np
import pytest
import torch
from worker_parts import model_and_optimizer, padded

import graphfeed as gf


class Means(torch.nn.Module):
    """The mean of x over each graph, so that every row tells which graph it is of."""

    def forward(self, x, batch, graphs_mask):
        size = len(graphs_mask)
        sums = torch.zeros(size, x.shape[1]).index_add(0, batch, x)
        return {"out": sums / torch.bincount(batch, minlength=size).clamp(min=1).unsqueeze(1)}


def means(dataset) -> np.ndarray:
    return np.stack([dataset[i].x.mean(axis=0) for i in range(len(dataset))])


@pytest.mark.parametrize("strategy", ["PadToMax", "StreamPack"])
@pytest.mark.parametrize("micro_batches", [1, 4])
def test_graphs_in_order(rings, tmp_path, strategy, micro_batches):
    loader = padded(rings, shuffle=False, fixed_size_strategy=strategy, micro_batches=micro_batches)
    found = gf.Worker(loader, Means()).predict(tmp_path / "out.npy")
    np.testing.assert_array_equal(found.ids, np.arange(45))
    np.testing.assert_allclose(found.values, means(rings), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(np.load(tmp_path / "out.npy"), found.values)
    np.testing.assert_array_equal(np.load(tmp_path / "out.ids.npy"), found.ids)
    assert loader.state_dict()["ordinal"] == loader.state_dict()["epoch"] == 0


def test_a_part_has_its_own_ids(rings):
    part = rings[[7, 3, 40, 11, 12, 30]]
    found = gf.Worker(padded(part, shuffle=False), Means()).predict()
    assert found.ids.tolist() == [3, 7, 11, 12, 30, 40] and len(found) == 6
    np.testing.assert_allclose(found.values, means(rings)[found.ids], rtol=1e-5, atol=1e-6)


def test_plain_functions_give_all_micro_batches_at_once(rings):
    def model(batch):
        return np.concatenate([Means()(*(getattr(part.torch(), name) for name in
                                         ("x", "batch", "graphs_mask")))["out"].numpy()
                               for part in batch.micro_batches()])  # fmt: skip

    loader = padded(rings, shuffle=False, micro_batches=4)
    found = gf.Worker(loader, model).predict()
    np.testing.assert_allclose(found.values, means(rings), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "arguments",
    [{"shuffle": True}, {"fixed_size_strategy": "Pack"}, {"num_shards": 2}, {"over_size_strategy": "Skip"}],
)
def test_an_order_that_is_not_known_is_refused(rings, arguments):
    loader = padded(rings, **{"shuffle": False, **arguments})
    with pytest.raises(RuntimeError, match="graph_ids=True"):
        gf.Worker(loader, Means()).predict()


@pytest.mark.parametrize(
    "arguments",
    [{}, {"fixed_size_strategy": "Pack"}, {"micro_batches": 4}, {"over_size_strategy": "Skip"}],
)
def test_batches_that_name_their_graphs_may_come_in_any_order(rings, arguments):
    loader = padded(rings[5:40], graph_ids=True, **arguments)
    assert loader.shuffle
    found = gf.Worker(loader, Means()).predict()
    np.testing.assert_array_equal(found.ids, np.arange(5, 40))
    np.testing.assert_allclose(found.values, means(rings)[5:40], rtol=1e-5, atol=1e-6)


def test_shards_are_asked_for_their_part(rings):
    parts = [
        gf.Worker(padded(rings, graph_ids=True, num_shards=4, shard_index=i), Means()).predict()
        for i in range(4)
    ]
    assert sorted(np.concatenate([part.ids for part in parts])) == list(range(45))
    for part in parts:
        np.testing.assert_allclose(part.values, means(rings)[part.ids], rtol=1e-5, atol=1e-6)


def test_shards_write_files_of_their_own(rings, tmp_path):
    """Named as the program names them; together they are all graphs."""
    for i in range(2):
        loader = padded(rings, graph_ids=True, num_shards=2, shard_index=i)
        gf.Worker(loader, Means()).predict(tmp_path / "v1.out")
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["v1.out.0-of-2.npy", "v1.out.1-of-2.npy",
                     "v1.out.ids.0-of-2.npy", "v1.out.ids.1-of-2.npy"]  # fmt: skip
    ids = np.concatenate([np.load(tmp_path / f"v1.out.ids.{i}-of-2.npy") for i in range(2)])
    values = np.concatenate([np.load(tmp_path / f"v1.out.{i}-of-2.npy") for i in range(2)])
    assert sorted(ids) == list(range(45))
    np.testing.assert_allclose(values, means(rings)[ids], rtol=1e-5, atol=1e-6)


def test_training_goes_on_where_it_was(rings):
    """A worker that asks in between trains the same; dropout is off while it does."""
    results = []
    for asks in (False, True):
        model, optimizer = model_and_optimizer()
        worker = gf.Worker(padded(rings), model, optimizer=optimizer)
        worker.run(steps=4)
        if asks:
            asking = gf.Worker(padded(rings, shuffle=False), model)
            before = asking.predict().values
            np.testing.assert_array_equal(asking.predict().values, before)
        worker.run(epochs=1)
        results.append([parameter.detach().clone() for parameter in model.parameters()])
        assert model.training
    for ours, theirs in zip(*results):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("shuffle", [False, True])
def test_seed_nodes_by_node_id(homogeneous, shuffle):
    seeds = np.array([19, 3, 11, 5, 8, 2, 13])
    loader = gf.FixedSizeNeighborLoader(
        homogeneous, [2], seeds, batch_size=3, shuffle=shuffle, seed=1,
        fixed_size_options=gf.FixedSizeOptions(num_nodes=40, num_edges=60),
    )  # fmt: skip
    found = gf.Worker(loader, lambda batch: batch.x).predict()
    assert found.ids.tolist() == sorted(seeds)
    np.testing.assert_array_equal(found.values, homogeneous[0].x[found.ids])


def test_all_nodes_of_one_graph(homogeneous):
    found = gf.Worker(gf.DataLoader(homogeneous), lambda batch: batch.x).predict()
    np.testing.assert_array_equal(found.values, homogeneous[0].x)


def test_nodes_of_clusters_by_node_id(homogeneous):
    """Each node is in one cluster; clusters are not in the order of ids."""
    x, sizes = homogeneous[0].x, gf.FixedSizeOptions(num_nodes=44, num_edges=300)
    for arguments in ({"batch_size": 7}, {"batch_size": 3}, {"shuffle": True, "seed": 2}):
        loader = gf.ClusterLoader(homogeneous, partition="time", **arguments)
        for found in (
            gf.Worker(loader, lambda batch: batch.x).predict(),
            gf.Worker(loader, lambda batch: batch.n_id).predict(),
        ):
            np.testing.assert_array_equal(found.ids, np.arange(len(x)))
            np.testing.assert_array_equal(found.values.reshape(x.shape), x)
    for arguments in ({}, {"micro_batches": 2}, {"index_dtype": "int32"}, {"shuffle": True, "seed": 2}):
        loader = gf.FixedSizeClusterLoader(homogeneous, partition="time", batch_size=3,
                                           fixed_size_options=sizes, **arguments)  # fmt: skip
        assert {len(batch.x) for batch in loader} == {44 * loader.micro_batches}
        found = gf.Worker(loader, lambda batch: batch.x).predict()
        np.testing.assert_array_equal(found.ids, np.arange(len(x)))
        np.testing.assert_array_equal(found.values, x)


def test_all_nodes_of_one_padded_graph(homogeneous):
    def loader(num_nodes, **arguments):
        sizes = gf.FixedSizeOptions(num_nodes=num_nodes, num_edges=500, num_graphs=2)
        return gf.FixedSizeDataLoader(homogeneous, fixed_size_options=sizes, **arguments)

    for arguments in ({}, {"micro_batches": 2}):
        found = gf.Worker(loader(80, **arguments), lambda batch: batch.x).predict()
        np.testing.assert_array_equal(found.ids, np.arange(60))
        np.testing.assert_array_equal(found.values, homogeneous[0].x)
    cut = loader(50, over_size_strategy="TrimNodesAndEdges")
    with pytest.raises(RuntimeError, match=r"1\d nodes did not fit .* fixed_size_options"):
        gf.Worker(cut, lambda batch: batch.x).predict()
    with pytest.raises(ValueError, match=r"gave \[79, 1\], but the batch has 80 nodes"):
        gf.Worker(loader(80), lambda batch: batch.x[1:]).predict()


def test_a_column_of_a_whole_graph_is_no_id(ingest):
    graph = {"x": np.arange(4.0)[:, None], "n_id": np.array([7, 7, 9, 9]), "edge_index": [[0, 1], [1, 2]]}
    found = gf.Worker(gf.DataLoader(ingest(graph)), lambda batch: batch.x).predict()
    assert found.ids.tolist() == [0, 1, 2, 3]


def test_nodes_of_a_type(typed):
    sizes = {"num_nodes": {"movie": 60, "director": 20, "studio": 20}, "num_edges": 300, "num_graphs": 2}
    padded_loader = gf.FixedSizeDataLoader(typed, fixed_size_options=gf.FixedSizeOptions(**sizes))
    for loader in (gf.DataLoader(typed), padded_loader):
        found = gf.Worker(loader, lambda batch: batch["movie"].x).predict()
        np.testing.assert_array_equal(found.ids, np.arange(50))
        np.testing.assert_array_equal(found.values, typed[0]["movie"].x)
    with pytest.raises(ValueError, match=r"gave \[20\]; which \['director', 'studio'\] all have"):
        gf.Worker(padded_loader, lambda batch: np.zeros(20)).predict()
    with pytest.raises(ValueError, match=r"gave \[21\]; the batch's types have \{'movie': 60"):
        gf.Worker(padded_loader, lambda batch: np.zeros(21)).predict()


@pytest.mark.parametrize("kind", [gf.LinkNeighborLoader, gf.FixedSizeLinkNeighborLoader])
def test_seed_edges_are_refused(homogeneous, typed, kind):
    loaders = [kind(homogeneous, [2], batch_size=8, seed=0),
               kind(typed, [2], typed.info.edge_types[0], batch_size=8, seed=0)]  # fmt: skip
    for loader in loaders:
        with pytest.raises(RuntimeError, match="seed edges have no id of a node"):
            gf.Worker(loader, lambda batch: np.zeros((batch.num_nodes, 1))).predict()


def test_rows_that_do_not_fit_are_refused(rings):
    loader = padded(rings, shuffle=False)
    with pytest.raises(ValueError, match=r"gave \[40, 3\], but the batch has 6 graphs"):
        gf.Worker(loader, lambda batch: batch.x).predict()
    with pytest.raises(ValueError, match='predictions are under "out"'):
        gf.Worker(loader, lambda batch: {"loss": 1}).predict()
    sampler = [[0, 1], [1, 2]]
    loader = gf.DataLoader(rings, batch_sampler=sampler)
    with pytest.raises(RuntimeError, match="graph_ids"):
        gf.Worker(loader, lambda batch: batch.y).predict()
