"""Graphs of a collection that no message holds, on every way in and out."""

import os
import subprocess

import numpy as np
import pytest

import graphfeed as gf

NODES = 1_150_000  # 74 MB of x; a message holds 64 MiB
NAMES = [f"node {i % 1000}" for i in range(NODES)]


@pytest.fixture(scope="module")
def graphs():
    rng = np.random.default_rng(0)
    edges = rng.integers(0, NODES, (2, 500_000), dtype=np.int32)
    large = {
        "x": rng.random((NODES, 16), dtype=np.float32),
        "edge_index": edges,
        "name": NAMES,
        "y": np.array([1.0]),
    }
    small = {
        "x": np.ones((2, 16), np.float32),
        "edge_index": edges[:, :1] % 2,
        "name": ["a", "b"],
        "y": np.array([2.0]),
    }
    return [small, large, small]


def assert_same(dataset, graphs):
    assert len(dataset) == len(graphs)
    for place, graph in enumerate(graphs):
        got = dataset[place]
        for name in ("x", "edge_index", "y"):
            np.testing.assert_array_equal(got[name], graph[name])


def run(*arguments):
    subprocess.run([os.environ["GRAPHFEED_CLI"], *arguments], check=True, capture_output=True)


def test_they_are_ingested_exported_and_synced(start_server, graphs, tmp_path):
    first, second, third = (start_server() for _ in range(3))
    info = gf.connect(first.address).ingest("large", graphs)
    assert_same(gf.connect(first.address).dataset("large"), graphs)

    file = str(tmp_path / "large.graphs")
    run("export", "large", file, "--server", first.address)
    run("import", "file", file, "--server", second.address)
    run("sync", "large", "--from", second.address, "--server", third.address)
    for server in (second, third):
        copy = gf.connect(server.address).dataset("large")
        assert copy.info.fingerprint == info.fingerprint
    assert_same(copy, graphs)


def test_folders_go_in_by_either_door(start_server, graphs, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    graphs = graphs[1:]
    for name, axis in (("x", 0), ("edge_index", 1), ("y", 0)):
        np.save(folder / f"{name}.npy", np.concatenate([g[name] for g in graphs], axis=axis))
    np.save(folder / "node_counts.npy", np.array([NODES, 2]))
    np.save(folder / "edge_counts.npy", np.array([500_000, 1]))
    data = tmp_path / "offline"
    run("import", "npy", str(folder), "--data-dir", str(data))
    offline, online = start_server(data), start_server()
    run("import", "npy", str(folder), "--server", online.address)
    fingerprints = {gf.connect(s.address).dataset("folder").info.fingerprint
                    for s in (offline, online)}  # fmt: skip
    assert len(fingerprints) == 1
    run("sync", "--from", offline.address, "--server", start_server().address)
