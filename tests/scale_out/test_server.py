"""Servers on a pool of Ceph RADOS: what they share, and what they say when it does not work."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time

import pytest
from on_pool import LONG, digests, entries, graphs, loader, metric, objects, stored_columns, versions, wait_for

import graphfeed as gf


def test_a_version_is_seen_and_gone_at_all_servers_within_seconds(ceph, space, start):
    servers = [start(ceph.location(space)) for _ in range(2)]
    a, b = (gf.connect(server.address) for server in servers)
    for server in servers:
        wait_for(lambda server=server: metric(server, "graphfeed_rados_watching") == 1)
    a.ingest("d", graphs(1))
    began = time.monotonic()
    wait_for(lambda: versions(b) == ["d@1"])
    print(f"seen after {time.monotonic() - began:.2f} s")
    assert digests(a, "d") == digests(b, "d")
    b.delete("d@1")
    wait_for(lambda: versions(a) == [])
    for server in servers:  # they were told, and did not merely look
        wait_for(lambda server=server: metric(server, "graphfeed_rados_notices_total") == 1)


def test_many_ingests_of_one_name_at_the_same_moment(ceph, space, start, command, tmp_path, tell):
    clients = [gf.connect(start(ceph.location(space)).address) for _ in range(2)]
    times = 100
    data = [[graphs(2 * i + which, 20) for i in range(times)] for which in range(2)]
    infos: list[list] = [[], []]
    together = threading.Barrier(2, timeout=60)

    def ingest(which: int) -> None:
        for i in range(times):
            together.wait()
            infos[which].append(clients[which].ingest("d", data[which][i]))

    began = time.monotonic()
    threads = [threading.Thread(target=ingest, args=(which,)) for which in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tell(f"{times} times two ingests at the same moment in {time.monotonic() - began:.1f} s")
    all_infos = infos[0] + infos[1]
    assert sorted(info.version for info in all_infos) == list(range(1, 2 * times + 1))
    wait_for(lambda: [len(versions(client)) for client in clients] == [2 * times] * 2)
    assert versions(clients[0]) == versions(clients[1])
    # Each is what its writer wrote, and nothing of the other's, who wrote at the same moment.
    (tmp_path / "data").mkdir()
    undisturbed = gf.connect(start(tmp_path / "data").address)
    for which in range(2):
        for i, info in enumerate(infos[which]):
            if LONG or i % 10 == 0:
                alone = undisturbed.ingest(f"of{which}", data[which][i])
                assert info.fingerprint == alone.fingerprint, (which, i)
    assert len({info.fingerprint for info in all_infos}) == 2 * times
    # No column is of two versions, and none is left of an attempt that was overtaken.
    columns = stored_columns(ceph, space)
    assert columns == set(entries(ceph, space, "columns"))
    assert columns == {name.split(".")[0] for name in objects(ceph, space)}
    assert len(columns) % (2 * times) == 0 and len(columns) >= 4 * times
    # Each is whole: what is copied is read and has the same fingerprint.
    command("sync", "--from", clients[0].endpoints[0], "--data-dir", tmp_path / "copy")
    for info in all_infos if LONG else []:
        command("verify", f"d@{info.version}", "--store", ceph.location(space))


def test_what_is_deleted_elsewhere_goes_when_its_streams_have_ended(ceph, space, start, tell):
    """Also from servers that keep plans of it, of epochs before and after the deletion."""
    a, b = (start(ceph.location(space), "--sweep-after", "1s") for _ in range(2))
    one, other = gf.connect(a.address), gf.connect(b.address, retry_timeout=0)
    one.ingest("d", graphs(14, 2000))
    wait_for(lambda: versions(other) == ["d@1"])
    expected = digests(one, "d")
    got = []
    for epoch, batches in enumerate(loader(other, "d").epochs(3)):
        got.append([])
        for i, batch in enumerate(batches):
            got[-1].append(batch.digest)
            if (epoch, i) == (0, 1):
                one.delete("d@1")
                wait_for(lambda: versions(other) == [])
    assert got[0] == expected
    assert [len(epoch) > 100 for epoch in got] == [True] * 3

    began = time.monotonic()
    wait_for(lambda: not stored_columns(ceph, space), 60)
    tell(f"all is swept after {time.monotonic() - began:.0f} s")


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


