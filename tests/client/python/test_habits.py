"""What programs for PopTorch Geometric's and PyG's loaders are used to."""

import subprocess
import warnings

import numpy as np
import pytest
from sampled_graphs import assert_from_graph, fixed, plain

import graphfeed as gf


@pytest.fixture(scope="module")
def dataset(client):
    graphs = [
        {
            "x": np.full((3, 2), i, np.float32),
            "edge_index": np.array([[0, 1], [1, 2]]),
            "y": np.array([i]),
        }
        for i in range(10)
    ]
    client.ingest("habits", graphs)
    return client.dataset("habits")


def test_a_batch_size_of_two_is_the_default(dataset):
    loader = gf.FixedSizeDataLoader(dataset)
    assert loader.batch_size == 2 == loader.fixed_size_options.num_graphs
    assert [int(batch.y[0]) for batch in loader] == list(range(10))
    options = gf.FixedSizeOptions(40, 40, 7)
    assert gf.FixedSizeDataLoader(dataset, fixed_size_options=options).batch_size == 7


def test_arguments_stand_where_theirs_stand(dataset):
    options = gf.FixedSizeOptions(40, 40, 5)
    loader = gf.FixedSizeDataLoader(
        dataset, 5, True, options, "StreamPack", "Skip", False, ["x"], ["y"], {"device_iterations": 2}
    )  # fmt: skip
    assert loader.fixed_size_options is options and loader.shuffle and loader.micro_batches == 2
    assert loader.fixed_size_strategy is gf.FixedSizeStrategy.StreamPack
    assert loader.over_size_strategy is gf.OverSizeStrategy.Skip
    assert set(loader.peek().keys()) == {"x", "edge_index", "batch", "ptr", "x_batch", "x_ptr"}
    plain_loader = gf.DataLoader(dataset, 4, False, ["x"], ["y"])
    assert set(plain_loader.peek().keys()) == {
        "x", "edge_index", "batch", "ptr", "x_batch", "x_ptr"
    }  # fmt: skip


def test_arguments_may_stand_where_they_stood_in_former_versions(dataset):
    options = gf.FixedSizeOptions(40, 40, 5)
    for arguments in ((5, True, 3, options, "StreamPack"), (5, True, np.int64(3), options)):
        loader = gf.FixedSizeDataLoader(dataset, *arguments)
        assert loader.seed == 3 and loader.fixed_size_options is options
    assert gf.FixedSizeDataLoader(dataset, 5, True, None, options).fixed_size_options is options
    assert gf.FixedSizeDataLoader(dataset, 5, True, 3, fixed_size_options=options).seed == 3
    assert gf.DataLoader(dataset, 5, True, 3).seed == 3
    with pytest.raises(TypeError):
        gf.FixedSizeDataLoader(dataset, 5, True, True)


def test_a_dataset_may_be_called_data(dataset, homogeneous):
    for loader in (
        gf.NeighborLoader(data=homogeneous, num_neighbors=[2], batch_size=3),
        gf.FixedSizeNeighborLoader(data=homogeneous, num_neighbors=[2], batch_size=3),
        gf.LinkNeighborLoader(data=homogeneous, num_neighbors=[2]),
        gf.FixedSizeLinkNeighborLoader(data=homogeneous, num_neighbors=[2]),
        gf.ClusterLoader(data=homogeneous, partition="time"),
        gf.FixedSizeClusterLoader(data=homogeneous, partition="time"),
        gf.DataLoader(data=dataset),
        gf.FixedSizeDataLoader(data=dataset),
    ):
        assert loader.dataset.name in ("sampled-homogeneous", "habits") and len(loader) > 0
    with pytest.raises(TypeError, match="twice"):
        gf.NeighborLoader(homogeneous, [2], data=homogeneous)
    with pytest.raises(TypeError, match="missing"):
        gf.NeighborLoader(num_neighbors=[2])


