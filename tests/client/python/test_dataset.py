"""The dataset surface."""

import pickle
import types

import numpy as np
import pytest
from graphfeed.dataset import Dataset

import graphfeed as gf


@pytest.fixture(scope="module")
def dataset(client):
    """60 graphs; y is the class (3 of them, unevenly), idx the number, name a string."""
    rng = np.random.default_rng(1)
    graphs = []
    for i in range(60):
        n = int(rng.integers(2, 9))
        e = int(rng.integers(0, 12))
        graphs.append(
            {
                "x": rng.random((n, 4), np.float32),
                "edge_index": rng.integers(0, n, (2, e)),
                "edge_attr": rng.random((e, 2), np.float32),
                "y": np.array([0 if i % 2 else 1 + (i % 6 == 0)]),
                "idx": np.array([[i, -i]]),
                "name": f"g{i}",
            }
        )
    client.ingest("surface", graphs)
    found = client.dataset("surface")
    found.graphs = graphs
    return found


def ids(part):
    return part.graph_ids.tolist()


def test_length_and_repr(dataset):
    assert len(dataset) == 60 and repr(dataset) == "surface@1(60)"
    assert dataset.name == "surface" and dataset.info.version == 1


def test_a_number_gives_the_graph(dataset):
    for i in (0, 7, -1):
        np.testing.assert_array_equal(dataset[i].x, dataset.graphs[i]["x"])
        edge_index = dataset[np.int64(i)].edge_index
        np.testing.assert_array_equal(edge_index, dataset.graphs[i]["edge_index"])
    assert dataset[5].name == "g5"
    torch = pytest.importorskip("torch")
    assert dataset[torch.tensor(5)].name == "g5"


@pytest.mark.parametrize("index", [60, -61])
def test_an_index_out_of_range(index, dataset):
    with pytest.raises(IndexError, match="60 graphs"):
        dataset[index]
    with pytest.raises(IndexError, match="60 graphs"):
        dataset[[0, index]]


@pytest.mark.parametrize("index", [1.5, "x", True, [[1, 2]], [1.5], None])
def test_an_index_that_is_none(index, dataset):
    with pytest.raises(ValueError):
        dataset[index]


def test_parts(dataset):
    everything = list(range(60))
    assert ids(dataset[:15]) == everything[:15]
    assert ids(dataset[10:50][5:]) == everything[15:50]
    assert ids(dataset[::-7]) == everything[::-7]
    assert ids(dataset[3::4][::2]) == everything[3::4][::2]
    assert ids(dataset[[5, 3, 3, -1]]) == [5, 3, 3, 59]
    assert ids(dataset[20:][np.array([0, -1])]) == [20, 59]
    assert ids(dataset[dataset.column("y") == 2]) == everything[::6]
    assert ids(dataset[[True, False] * 30]) == everything[::2]
    assert ids(dataset[[]]) == [] and len(dataset[60:]) == 0
    torch = pytest.importorskip("torch")
    assert ids(dataset[torch.tensor([4, 2])]) == [4, 2]


@pytest.mark.parametrize("dtype", [np.uint8, np.int64])
def test_integers_that_may_be_a_mask_are_refused(dtype, dataset):
    mask = np.zeros(60, dtype)
    mask[[7, 9]] = 1
    for given in (mask, mask.tolist(), np.zeros(60, dtype), np.ones(60, dtype)):
        with pytest.raises(gf.InvalidArgument, match="mask of graphs is boolean.*as ids they would"):
            dataset[given]
    torch = pytest.importorskip("torch")
    with pytest.raises(gf.InvalidArgument, match="boolean"):
        dataset[torch.from_numpy(mask)]
    assert ids(dataset[mask.astype(bool)]) == [7, 9]
    assert ids(dataset[mask[:59]]) == mask[:59].tolist(), "no mask: another length"
    two = dataset[3:5]
    assert ids(two[[1, 0]]) == [4, 3] and ids(two[[0, 1]]) == [3, 4], "ids without repeats"
    assert ids(dataset[5:6][[0]]) == [5]
    with pytest.raises(gf.InvalidArgument, match="boolean"):
        two[[1, 1]]
    assert sorted(ids(two.shuffle(seed=1))) == [3, 4]


