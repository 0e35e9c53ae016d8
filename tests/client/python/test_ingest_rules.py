"""What rows, names and empty tensors mean on their way in."""

import numpy as np
import pytest
from test_ingest import assert_dataset, assert_same, levels

import graphfeed as gf

SINGLE = {"x": np.ones((5, 1)), "edge_index": np.array([[0, 1, 2], [1, 2, 4]])}


def test_single_values_named_index_are_stored_and_shifted(ingest):
    torch = pytest.importorskip("torch")
    graphs = [
        {
            "x": np.ones((n, 1), np.float32),
            "edge_index": np.array([[0, 1], [1, 0]]),
            "index": np.array([100 + i]),
            "residue_index": np.arange(n) * 7 - 3,
            "bond_index": np.array([3, -1], np.int32),
            "sample_index": 1000 * i,
            "zero_index": torch.tensor(5),
            "refractive_index": np.linspace(1.1, 1.5, n),
            "wave_index": np.array([[0.5, 1.5]]),
            "is_index": np.arange(n) % 2 == 0,
        }
        for i, n in enumerate([3, 4, 5])
    ]
    dataset = ingest(graphs)
    assert_dataset(dataset, graphs)
    (batch,) = gf.DataLoader(dataset, batch_size=3)
    first = [0, 3, 7]
    assert batch.index.tolist() == [100, 104, 109]
    assert batch.sample_index.tolist() == [0, 1003, 2007]
    assert batch.zero_index.tolist() == [5, 8, 12]
    assert batch.bond_index.tolist() == [3, -1, 6, 2, 10, 6]
    shifted = [g["residue_index"] + f for g, f in zip(graphs, first)]
    np.testing.assert_array_equal(batch.residue_index, np.concatenate(shifted))
    # No node is at 1.5: floats come as they are.
    floats = [g["refractive_index"] for g in graphs]
    np.testing.assert_array_equal(batch.refractive_index, np.concatenate(floats))
    assert batch.wave_index.shape == (1, 6)
    arrays = gf.Collection(
        nodes={"residue_index": np.concatenate([g["residue_index"] for g in graphs])},
        graphs={"index": np.array([100, 101, 102])},
        node_ptr=[0, 3, 7, 12],
    )
    (batch,) = gf.DataLoader(ingest(arrays), batch_size=3)
    np.testing.assert_array_equal(batch.residue_index, np.concatenate(shifted))
    assert batch.index.tolist() == [100, 104, 109]


def test_empty_tensors_take_the_form_of_others(ingest, monkeypatch):
    torch = pytest.importorskip("torch")
    empty = {
        "x": torch.tensor([]),
        "edge_index": torch.tensor([], dtype=torch.long),
        "edge_attr": torch.tensor([]),
        "names": [],
    }
    graph = {
        "x": np.ones((3, 2), np.float64),
        "edge_index": np.array([[0, 1], [1, 2]]),
        "edge_attr": np.arange(8, dtype=np.int16).reshape(2, 4),
        "names": ["a", "b", "c"],
    }
    whole = {
        "x": np.zeros((0, 2)),
        "edge_index": np.zeros((2, 0), int),
        "edge_attr": np.zeros((0, 4), np.int16),
        "names": [],
    }
    orders = [[0, 1, 1], [0, 0, 0, 1, 0, 1], [1, 0, 1]]
    for graphs_at_once in (1 << 16, 1):  # the server hears of the form later
        monkeypatch.setattr("graphfeed.ingest.blocks.BLOCK_GRAPHS", graphs_at_once)
        for order in orders:
            names = ("x", "edge_index", "edge_attr", "names")
            given = [{k: (empty, graph)[i][k] for k in names} for i in order]
            wanted = [{k: (whole, graph)[i][k] for k in names} for i in order]
            dataset = ingest(given)
            for got, want in zip(dataset, wanted):
                assert {k: got[k].dtype for k in names[:3]} == {
                    "x": np.float64, "edge_index": np.int64, "edge_attr": np.int16
                }  # fmt: skip
                assert_same(got, {k: v for k, v in want.items() if k != "names"})
            (batch,) = gf.DataLoader(dataset, batch_size=len(order))
            assert batch.edge_attr.shape == (2 * sum(order), 4)
            assert levels(dataset)["names"] == "node"


def test_graphs_that_are_all_empty_are_stored(ingest):
    graph = {"x": np.zeros((0, 3)), "edge_index": [], "edge_attr": np.zeros(0)}
    dataset = ingest([graph, graph])
    assert dataset[1].edge_index.shape == (2, 0) and dataset[1].x.shape == (0, 3)