def test_strategies_by_name():
    assert gf.FixedSizeStrategy("StreamPack") is gf.FixedSizeStrategy.StreamPack
    assert gf.OverSizeStrategy("trim_nodes") is gf.OverSizeStrategy("TrimNodes")
    theirs = type("FixedSizeStrategy", (), {"name": "PadToMax", "value": 0})()
    assert gf.FixedSizeStrategy(theirs) is gf.FixedSizeStrategy.PadToMax
    with pytest.raises(gf.InvalidArgument, match="'Packed' is no FixedSizeStrategy; .*StreamPack"):
        gf.FixedSizeStrategy("Packed")


def test_options(dataset):
    options = gf.FixedSizeOptions(10, 20)
    assert options.to_hetero(["a"], [("a", "to", "a")]) is options and options.is_hetero()
    sizes = gf.FixedSizeOptions.from_dataset(dataset, 4, progress_bar=True)
    assert sizes == gf.FixedSizeOptions.from_dataset(dataset, 4) == gf.FixedSizeOptions(10, 7, 4)
    found = gf.FixedSizeOptions.from_loader(gf.DataLoader(dataset, 3), progress_bar=False)
    assert found == sizes


def test_what_has_no_effect_is_told(dataset):
    with pytest.warns(UserWarning, match="timeout has no effect: .*retry_timeout"):
        gf.DataLoader(dataset, timeout=10)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        gf.DataLoader(dataset, timeout=0, num_workers=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'shufle'"):
        gf.FixedSizeDataLoader(dataset, 3, shufle=True)


def test_keys_that_are_excluded(dataset, homogeneous):
    with pytest.warns(UserWarning, match="exclude_keys has 'name', 'pos', .*'y'") as told:
        loader = gf.FixedSizeDataLoader(dataset, 3, exclude_keys=["pos", "y", "name"])
    assert told[0].filename == __file__
    assert "y" not in loader.peek() and loader.exclude_keys == ["y"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loader = gf.FixedSizeDataLoader(dataset, 3, exclude_keys=["x"], follow_batch=["x", "y"])
    assert "x_batch" not in loader.peek() and "y_batch" in loader.peek()
    with pytest.warns(UserWarning, match="'nothing'"):
        homogeneous.subgraph(np.arange(3), exclude_keys=["nothing"])


def test_make_exclude_keys(dataset, typed):
    assert gf.make_exclude_keys(["x", "edge_index"], dataset) == ["y"]
    assert gf.make_exclude_keys(("x",), dataset[0]) == ["edge_index", "y"]
    kept = gf.make_exclude_keys(["x", "edge_index"], typed)
    assert kept == ["edge_attr", "time", "train_mask", "y"]
    assert gf.make_exclude_keys(["x", "edge_index"], typed[0]) == kept
    batch = plain(typed, input_nodes="movie", exclude_keys=kept).peek()
    assert set(batch["movie"].keys()) == {"x", "n_id", "input_id"}


def test_num_neighbors_as_an_object(typed):
    by_type = gf.NumNeighbors({"movie__to__director": [1, 2]}, default=[3, 0])
    loader = plain(typed, num_neighbors=by_type, input_nodes="movie")
    assert loader.num_neighbors == {
        "movie|to|director": [1, 2], "director|to|movie": [3, 0], "movie|follows|movie": [3, 0]
    }  # fmt: skip
    theirs = type("NumNeighbors", (), {"values": [2, 2], "default": None})()
    assert plain(typed, num_neighbors=theirs, input_nodes="movie").num_neighbors == {"": [2, 2]}
    with pytest.raises(gf.InvalidArgument, match="no entry for edge type"):
        plain(typed, num_neighbors=gf.NumNeighbors({}), input_nodes="movie")


@pytest.mark.parametrize("make", [plain, fixed])
def test_a_loader_called_with_places_samples_their_seeds(graph, make):
    dataset, whole, seeds, store = graph
    loader = make(dataset, shuffle=True, **seeds)  # of nodes 3 to 19
    batch = loader([2, 0, -1])
    assert_from_graph(whole, batch)
    assert store(batch).n_id[:3].tolist() == [5, 3, 19]
    assert store(batch).input_id[:3].tolist() == [2, 0, -1] and store(batch).batch_size == 3
    np.testing.assert_array_equal(store(loader([2, 0, -1])).n_id, store(batch).n_id)
    assert loader.epoch == 0 and len(loader) == 4
    with pytest.raises(gf.OutOfRange, match="index has 17; there are 17 seeds"):
        loader([17])
    with pytest.raises(gf.InvalidArgument, match="index has 0 places"):
        loader([])
    if make is fixed:
        with pytest.raises(gf.InvalidArgument, match="takes 1 to 5"):
            loader(np.arange(6))
    else:
        assert store(loader(np.arange(6))).batch_size == 6


def test_places_in_a_mask_times_and_links(homogeneous):
    loader = plain(homogeneous, input_nodes="train_mask")  # nodes 0, 3, 6, ...
    assert loader([1, 4]).n_id[:2].tolist() == [3, 12]
    times = np.arange(20) % 7
    loader = plain(homogeneous, input_nodes=np.arange(20), input_time=times, time_attr="time")
    batch = loader([8])
    assert batch.n_id[0] == 8 and (batch.time[1:] <= times[8]).all()
    sampling = {"num_neighbors": [2], "seed": 0, "batch_size": 4}
    pairs = np.array([[0, 1, 2, 3], [4, 5, 6, 7]])
    loader = gf.LinkNeighborLoader(homogeneous, edge_label_index=pairs, edge_label=[9, 8, 7, 6],
                                   **sampling)  # fmt: skip
    batch = loader([3, 1])
    assert batch.n_id[batch.edge_label_index].tolist() == [[3, 1], [7, 5]]
    assert batch.edge_label.tolist() == [6, 8] and batch.input_id.tolist() == [3, 1]
    raised = gf.LinkNeighborLoader(homogeneous, edge_label_index=pairs, edge_label=[0, 1, 2, 3],
                                   neg_sampling="binary", **sampling)  # fmt: skip
    assert raised([3, 1]).edge_label.tolist() == [4, 2, 0, 0], "as in a batch of all of them"
    assert raised([0, 1]).edge_label.tolist() == [1, 2, 0, 0]
    by_id = gf.LinkNeighborLoader(homogeneous, edge_label_index=np.arange(50, 60), **sampling)([5])
    ends = by_id.n_id[by_id.edge_label_index][:, 0]
    assert ends.tolist() == homogeneous[0].edge_index[:, 55].tolist()


def test_the_version_is_that_of_the_program(monkeypatch):
    import os

    shown = subprocess.run([os.environ["GRAPHFEED_CLI"], "--version"], capture_output=True, text=True)
    assert shown.stdout.split() == ["graphfeed", gf.__version__]


@pytest.mark.parametrize("strategy", ["TrimNodes", "TrimEdges", "TrimNodesAndEdges"])
def test_packing_never_trims_and_says_why(strategy, client):
    def graph(movies):
        return {
            "movie": {"x": np.ones((movies, 1), np.float32)},
            "actor": {"x": np.ones((1, 1), np.float32)},
            ("movie", "to", "actor"): {"edge_index": np.zeros((2, 1), int)},
        }

    dataset = client.ingest(f"packed-{strategy}", [graph(2), graph(5), graph(2)])

    def packed(movies):
        options = gf.FixedSizeOptions({"movie": movies, "actor": 30}, 30, 4)
        return list(
            gf.FixedSizeDataLoader(
                dataset, fixed_size_options=options, fixed_size_strategy="StreamPack",
                over_size_strategy=strategy,
            )
        )  # fmt: skip

    with pytest.raises(gf.FailedPrecondition) as raised:
        packed(5)
    assert "graph 1 has 5 nodes of type movie; a batch holds 4" in str(raised.value)
    assert "packing never trims, since it keeps to the size of every type" in str(raised.value)
    batches = packed(6)
    assert [batch.num_real_graphs for batch in batches] == [1, 1, 1]
    assert all(batch.trimmed.total_nodes == 0 for batch in batches)
