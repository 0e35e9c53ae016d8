"""Servers on a pool of Ceph RADOS that is full, stands still, or loses OSDs."""

from __future__ import annotations

import os
import pathlib
import signal
import threading
import time

import grpc
import numpy as np
import pytest
from on_pool import (
    LONG,
    STREAMS,
    digests,
    entries,
    graphs,
    loader,
    longest_stall,
    metric,
    objects,
    ready,
    stored_columns,
    versions,
    wait_for,
)

import graphfeed as gf
from graphfeed._portable.descriptors import messages


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


def test_an_osd_that_dies_or_hangs_under_load_is_a_pause(ceph, space, start, tell):
    # Nothing stays in memory, and nobody else could be asked.
    server = start(ceph.location(space), "--memory-budget", "1M")
    client = gf.connect(server.address, retry_timeout=0)
    client.ingest("d", graphs(13, 3000, 32))
    hung = longest_stall(client, "d", 8, lambda: ceph.send("osd.1", signal.SIGSTOP))
    ceph.send("osd.1", signal.SIGCONT)
    died = longest_stall(client, "d", 4, lambda: ceph.kill_osd(2))
    ceph.start_osd(2)
    tell(f"the longest stall of {STREAMS} streams: {hung:.1f} s (hung), {died:.1f} s (died)")
    assert max(hung, died) < 40
    assert ready(server) is None


def test_a_cluster_that_stands_still_for_20_seconds(ceph, space, start, tell):
    """Streams that need it wait, fail and go on; one whose data are cached goes on all the time."""
    small = start(ceph.location(space), "--memory-budget", "1M")
    large = start(ceph.location(space))
    one = gf.connect([small.address, large.address])
    other = gf.connect(large.address, retry_timeout=0)
    one.ingest("d", graphs(15, 4000, 64))
    one.ingest("cached", graphs(16, 500))
    wait_for(lambda: versions(other) == ["cached@1", "d@1"])
    # The other server has room for all of both, but has seen none of what the first client reads.
    expected = {"d": digests(gf.connect(small.address), "d"), "cached": digests(other, "cached")}
    stopped = threading.Event()
    over = threading.Event()
    frames = {"d": 0, "cached": 0}
    while_stopped = 0
    errors: list[BaseException] = []

    def read(client: gf.Client, name: str) -> None:
        nonlocal while_stopped
        try:
            while not over.is_set():
                got = []
                for batch in loader(client, name):
                    got.append(batch.digest)
                    frames[name] += 1
                    while_stopped += name == "cached" and stopped.is_set()
                    time.sleep(0.005)
                assert got == expected[name]
        except BaseException as error:  # for the test's thread
            errors.append(error)

    def memory() -> list[float]:
        return [server.readings()["process_resident_memory_bytes"] for server in (small, large)]

    threads = [
        threading.Thread(target=read, args=arguments)
        for arguments in ((one, "d"), (one, "d"), (other, "cached"))
    ]
    for thread in threads:
        thread.start()
    try:
        wait_for(lambda: frames["d"] > 600 and frames["cached"] > 300, 60)
        before = memory()
        highest = list(before)
        unready = [0, 0]
        ceph.send_all(signal.SIGSTOP)
        stopped.set()
        began = time.monotonic()
        try:
            # Until each has said for a while that the cluster is lost, and what is cached went on.
            while time.monotonic() - began < 20 or min(unready) <= 3 or while_stopped <= 500:
                assert time.monotonic() - began < 120, (unready, while_stopped)
                highest = [max(pair) for pair in zip(highest, memory())]
                for i, server in enumerate((small, large)):
                    unready[i] += ready(server) is not None
                time.sleep(0.5)
        finally:
            stopped.clear()
            ceph.send_all(signal.SIGCONT)
        went_on = time.monotonic()
        wait_for(lambda: [ready(server) for server in (small, large)] == [None, None], 60)
        healed = time.monotonic() - went_on
        seen = frames["d"]
        wait_for(lambda: frames["d"] > seen + 300, 60)
        highest = [max(pair) for pair in zip(highest, memory())]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert not errors, errors
    growth = [(high - low) / 2**20 for high, low in zip(highest, before)]
    tell(f"ready {healed:.1f} s after {went_on - began:.1f} s without a cluster; {while_stopped}"
         f" cached batches meanwhile; servers grew by {growth[0]:.0f} and {growth[1]:.0f} MiB")  # fmt: skip
    assert max(growth) < 32


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
        assert time.monotonic() - stopped > 9
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