def test_a_form_that_differs_from_a_later_graphs_names_it(ingest):
    rows = {"x": np.ones((2, 1)), "edge_index": np.array([[0], [1]])}
    graphs = [rows | {"edge_attr": attr} for attr in (np.ones((1, 4)), np.ones((1, 3)))]
    empty = {"x": np.ones((2, 1)), "edge_index": [], "edge_attr": []}
    with pytest.raises(gf.InvalidArgument, match="graph 2: 'edge_attr'.*shape .3.*4. in graph 1"):
        ingest([empty, *graphs])


def test_lists_of_other_lengths_can_be_a_node_type(ingest):
    rng = np.random.default_rng(0)
    graphs = [
        {
            "atom": {"x": np.ones((n, 1), np.float32)},
            ("atom", "bond", "atom"): {"edge_index": np.array([[0], [1]])},
            "triple": {"atoms": rng.integers(0, n, (k, 2))},
        }
        for n, k in [(3, 4), (5, 0), (4, 7)]
    ]
    dataset = ingest(graphs)
    for got, wanted in zip(dataset, graphs):
        np.testing.assert_array_equal(got["triple"].atoms, wanted["triple"]["atoms"])
    (batch,) = gf.DataLoader(dataset, batch_size=3)
    assert batch["triple"].ptr.tolist() == [0, 4, 4, 11]
    (batch,) = gf.FixedSizeDataLoader(
        dataset,
        batch_size=4,
        fixed_size_options=gf.FixedSizeOptions(
            num_nodes={"atom": 20, "triple": 15}, num_edges=10, num_graphs=4
        ),
    )
    assert batch["triple"].atoms.shape == (15, 2) and batch["triple"].nodes_mask.sum() == 11


def test_values_named_index_that_cannot_be_shifted_say_why(ingest):
    graph = {"x": np.ones((3, 1)), "residue_index": np.array([1, 2, 3], np.int16)}
    with pytest.raises(gf.InvalidArgument, match="residue_index.*int32 or int64, not int16"):
        ingest([graph, graph])
    graph["residue_index"] = np.array([1, 2**63 - 1, 3])
    with pytest.raises(gf.InvalidArgument, match="graph 0.*residue_index.*row 1 is 922337.*2.62"):
        ingest([graph, graph])
    graph["residue_index"] = np.array([1, 7, 3])
    with pytest.raises(gf.InvalidArgument, match="names node 7, which does not exist"):
        ingest(
            [graph | {"edge_index": np.array([[0], [1]])}],
            transforms=[gf.transforms.RemoveIsolatedNodes()],
        )


def test_neighborhoods_gather_single_values_named_index(ingest):
    graph = SINGLE | {"residue_index": np.array([70, 60, 50, 40, 30])}
    for batch in gf.NeighborLoader(ingest(graph), [2], batch_size=2, index_dtype="int32"):
        np.testing.assert_array_equal(batch.residue_index, 70 - 10 * batch.n_id)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"num_nodes": 7}, '"x".*5 rows for 7 nodes.*kinds={"x": "graph"}'),
        ({"edge_attr": np.ones((2, 4))}, '"edge_attr".*2 rows for 3 edges'),
        ({"edge_weight": np.ones(5)}, '"edge_weight".*5 rows for 3 edges'),
        ({"pos": np.ones((4, 3))}, '"pos".*4 rows for 5 nodes'),
        ({"z": np.ones(3, int)}, '"z".*3 rows for 5 nodes.*kinds={"z": "edge"}'),
        ({"train_mask": np.ones(4, bool)}, '"train_mask".*4 rows for 5 nodes and 3 edges'),
        ({"y": np.ones(6)}, '"y".*6 rows for 5 nodes and 3 edges'),
    ],
)
def test_rows_that_do_not_fit_their_name_are_refused(ingest, wrong, message):
    graph = SINGLE | wrong
    with pytest.raises(gf.InvalidArgument, match=message):
        ingest(graph)
    name = next(iter(wrong))
    if name == "y":  # several targets of every graph
        assert levels(ingest([graph, graph]))["y"] == "graph"
    else:
        with pytest.raises(gf.InvalidArgument, match=message):
            ingest([graph, graph])
    meant = "x" if name == "num_nodes" else name
    level = "edge" if name == "z" else "graph"
    assert levels(ingest(graph, kinds={meant: level}))[meant] == level


def test_rows_that_do_not_fit_their_name_are_refused_before_transforms(ingest):
    # Without its isolated nodes it would fit.
    graph = SINGLE | {"num_nodes": 7}
    with pytest.raises(gf.InvalidArgument, match="column x.*5 rows for 7 nodes"):
        ingest(graph, transforms=[gf.transforms.RemoveIsolatedNodes()])