def test_a_graph_of_very_many_is_found_at_once():
    """2^40 graphs: nothing is made of that size."""
    info = types.SimpleNamespace(num_graphs=2**40, full_name="many@1")
    part = Dataset(None, info)[2**39 :]._part(np.array([3, -1 + 2**39]))
    assert ids(part) == [2**39 + 3, 2**40 - 1]


def test_a_mask_has_the_length_of_the_dataset(dataset):
    with pytest.raises(ValueError, match="59 entries"):
        dataset[[True] * 59]


def test_parts_are_read_in_their_order(dataset):
    order = [7, 59, 7, 0]
    assert [graph.name for graph in dataset[order]] == [f"g{i}" for i in order]
    assert dataset[order][1].name == "g59"
    assert dataset[order].column("idx")[:, 0].tolist() == order


def test_iteration_over_many_batches(dataset, monkeypatch):
    monkeypatch.setattr("graphfeed.dataset._READ_GRAPHS", 7)
    for graph, wanted in zip(dataset, dataset.graphs, strict=True):
        for name in ("x", "edge_index", "edge_attr", "y", "idx"):
            np.testing.assert_array_equal(graph[name], wanted[name])
        assert graph.name == wanted["name"]


def test_columns(dataset):
    assert dataset.column("idx").tolist() == [[i, -i] for i in range(60)]
    assert dataset.column("name").tolist() == [f"g{i}" for i in range(60)]
    assert dataset[[]].column("y").shape == (0,)
    with pytest.raises(LookupError, match=r"'x'.*\['y', 'idx', 'name'\]"):
        dataset.column("x")


def test_features_and_classes(dataset):
    assert dataset.num_features == dataset.num_node_features == 4
    assert dataset.num_edge_features == 2
    assert dataset.num_classes == 3
    assert dataset.metadata() == (["node"], [("node", "to", "node")])


@pytest.mark.parametrize(
    "labels, classes",
    [
        ([np.array([0.5]), np.array([2.5]), np.array([0.5])], 2),
        ([np.ones((1, 19)), np.ones((1, 19)), np.ones((1, 19))], 19),
        ([np.array([4]), np.array([0]), np.array([1])], 5),
    ],
)
def test_classes_by_the_rules_of_pyg(labels, classes, ingest):
    graphs = [{"x": np.ones((2, 1)), "edge_index": np.array([[0], [1]]), "y": y} for y in labels]
    assert ingest(graphs).num_classes == classes


def test_no_classes_without_labels(ingest):
    graph = {"pos": np.ones((2, 3)), "edge_index": np.array([[0], [1]])}
    dataset = ingest([graph])
    assert (dataset.num_classes, dataset.num_features, dataset.num_edge_features) == (0, 0, 0)


