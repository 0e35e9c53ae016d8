"""FixedSizeOptions against the recorded ones."""

import golden
import pytest

import graphfeed as gf

CASES = {case["name"]: case for case in golden.cases("options")}


def recorded(name: str) -> dict:
    if name not in CASES:
        pytest.skip("recorded cases are absent")
    return CASES[name]


def test_default_edges_are_all_pairs():
    golden.assert_options_equal(gf.FixedSizeOptions(5), recorded("ctor_default_edges")["expect"])


def test_default_edges_of_counts_by_type():
    case = recorded("ctor_dict_nodes")
    golden.assert_options_equal(gf.FixedSizeOptions(case["num_nodes"]), case["expect"])


@pytest.mark.parametrize("edges", [None, 0])
def test_no_edges_means_the_default(edges):
    assert gf.FixedSizeOptions(4, edges).num_edges == 12


def test_one_graph_leaves_no_room_for_padding():
    assert "error" in recorded("ctor_num_graphs_1")["expect"]
    with pytest.raises(ValueError, match="num_graphs is 1"):
        gf.FixedSizeOptions(5, num_graphs=1)


def test_repr():
    options = gf.FixedSizeOptions(num_nodes=400, num_edges=800, num_graphs=10)
    assert repr(options) == recorded("repr")["expect"]


@pytest.mark.parametrize("name", ["from_dataset_2", "from_dataset_4"])
def test_from_dataset(name, ingest):
    case = recorded(name)
    dataset = ingest(golden.graphs_of_sizes(case["sizes"]))
    batch_size = case["expect"]["num_graphs"]
    golden.assert_options_equal(
        gf.FixedSizeOptions.from_dataset(dataset, batch_size), case["expect"]
    )


def test_from_dataset_needs_room_for_padding(ingest):
    assert "error" in recorded("from_dataset_bs1")["expect"]
    with pytest.raises(ValueError, match="at least 2"):
        gf.FixedSizeOptions.from_dataset(ingest(golden.graphs_of_sizes([[3, 2]])), 1)


def test_from_dataset_honours_sample_limit(ingest):
    case = recorded("from_dataset_sample_limit_ignored")
    dataset = ingest(golden.graphs_of_sizes(case["sizes"]))
    options = gf.FixedSizeOptions.from_dataset(dataset, 4, sample_limit=case["sample_limit"])
    nodes, edges = case["sizes"][0]
    assert (options.num_nodes, options.num_edges) == (nodes * 3 + 1, edges * 3 + 1)
    whole = gf.FixedSizeOptions.from_dataset(dataset, 4)
    golden.assert_options_equal(whole, case["expect"])


def test_from_dataset_by_type(ingest):
    case = recorded("from_dataset_hetero")
    dataset = ingest([golden.graph(graph) for graph in case["graphs"]])
    options = gf.FixedSizeOptions.from_dataset(dataset, case["batch_size"])
    golden.assert_options_equal(options, case["expect"])


@pytest.mark.parametrize("name", ["from_loader_batches_of_2", "from_loader_batches_of_2_limit1"])
def test_from_loader(name, ingest):
    case = recorded(name)
    dataset = ingest(golden.graphs_of_sizes(case["sizes"]))
    loader = gf.DataLoader(dataset, batch_size=case["batch_size"])
    options = gf.FixedSizeOptions.from_loader(loader, case.get("sample_limit") or 1000)
    golden.assert_options_equal(options, case["expect"])
    assert next(iter(loader)).position == (0, 0), "no epoch of the loader may be consumed"
