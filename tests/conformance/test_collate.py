"""One fixed-size batch from a list of graphs, against the recorded ones; and what ours does where
the recorded behaviour is a defect."""

import golden
import numpy as np
import pytest
from invariants import assert_padding_is_sound

import graphfeed as gf


def batch_of(case, ingest, **overrides):
    """All graphs of a case as one batch."""
    dataset = ingest([golden.graph(graph) for graph in case["graphs"]])
    arguments = {
        "fixed_size_options": golden.options(case["options"]),
        "over_size_strategy": golden.OVER_SIZE[case["trim_nodes"], case["trim_edges"]],
        "add_pad_masks": case["masks"],
        "follow_batch": case["follow_batch"],
        "exclude_keys": case["exclude_keys"],
        "batch_sampler": [range(len(dataset))],
        "seed": case["seed"] or 0,
    }
    loader = gf.FixedSizeDataLoader(dataset, **(arguments | overrides))
    (batch,) = loader
    return batch


def sound(case):
    return case["quirk"] is None


def draws(case):
    return case["trim_nodes"] or case["trim_edges"]


@golden.parametrize("collate", lambda c: sound(c) and not draws(c) and "ok" in c["expect"])
def test_batch(case, ingest):
    batch = batch_of(case, ingest)
    golden.assert_batch_equal(batch, case["expect"]["ok"])
    assert batch.num_real_graphs == len(case["graphs"])


@golden.parametrize("collate", lambda c: sound(c) and "error" in c["expect"])
def test_refused(case, ingest):
    with pytest.raises(golden.error_types(case["expect"]["error"])):
        batch_of(case, ingest)


@golden.parametrize("collate", lambda c: draws(c) and "ok" in c["expect"])
def test_trimmed(case, ingest):
    """Other draws than upstream's, the same shapes, and padding that touches no real node."""
    batch = batch_of(case, ingest)
    options = golden.options(case["options"])
    assert_padding_is_sound(batch)
    assert (batch.num_nodes, batch.num_edges) == (options.total_num_nodes, options.total_num_edges)
    assert batch.num_real_graphs == len(case["graphs"])
    if sound(case):
        masks = golden.graph(case["expect"]["ok"])
        for mask in ("graphs_mask", "nodes_mask", "edges_mask"):
            if mask == "graphs_mask" and len(masks["y"]) < len(masks[mask]):
                continue  # an exact fill, where upstream makes no padding graph
            assert batch[mask].shape == masks[mask].shape


def quirk(name):
    """Runs a test for one recorded defect."""
    return golden.parametrize("collate", lambda case: case["name"] == name)


@quirk("fewer_pad_nodes_than_pad_graphs")
def test_padding_graph_without_nodes_borrows_one(case, ingest):
    """Upstream's edge ids leave the range."""
    batch = batch_of(case, ingest)
    assert_padding_is_sound(batch)
    pad_edges = batch.edge_index[:, ~batch.edges_mask]
    assert pad_edges.shape[1] == 6 and (pad_edges == 5).all()
    expected = golden.graph(case["expect"]["ok"])
    for name in set(expected) - {"edge_index"}:
        np.testing.assert_array_equal(batch[name], expected[name], err_msg=name)


@quirk("exact_fill_no_pad_graph")
def test_exact_fill_keeps_static_shapes(case, ingest):
    """Upstream's y and ptr are shorter."""
    batch = batch_of(case, ingest)
    assert_padding_is_sound(batch)
    assert batch.y.tolist() == [5, 6, 0, 0]
    assert batch.ptr.tolist() == [0, 3, 5, 5, 5]
    assert batch.graphs_mask.tolist() == [True, True, False, False]
    assert batch.nodes_mask.all() and batch.edges_mask.all()


@quirk("zero_pad_nodes")
def test_padding_edges_need_a_spare_node(case, ingest):
    """Upstream's edge ids leave the range."""
    with pytest.raises(gf.FailedPrecondition, match="node"):
        batch_of(case, ingest)


@quirk("y_ambiguous_all_one_node")
def test_labels_of_one_node_graphs_belong_to_the_graphs(case, ingest):
    """Upstream asserts."""
    batch = batch_of(case, ingest)
    assert_padding_is_sound(batch)
    assert batch.y.tolist() == [5, 6, 0]
    assert batch.x.shape[0] == batch.num_nodes and batch.edge_attr.shape[0] == batch.num_edges


@quirk("first_graph_one_node")
def test_level_does_not_depend_on_the_first_graph(case, ingest):
    """Upstream pads y by the number of nodes."""
    batch = batch_of(case, ingest)
    assert_padding_is_sound(batch)
    expected = golden.graph(case["expect"]["ok"])
    assert batch.y.shape == (batch.num_graphs,)
    for name in set(expected) - {"y"}:
        np.testing.assert_array_equal(batch[name], expected[name], err_msg=name)


@quirk("hetero_exact_fill_equal_graphs")
def test_full_batch_of_typed_graphs_is_all_real(case, ingest):
    """Upstream's masks are all False."""
    batch = batch_of(case, ingest)
    assert batch.graphs_mask.all()
    for node_type in batch.node_types:
        assert batch[node_type].nodes_mask.all()
    for edge_type in batch.edge_types:
        assert batch[edge_type].edges_mask.all()
    _assert_equal_but_masks(batch, case)


@quirk("hetero_exact_fill_three_graphs")
def test_exact_fill_of_typed_graphs_keeps_static_shapes(case, ingest):
    """Upstream masks the last real graph."""
    batch = batch_of(case, ingest)
    assert_padding_is_sound(batch)
    assert batch.graphs_mask.tolist() == [True, True, False]
    assert batch.y.tolist() == [1, 2, 0]
    assert batch["a"].ptr.tolist() == [0, 3, 5, 5]
    assert batch["b"].ptr.tolist() == [0, 2, 3, 3]
    for node_type in batch.node_types:
        assert batch[node_type].nodes_mask.all()


def _assert_equal_but_masks(batch, case):
    expected = golden.graph(case["expect"]["ok"])
    for key in (*batch.node_types, *batch.edge_types):
        for name, array in expected[key].items():
            if not name.endswith("s_mask"):
                np.testing.assert_array_equal(batch[key][name], array, err_msg=f"{key} {name}")


def test_every_quirk_is_covered():
    """A defect that is recorded later shows up here."""
    names = {case["name"] for case in golden.cases("collate") if not sound(case)}
    covered = {
        "fewer_pad_nodes_than_pad_graphs",
        "exact_fill_no_pad_graph",
        "zero_pad_nodes",
        "y_ambiguous_all_one_node",
        "first_graph_one_node",
        "hetero_exact_fill_equal_graphs",
        "hetero_exact_fill_three_graphs",
    }
    trimmed = {case["name"] for case in golden.cases("collate") if draws(case)}
    assert names <= covered | trimmed
