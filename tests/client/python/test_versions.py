"""Which version a name means, and how the shards of a run make sure that they read the same."""

import json
import os
import subprocess

import numpy as np
import pytest
from server_process import Server

import graphfeed as gf


def graphs(count):
    return [
        {"x": np.ones((2, 1), np.float32), "edge_index": np.array([[0], [1]]), "y": np.array([i])}
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Of "d" one server has version 1 (5 graphs), the other one 1 and 2 (7 graphs)."""
    started = [Server(tmp_path_factory.mktemp(name)) for name in ("stale", "fresh")]
    for server in started:
        gf.connect(server.address).ingest("d", graphs(5))
    gf.connect(started[1].address).ingest("d", graphs(7))
    yield started
    for server in started:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def stale(servers):
    return servers[0].address


@pytest.fixture
def fresh(servers):
    return servers[1].address


def test_a_name_means_the_newest_version_that_any_server_has(stale, fresh):
    for order in ([stale, fresh], [fresh, stale], ["127.0.0.1:1", stale, fresh]):
        client = gf.connect(order)
        dataset = client.dataset("d")
        assert dataset.info.full_name == "d@2" and len(dataset) == 7, order
        for loader in (gf.DataLoader(dataset), gf.DataLoader(dataset, num_shards=1)):
            assert [int(batch.y[0]) for batch in loader] == list(range(7))
        assert len(gf.DataLoader(dataset)) == 7
        assert len(client.dataset("d@1")) == 5
    assert gf.connect(stale).dataset("d").info.version == 1, "there is no other"


@pytest.mark.parametrize("stale_first", [True, False])
def test_the_command_line_means_the_same(stale_first, stale, fresh):
    servers = ",".join([stale, fresh] if stale_first else [fresh, stale])

    def run(*command):
        command = [os.environ["GRAPHFEED_CLI"], *command, "--server", servers, "--json"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert json.loads(run("describe", "d"))["version"] == 2
    assert json.loads(run("plan", "d", "--strategy", "plain"))["plan"]["num_graphs"] == 7
    first_line = run("stream", "d", "--strategy", "plain").splitlines()[0]
    assert json.loads(first_line)["dataset"] == "d@2"


def test_the_newest_version_is_found_with_a_server_gone(start_server, fresh, tmp_path):
    server = start_server()
    gone = server.address
    gf.connect(gone).ingest("d", graphs(9))
    client = gf.connect([gone, fresh])
    assert client.dataset("d").info.version == 2
    server.kill()
    assert client.dataset("d").info.version == 2
    with pytest.raises(gf.NotFound, match="no dataset"):
        client.dataset("nowhere")


def test_shards_are_given_the_fingerprint_and_show_it(stale, fresh):
    old, new = (gf.connect(fresh).dataset(name) for name in ("d@1", "d@2"))
    first = gf.DataLoader(new, num_shards=2, shard_index=0, seed=0)
    shown = str(first.fingerprint)
    assert shown == new.info.fingerprint.hex() and len(shown) == 32
    for given in (shown, shown.upper(), first.fingerprint, bytes(first.fingerprint)):
        second = gf.DataLoader(new, num_shards=2, shard_index=1, seed=0, fingerprint=given)
        assert second.fingerprint == first.fingerprint
    for make in (gf.DataLoader, gf.FixedSizeDataLoader):
        with pytest.raises(gf.FailedPrecondition) as raised:
            make(old, num_shards=2, shard_index=1, fingerprint=shown)
        for part in ("d@1", str(old.info.fingerprint), shown):
            assert part in str(raised.value)


def test_sampled_loaders_take_it_too(homogeneous):
    shown = str(homogeneous.info.fingerprint)
    assert gf.NeighborLoader(homogeneous, [2], fingerprint=shown).fingerprint.hex() == shown
    with pytest.raises(gf.FailedPrecondition, match="not the 00 that is expected"):
        gf.FixedSizeNeighborLoader(homogeneous, [2], fingerprint="00")


def test_a_cluster_loader_means_the_version_with_the_clusters(client):
    graph = {"x": np.ones((6, 1), np.float32), "edge_index": np.array([[0, 1, 3, 4], [1, 2, 4, 5]])}
    plain = client.ingest("clustered", graph)
    first = gf.ClusterLoader(plain, num_parts=2)
    assert first.fingerprint != plain.fingerprint
    again = gf.ClusterLoader(
        client.dataset("clustered"), num_parts=2, fingerprint=str(first.fingerprint)
    )
    assert again.dataset.info == first.dataset.info
    with pytest.raises(gf.FailedPrecondition, match="expected"):
        gf.ClusterLoader(plain, num_parts=2, fingerprint=plain.fingerprint)
