"""A server that keeps what it reads from the cluster on its local disk."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest
from on_pool import digests, graphs, metric, wait_for

import graphfeed as gf


def asked(server) -> float:
    return metric(server, "graphfeed_rados_ranges_total")


def cached(server, what: str) -> float:
    return metric(server, f"graphfeed_disk_cache_{what}")


def flip_bytes(folder: pathlib.Path) -> int:
    """One in every 500, in all files; how many."""
    flipped = 0
    for path in folder.glob("chunks.*"):
        with open(path, "r+b") as file:
            data = bytearray(file.read())
            for at in range(100, len(data), 500):
                data[at] ^= 0x20
                flipped += 1
            file.seek(0)
            file.write(data)
    return flipped


@pytest.fixture
def server(ceph, space, start, tmp_path):
    """With hardly any memory for chunks."""
    return start(
        ceph.location(space), "--memory-budget", "1M", "--cache-dir", str(tmp_path / "cache")
    )


def test_the_second_epoch_is_read_from_the_local_disk(ceph, space, start, server, tmp_path):
    (tmp_path / "data").mkdir()
    other = gf.connect(start(tmp_path / "data").address)  # in a folder
    other.ingest("d", graphs(21, 3000, 32))
    expected = digests(other, "d")
    client = gf.connect(server.address)
    client.ingest("d", graphs(21, 3000, 32))

    def epoch() -> float:
        """Ranges that it takes from the cluster."""
        before = asked(server)
        assert digests(client, "d") == expected
        return asked(server) - before

    first = epoch()
    assert first > 100
    # What was read is written a moment later.
    again = wait_for(lambda: [r for r in [epoch()] if r < first / 10])[0]
    print(f"ranges that were read from the cluster: {first:.0f}, then {again:.0f}")
    assert cached(server, "hits_total") > first / 2

    assert flip_bytes(tmp_path / "cache") > 1000
    assert digests(client, "d") == expected
    assert cached(server, "damaged_chunks_total") > 0
    assert cached(server, "errors_total") == 0

    client.delete("d@1")
    client.ingest("d", graphs(22))
    assert len(digests(client, "d")) > 5


def test_a_folder_belongs_to_one_server_and_is_empty_when_it_ends(
    ceph, space, start, server, tmp_path
):
    gf.connect(server.address).ingest("d", graphs(23))
    assert digests(gf.connect(server.address), "d")
    wait_for(lambda: cached(server, "bytes") > 0)
    assert list((tmp_path / "cache").glob("chunks.*"))
    done = subprocess.run(
        [os.environ["GRAPHFEED_SERVER"], "--store", ceph.location(space),
         "--cache-dir", tmp_path / "cache", "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "FAILED_PRECONDITION" in done.stderr and str(tmp_path / "cache") in done.stderr
    assert server.stop() == 0
    assert not list((tmp_path / "cache").iterdir())


def test_a_disk_that_is_full_is_told_of_and_disturbs_no_stream(ceph, space, start, tmp_path):
    with open(tmp_path / "log", "w") as log:
        server = start(
            ceph.location(space), "--memory-budget", "1M", "--cache-dir", str(tmp_path / "cache"),
            within=["prlimit", "--fsize=200000"], stderr=log,
        )  # fmt: skip
        client = gf.connect(server.address)
        client.ingest("d", graphs(24, 3000, 32))
        expected = digests(client, "d")
        wait_for(lambda: cached(server, "filling") == 0)
        assert digests(client, "d") == expected
        wait_for(lambda: "cache.stopped" in (tmp_path / "log").read_text())
    lines = [line for line in (tmp_path / "log").read_text().splitlines() if "cache.stopped" in line]
    assert len(lines) == 1 and "File too large" in lines[0]
    assert cached(server, "errors_total") >= 1
    assert (tmp_path / "cache" / "chunks.0").stat().st_size <= 200_000