def test_summary_of_all_and_of_a_part(dataset):
    nodes = np.array([len(g["x"]) for g in dataset.graphs])
    edges = np.array([len(g["edge_attr"]) for g in dataset.graphs])
    for part, chosen in ((dataset, slice(None)), (dataset[::3], slice(None, None, 3))):
        summary = part.summary()
        assert summary.num_graphs == len(nodes[chosen])
        pairs = ((summary.num_nodes, nodes[chosen]), (summary.num_edges, edges[chosen]))
        for stats, sizes in pairs:
            assert stats.mean == pytest.approx(sizes.mean())
            assert stats.std == pytest.approx(sizes.std(ddof=1))
            assert (stats.min, stats.max) == (sizes.min(), sizes.max())
            assert stats.median == np.sort(sizes)[(len(sizes) - 1) // 2]
            assert stats.quantile25 == np.quantile(sizes, 0.25)
            assert stats.quantile75 == np.quantile(sizes, 0.75)
    assert str(dataset.summary()).startswith("surface (#graphs=60):\n+---")


def test_shuffle_gives_its_permutation(dataset):
    shuffled, perm = dataset.shuffle(seed=5, return_perm=True)
    assert sorted(perm) == list(range(60)) and perm.tolist() != list(range(60))
    assert ids(shuffled) == perm.tolist() == ids(dataset.shuffle(seed=5))
    assert ids(dataset[perm]) == ids(shuffled)
    assert ids(dataset.shuffle(seed=6)) != ids(shuffled)
    assert sorted(ids(dataset.shuffle())) == list(range(60))


def test_split_is_a_partition_that_its_seed_decides(dataset):
    parts = dataset.split([0.8, 0.1, 0.1], seed=0)
    assert [len(part) for part in parts] == [48, 6, 6]
    assert sorted(sum(map(ids, parts), [])) == list(range(60))
    assert [ids(p) for p in parts] == [ids(p) for p in dataset.split([0.8, 0.1, 0.1], seed=0)]
    assert ids(parts[0]) != ids(dataset.split([0.8, 0.1, 0.1], seed=1)[0])


@pytest.mark.parametrize("stratify", ["y", "array"])
def test_stratified_split_keeps_the_shares(stratify, dataset):
    labels = dataset.column("y")
    parts = dataset.split([0.5, 0.3, 0.2], seed=3, stratify=labels if stratify == "array" else "y")
    assert [len(part) for part in parts] == [30, 18, 12]
    for part, share in zip(parts, (0.5, 0.3, 0.2)):
        counts = np.bincount(labels[part.graph_ids], minlength=3)
        assert (abs(counts - share * np.bincount(labels)) <= 1).all()
        in_order = labels[part.graph_ids]
        assert (np.diff(in_order) != 0).sum() > 3, "labels are mixed within a part"


def test_stratify_needs_one_label_each(dataset):
    with pytest.raises(ValueError, match="one label"):
        dataset.split([0.5, 0.5], stratify="idx")
    with pytest.raises(LookupError):
        dataset.split([0.5, 0.5], stratify="nope")


def test_pickles_with_its_selection(dataset):
    part = pickle.loads(pickle.dumps(dataset[[4, 2]]))
    assert [graph.name for graph in part] == ["g4", "g2"]


def test_torch_and_pyg_forms(dataset):
    torch = pytest.importorskip("torch")
    graph = dataset[3].torch()
    assert isinstance(graph.x, torch.Tensor) and graph.name == "g3"
    assert graph.x.shape == dataset[3].x.shape
    with pytest.raises(ImportError, match="torch_geometric"):
        dataset[3].to_pyg()


def test_unknown_datasets(client):
    for name in ("nope", "surface@99"):
        with pytest.raises(LookupError, match=name.split("@")[0]):
            client.dataset(name)
    with pytest.raises(ValueError):
        client.dataset("surface@x")


def test_deleted_content_is_not_mixed_up(client):
    """A dataset is pinned to its content, not to its name."""
    graph = {"x": np.ones((2, 1)), "edge_index": np.array([[0], [1]])}
    client.ingest("replaced", [graph])
    old = client.dataset("replaced")
    client.delete("replaced")
    client.ingest("replaced", [graph, graph])
    with pytest.raises(gf.Error):
        list(old)


@pytest.mark.parametrize("name", ["transform", "pre_transform", "pre_filter"])
def test_what_would_be_ignored_is_refused(name, dataset):
    with pytest.raises(AttributeError, match=f"a dataset has no {name}.*transforms="):
        setattr(dataset, name, lambda graph: graph)
    loader = gf.FixedSizeDataLoader(dataset, batch_size=5)
    for name in ("transform", "collate_fn", "num_workers", "generator"):
        with pytest.raises(AttributeError, match=f"FixedSizeDataLoader has no {name}"):
            setattr(loader, name, None)
    loader.shuffle = True
    options = gf.FixedSizeOptions(10, 10)
    with pytest.raises(AttributeError, match="no 'num_node'; it has .'num_nodes'"):
        options.num_node = 11
    options.num_nodes = 11
