"""Unions of clusters against the recorded ones, in which nothing is drawn; and on a real graph."""

import golden
import numpy as np
import pytest
from shared_data import shared_dir

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


def test_cora_in_a_hundred_clusters(client):
    """METIS at the server: every node in one batch, few edges lost, sizes alike."""
    data = shared_dir("data")
    if data is None:
        pytest.skip("the datasets are absent")
    client.ingest("cora-clusters", gf.read_planetoid(data / "cora" / "raw", "cora"))
    dataset = client.dataset("cora-clusters")
    whole = dataset[0]
    plain = gf.ClusterLoader(dataset, num_parts=100, batch_size=10, shuffle=True, seed=0)
    options = gf.FixedSizeOptions.from_loader(plain, sample_limit=30)
    loader = gf.FixedSizeClusterLoader(
        plain.dataset, num_parts=100, batch_size=10, shuffle=True, seed=0,
        fixed_size_options=options,
    )  # fmt: skip
    assert loader.dataset.info == plain.dataset.info, "partitioned once"
    nodes, edges = [], []
    for batch in loader:
        (real,) = batch.counts
        n_id, e_id = batch.n_id[: real.nodes], batch.e_id[: real.edges]
        index = batch.edge_index[:, : real.edges]
        np.testing.assert_array_equal(n_id[index], whole.edge_index[:, e_id])
        np.testing.assert_array_equal(batch.x[: real.nodes], whole.x[n_id])
        inside = np.isin(whole.edge_index, n_id).all(axis=0)
        assert sorted(e_id.tolist()) == np.flatnonzero(inside).tolist()
        nodes += n_id.tolist()
        edges += e_id.tolist()
        assert real.seeds == 10 and not batch.trimmed.total_nodes
        assert 200 < real.nodes < 350
    assert sorted(nodes) == list(range(2708)) and len(set(edges)) == len(edges)
    # A random split into ten batches would keep a tenth of the edges.
    assert len(edges) > 0.5 * whole.num_edges
