"""What a server says of itself: pages for probes, gRPC's health service is lifecycle_test.cc's; and
what it is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

import graphfeed as gf


def get(server, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://{server.metrics}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def sent_by_ingest(server) -> float:
    for line in get(server, "/metrics")[1].splitlines():
        if line.startswith("graphfeed_rpc_received_bytes_total") and '"Ingest"' in line:
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError("no bytes of ingests are counted")


@pytest.fixture
def held(start_server, tmp_path):
    """A server with an ingest that goes on until the test sets the event."""
    server = start_server(tmp_path / "data", "--drain-timeout=60s")
    go = threading.Event()
    came = []

    def graphs():
        for _ in range(12):  # more than a message holds
            yield {"x": np.zeros((1 << 14, 16), np.float32), "edge_index": np.zeros((2, 1), np.int64)}
        assert go.wait(60)

    def run() -> None:
        try:
            came.append(gf.connect(server.address, retry_timeout=0).ingest("late", graphs()))
        except gf.Error as error:
            came.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    # All that it sends before it waits has been stored.
    wait_for(lambda: "\ngraphfeed_open_ingests 1\n" in get(server, "/metrics")[1], "no ingest")
    stored = [-1.0, sent_by_ingest(server)]
    while stored[-1] == 0 or stored[-1] != stored[-2]:
        time.sleep(0.3)
        stored.append(sent_by_ingest(server))
        assert len(stored) < 100, stored
    yield server, go, came, thread
    go.set()
    thread.join()


def test_a_server_that_drains_is_alive_and_not_ready(held):
    server, go, came, thread = held
    assert get(server, "/healthz") == (200, "alive\n")
    assert get(server, "/readyz") == (200, "ready\n")
    assert "\ngraphfeed_ready 1\n" in get(server, "/metrics")[1]
    server.process.send_signal(signal.SIGTERM)
    wait_for(lambda: get(server, "/readyz") == (503, "draining\n"), "it is still ready")
    assert get(server, "/healthz") == (200, "alive\n")
    assert "\ngraphfeed_ready 0\n" in get(server, "/metrics")[1]
    go.set()
    thread.join()
    assert came[0].num_graphs == 12
    assert server.process.wait(timeout=60) == 0


def test_a_follower_is_ready_when_it_has_everything_and_stale_when_it_lags(start_server, tmp_path):
    writer = start_server(tmp_path / "writer")
    gf.connect(writer.address).ingest("d", [{"x": np.zeros((3, 2), np.float32)}] * 2)
    writer.process.send_signal(signal.SIGSTOP)
    replica = start_server(
        tmp_path / "replica", "--follow", writer.address, "--follow-every=200ms", "--follow-max-lag=2s"
    )
    code, why = get(replica, "/readyz")
    assert code == 503 and why.startswith("not in sync: ")
    assert get(replica, "/healthz") == (200, "alive\n")
    writer.process.send_signal(signal.SIGCONT)
    wait_for(lambda: get(replica, "/readyz") == (200, "ready\n"), "it is not ready")
    assert [info.name for info in gf.connect(replica.address).datasets()] == ["d"]
    writer.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: get(replica, "/readyz")[0] == 503, "it is not stale")
    why = get(replica, "/readyz")[1]
    assert why.startswith(f"stale: the last complete pass over {writer.address} is ")
    assert "--follow-max-lag is 2s" in why
    writer.process.send_signal(signal.SIGCONT)
    wait_for(lambda: get(replica, "/readyz") == (200, "ready\n"), "it stays stale")


def test_a_server_that_has_failed_is_neither_and_says_why(held, tmp_path):
    server, go, _, _ = held
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    wait_for(lambda: get(server, "/healthz")[0] == 503, "it is still alive")
    for path in ("/healthz", "/readyz"):
        code, text = get(server, path)
        assert code == 503 and text.startswith("failed: ") and "data" in text
    go.set()
    assert server.process.wait(timeout=90) == 1


def test_a_server_says_what_it_is(start_server, tmp_path):
    (tmp_path / "sockets").mkdir()
    plain = start_server()
    shared = start_server(
        None, f"--snapshot-dir={tmp_path}/snapshots", address=f"unix:{tmp_path}/sockets/s"
    )
    info = gf.connect(plain.address).server_info()
    assert info.version == gf.__version__
    assert (info.store, info.storage_format, info.features) == ("rocksdb", 2, ())
    assert info.algorithm_versions["batches"] == 1
    assert {"shuffle", "packing", "neighbors", "clusters"} < set(info.algorithm_versions)
    assert all(version > 0 for version in info.algorithm_versions.values())
    assert gf.connect(shared.address).server_info().features == ("shared_memory", "snapshots")
    line = f'graphfeed_build_info{{storage_format="2",version="{info.version}"}} 1\n'
    assert line in get(plain, "/metrics")[1]


def test_the_command_shows_it(start_server):
    server = start_server()
    command = [os.environ["GRAPHFEED_CLI"], "info", "--server", server.address]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"server       graphfeed {gf.__version__}\n" in text
    assert "store        rocksdb, format 2\n" in text and "features     none\n" in text
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    shown = json.loads(done.stdout)
    info = gf.connect(server.address).server_info()
    assert shown == {
        "version": info.version, "store": "rocksdb", "storage_format": 2, "features": [],
        "algorithm_versions": info.algorithm_versions,
    }  # fmt: skip
    failed = subprocess.run(
        [command[0], "info", "--server", "127.0.0.1:1", "--retry-timeout", "0"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert failed.returncode == 1 and "UNAVAILABLE" in failed.stderr
