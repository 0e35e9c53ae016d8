"""Unions of clusters against the recorded ones: nothing in them is drawn."""

import golden
import numpy as np

import graphfeed as gf


def dataset_of(case, ingest):
    """The recorded graph with its recorded partition as a column."""
    graph = golden.graph(case["graph"]) | {"cluster": np.array(case["assign"])}
    return ingest(graph)


def assert_holds(batch, recorded):
    """Every recorded tensor."""
    for name, value in golden.graph(recorded).items():
        if isinstance(value, np.ndarray):
            assert batch[name].dtype == value.dtype, name
            np.testing.assert_array_equal(batch[name], value, err_msg=name)


@golden.parametrize("cluster")
def test_plain_batches(case, ingest):
    loader = gf.ClusterLoader(
        dataset_of(case, ingest), partition="cluster", batch_size=case["batch_size"]
    )
    batches = list(loader)
    assert len(batches) == len(loader) == len(case["dynamic"])
    start = 0
    for batch, recorded in zip(batches, case["dynamic"]):
        assert_holds(batch, recorded)
        end = start + batch.num_nodes
        np.testing.assert_array_equal(batch.n_id, case["node_perm"][start:end])
        start = end
    assert start == len(case["assign"])


@golden.parametrize("cluster")
def test_fixed_batches(case, ingest):
    loader = gf.FixedSizeClusterLoader(
        dataset_of(case, ingest),
        partition="cluster",
        batch_size=case["batch_size"],
        fixed_size_options=golden.options(case["options"]),
    )
    batches = list(loader)
    assert len(batches) == len(loader) == len(case["expect"])
    for batch, recorded in zip(batches, case["expect"]):
        assert_holds(batch, recorded)
        for name in ("num_graphs", "num_nodes", "num_edges"):
            assert getattr(batch, name) == recorded[name]


@golden.parametrize("cluster")
def test_sizes_from_the_plain_loader(case, ingest):
    loader = gf.ClusterLoader(
        dataset_of(case, ingest), partition="cluster", batch_size=case["batch_size"]
    )
    golden.assert_options_equal(gf.FixedSizeOptions.from_loader(loader), case["from_loader"])