def test_a_server_that_stood_still_says_what_was_deleted_meanwhile(ceph, space, start):
    server = start(ceph.location(space), "--memory-budget", "4M")
    other = gf.connect(start(ceph.location(space), "--sweep-after", "1s").address)
    other.ingest("d", graphs(12, 20000, 64))
    method = "/graphfeed.v1.GraphFeed/ExportVersion"
    with grpc.insecure_channel(server.address) as channel:  # which no silence breaks
        request = messages.ExportVersionRequest(dataset="d@1")
        call = channel.unary_stream(method)(request.SerializeToString(), timeout=200)
        next(call)
        server.process.send_signal(signal.SIGSTOP)
        try:
            other.delete("d@1")
            wait_for(lambda: not objects(ceph, space), 90)
        finally:
            server.process.send_signal(signal.SIGCONT)
        with pytest.raises(grpc.RpcError) as failed:
            for _ in call:
                pass
    assert failed.value.code() == grpc.StatusCode.NOT_FOUND, failed.value
    assert '"d@1" was deleted' in failed.value.details()


def test_an_ingest_that_a_drain_waits_for_is_published_however_long_it_takes(ceph, space, start):
    """Longer than others take to say that a silent server is dead."""
    server = start(ceph.location(space), "--drain-timeout", "60s")
    other = gf.connect(start(ceph.location(space)).address)
    rng = np.random.default_rng(17)

    def rows():
        for i in range(4000):
            if i == 3000:
                wait_for(lambda: entries(ceph, space, "columns"))
                server.process.send_signal(signal.SIGTERM)
                wait_for(lambda: ready(server) is not None, 5)
                time.sleep(20)  # two leases
            edges = np.array([[0, 1], [1, 2]])
            yield {"x": rng.random((3, 256), np.float32), "edge_index": edges, "y": np.array([i])}

    info = gf.connect(server.address, retry_timeout=0).ingest("d", rows())
    assert info.full_name == "d@1"
    assert server.process.wait(timeout=60) == 0
    wait_for(lambda: versions(other) == ["d@1"])
    assert len(digests(other, "d")) > 100


def test_who_is_to_end_while_the_cluster_hangs_says_so_at_once(ceph, space, start):
    server = start(ceph.location(space))
    gf.connect(server.address).ingest("d", graphs(18, 20000, 64))
    with grpc.insecure_channel(server.address) as channel:
        request = messages.ExportVersionRequest(dataset="d@1")
        call = channel.unary_stream("/graphfeed.v1.GraphFeed/ExportVersion")(request.SerializeToString())
        next(call)  # a drain waits for the rest
        ceph.send_all(signal.SIGSTOP)
        try:
            time.sleep(3)  # by when the records are waited for
            assert ready(server) is None
            server.process.send_signal(signal.SIGTERM)
            assert "drain" in wait_for(lambda: ready(server), 6)  # before the cluster counts as lost
        finally:
            ceph.send_all(signal.SIGCONT)
        call.cancel()
    assert server.process.wait(timeout=60) == 0


def test_a_server_that_ends_leaves_what_it_removes_to_others(ceph, space, start):
    server = start(ceph.location(space), "--sweep-after", "1s")
    client = gf.connect(server.address)
    client.ingest("d", graphs(15, 60000, 256))
    other = start(ceph.location(space), "--sweep-after", "1h")  # removes nothing by itself
    stored = objects(ceph, space)
    assert len(stored) > 100
    client.delete("d@1")
    wait_for(lambda: objects(ceph, space) != stored, 90)
    began = time.monotonic()
    assert server.stop() == 0
    took = time.monotonic() - began
    print(f"ended within {took:.1f} s; {len(objects(ceph, space))} of {len(stored)} are left")
    assert other.process.poll() is None
    start(ceph.location(space), "--sweep-after", "1s")
    wait_for(lambda: not stored_columns(ceph, space), 90)


def test_a_server_whose_store_was_removed_ends(ceph, space, start, tmp_path):
    with open(tmp_path / "log", "w") as log:
        server = start(ceph.location(space), "--cache-dir", str(tmp_path / "cache"), stderr=log)
    client = gf.connect(server.address)
    client.ingest("d", graphs(13))
    assert digests(client, "d")
    with ceph.io(space) as io:
        for item in list(io.list_objects()):
            io.remove_object(item.key)
    other = gf.connect(start(ceph.location(space)).address)  # gives out the same numbers
    other.ingest("d", graphs(14))
    assert server.process.wait(timeout=60) == 1
    assert "were removed, or are another store's" in (tmp_path / "log").read_text()
    again = gf.connect(start(ceph.location(space), "--cache-dir", str(tmp_path / "cache")).address)
    assert digests(again, "d") == digests(other, "d")


def processor_seconds(server) -> float:
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not LONG, reason="takes two minutes")
def test_who_may_not_watch_is_idle_while_the_cluster_is_lost(ceph, space, start):
    gf.connect(start(ceph.location(space)).address).ingest("d", graphs(16))
    reader = start(ceph.location(space, user="reader"))
    assert metric(reader, "graphfeed_rados_watching") == 0
    ceph.send_all(signal.SIGSTOP)
    try:
        time.sleep(75)  # by when it would ask again whether it may
        before = processor_seconds(reader)
        time.sleep(10)
        assert processor_seconds(reader) - before < 0.5
    finally:
        ceph.send_all(signal.SIGCONT)
    wait_for(lambda: ready(reader) is None, 60)
