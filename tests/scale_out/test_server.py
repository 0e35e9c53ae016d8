"""Servers on a pool of Ceph RADOS: what they share, and what they say when it does not work."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import urllib.error
import urllib.request

import pytest
from clients import digests, graphs, loader, metric, versions, wait_for

import graphfeed as gf

LONG = "GRAPHFEED_LONG" in os.environ


def ready(server) -> str | None:
    """None: it is; otherwise why it is not."""
    try:
        urllib.request.urlopen(f"http://{server.metrics}/readyz", timeout=5).close()
    except urllib.error.HTTPError as error:
        return error.read().decode()
    return None


def longest_stall(client: gf.Client, name: str, seconds: float, act) -> float:
    """Of streams that are read one after the other for so long, with `act` after a second; all of
    them are as the first."""
    expected = digests(client, name)
    begin = last = time.monotonic()
    longest = 0.0
    while last - begin < seconds:
        got = []
        for batch in loader(client, name):
            got.append(batch.digest)
            longest = max(longest, time.monotonic() - last)
            last = time.monotonic()
            if act is not None and last - begin > 1:
                act()
                act = None
        assert got == expected
    return longest


def test_a_version_is_seen_and_gone_at_all_servers_within_seconds(ceph, space, start):
    servers = [start(ceph.location(space)) for _ in range(2)]
    a, b = (gf.connect(server.address) for server in servers)
    for server in servers:
        wait_for(lambda server=server: metric(server, "graphfeed_rados_watching") == 1)
    a.ingest("d", graphs(1))
    began = time.monotonic()
    wait_for(lambda: versions(b) == ["d@1"])
    print(f"seen after {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 3
    assert digests(a, "d") == digests(b, "d")
    b.delete("d@1")
    wait_for(lambda: versions(a) == [], 3)
    for server in servers:  # they were told, and did not merely look
        wait_for(lambda server=server: metric(server, "graphfeed_rados_notices_total") == 1)


def test_many_ingests_of_one_name_at_the_same_moment(ceph, space, start, command):
    clients = [gf.connect(start(ceph.location(space)).address) for _ in range(2)]
    times = 100 if LONG else 8
    infos: list[list] = [[], []]
    together = threading.Barrier(2)

    def ingest(which: int) -> None:
        for i in range(times):
            together.wait()
            infos[which].append(clients[which].ingest("d", graphs(2 * i + which, 20)))

    threads = [threading.Thread(target=ingest, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    all_infos = infos[0] + infos[1]
    assert sorted(info.version for info in all_infos) == list(range(1, 2 * times + 1))
    wait_for(lambda: [len(versions(client)) for client in clients] == [2 * times] * 2, 5)
    # Each is what its writer wrote, and no other's.
    fingerprints = {}
    for which in range(2):
        for i, info in enumerate(infos[which]):
            assert fingerprints.setdefault(info.fingerprint, (which, i)) == (which, i)
            command("verify", f"d@{info.version}", "--store", ceph.location(space))


def test_versions_move_between_stores_and_stay_the_same(ceph, space, start, command, tmp_path):
    (tmp_path / "data").mkdir()
    folder = start(tmp_path / "data")
    gf.connect(folder.address).ingest("d", graphs(3))
    gf.connect(folder.address).ingest("e", graphs(4))
    store = ceph.location(space)
    rows = json.loads(command("sync", "--from", folder.address, "--store", store, "--json"))
    assert [row["state"] for row in rows] == ["copied", "copied"]
    server = start(store)
    rows_back = json.loads(
        command("sync", "--from", server.address, "--data-dir", tmp_path / "back", "--json")
    )
    assert [row["fingerprint"] for row in rows_back] == [row["fingerprint"] for row in rows]
    assert digests(gf.connect(server.address), "d") == digests(gf.connect(folder.address), "d")
    # Beside a server that runs on the store.
    assert rows[0]["fingerprint"] in command("verify", "d", "--store", store)
    command("export", "e", tmp_path / "e.gfv", "--store", store)
    other = ceph.location(f"{space}-other")
    command("import", "file", tmp_path / "e.gfv", "--store", other)
    assert rows[1]["fingerprint"] in command("verify", "e", "--store", other)


def test_a_reader_serves_and_does_not_ingest(ceph, space, start):
    gf.connect(start(ceph.location(space)).address).ingest("d", graphs(5))
    server = start(ceph.location(space, user="reader"))
    client = gf.connect(server.address)
    assert len(digests(client, "d")) > 5
    with pytest.raises(gf.errors.Error, match="read only"):
        client.ingest("e", graphs(6))
    with pytest.raises(gf.errors.Error, match="read only"):
        client.delete("d@1")


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ({"pool": "gone"}, 'there is no pool "gone"'),
        ({"user": "gone"}, "does not know client.gone"),
        ({"user": "nobody"}, "client.nobody may not"),
        ({"user": "reader"}, "client.reader may not write"),
    ],
)
def test_a_server_that_cannot_have_its_store_says_why(ceph, space, place, why):
    done = subprocess.run(
        [os.environ["GRAPHFEED_SERVER"], "--store", ceph.location(space, **place),
         "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert why in done.stderr


def test_a_full_cluster_takes_nothing_and_serves(ceph, space, start):
    client = gf.connect(start(ceph.location(space), "--memory-budget", "1M").address)
    client.ingest("d", graphs(7))
    expected = digests(client, "d")
    ceph.set_full(True)
    try:
        def refused() -> bool:  # OSDs hear of it within moments
            try:
                client.ingest("e", graphs(8, 2000))
            except gf.errors.ResourceExhausted as error:
                assert 'the pool "graphfeed" is full' in str(error)
                return True
            return False

        wait_for(refused)
        assert digests(client, "d") == expected
        assert not [name for name in versions(client) if name not in ("d@1", "e@1")]
    finally:
        ceph.set_full(False)
    wait_for(lambda: client.ingest("f", graphs(9)))


def test_an_osd_that_dies_or_hangs_is_a_pause(ceph, space, start):
    # Nothing stays in memory, and nobody else could be asked.
    server = start(ceph.location(space), "--memory-budget", "1M")
    client = gf.connect(server.address, retry_timeout=0)
    client.ingest("d", graphs(13, 3000, 32))
    hung = longest_stall(client, "d", 8, lambda: ceph.send("osd.1", signal.SIGSTOP))
    ceph.send("osd.1", signal.SIGCONT)
    died = longest_stall(client, "d", 4, lambda: ceph.kill_osd(2))
    ceph.start_osd(2)
    print(f"the longest stall: {hung:.1f} s (hung), {died:.1f} s (died)")
    assert max(hung, died) < 40
    assert ready(server) is None


def test_a_cluster_that_is_lost_is_told_of_and_all_heals(ceph, space, start):
    server = start(ceph.location(space), "--memory-budget", "1M")
    client = gf.connect(server.address)
    client.ingest("d", graphs(10, 4000, 64))
    expected = digests(client, "d")
    assert ready(server) is None
    stopped = time.monotonic()
    ceph.send_all(signal.SIGSTOP)
    try:
        why = wait_for(lambda: ready(server), 40)
        print(f"not ready after {time.monotonic() - stopped:.1f} s")
        assert "has not answered for" in why
        assert 9 < time.monotonic() - stopped < 25
        with pytest.raises(gf.errors.Unavailable, match="has not answered for"):
            digests(gf.connect(server.address, retry_timeout=0), "d")
        with pytest.raises(gf.errors.Error):
            gf.connect(server.address, retry_timeout=0).ingest("e", graphs(11))
    finally:
        ceph.send_all(signal.SIGCONT)
    wait_for(lambda: ready(server) is None, 60)
    assert digests(client, "d") == expected
    wait_for(lambda: try_ingest(client, "e"), 30)
    # Notices come again, too.
    other = gf.connect(start(ceph.location(space)).address)
    wait_for(lambda: metric(server, "graphfeed_rados_watching") == 1)
    before = metric(server, "graphfeed_rados_notices_total")
    other.delete("e@1")
    wait_for(lambda: metric(server, "graphfeed_rados_notices_total") > before)


def try_ingest(client: gf.Client, name: str) -> bool:
    try:
        client.ingest(name, graphs(12))
    except gf.errors.Unavailable:
        return False
    return True
