"""Batches in memory that a server of this host shares with its client."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest

import graphfeed as gf
from graphfeed import _transport

mapped = pytest.mark.skipif(
    _transport.NAME == "python", reason="the client in Python takes no memory that is shared"
)

GRAPHS = [
    {
        "x": np.full((n, 16), g, np.float32),
        "edge_index": np.stack([np.arange(n), np.roll(np.arange(n), 1)]),
    }
    for g, n in enumerate(np.random.default_rng(0).integers(3, 40, 600))
]
SIZES = gf.FixedSizeOptions(num_nodes=400, num_edges=400, num_graphs=16)


def shared_memories(pid: int | str = "self") -> int:
    with open(f"/proc/{pid}/maps") as maps:
        return len({line.split()[4] for line in maps if "graphfeed-slabs" in line})


@pytest.fixture
def near(start_server, tmp_path):
    """A server behind a Unix socket."""
    server = start_server(None, address=f"unix:{tmp_path}/socket")
    gf.connect(server.address).ingest("d", GRAPHS)
    return server


def loader(server, seed: int = 1, dataset: str = "d", connection: dict | None = None, **options):
    client = gf.connect(server.address, **(connection or {}))
    defaults = {"fixed_size_options": SIZES, "fixed_size_strategy": gf.FixedSizeStrategy.StreamPack}
    return gf.FixedSizeDataLoader(
        client.dataset(dataset), shuffle=True, seed=seed, **{**defaults, **options}
    )


def contents(batches) -> list[bytes]:
    return [b"".join(np.ascontiguousarray(batch[name]).tobytes() for name in sorted(batch.keys())) for batch in batches]


def reading(server, name: str) -> float:
    with urllib.request.urlopen(f"http://{server.metrics}/metrics") as answer:
        text = answer.read().decode()
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)[1])


def wait_for(condition, seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


@mapped
def test_the_batches_are_those_that_travel(near):
    far = contents(loader(near, connection={"shared_memory": False}))
    assert shared_memories() == 0
    stream = iter(loader(near))
    first = next(stream)
    assert shared_memories() == 1
    assert contents([first, *stream]) == far
    del stream, first
    wait_for(lambda: shared_memories() == 0)


@pytest.mark.parametrize("options", [
    {"over_size_strategy": gf.OverSizeStrategy.TrimNodesAndEdges, "fixed_size_strategy": gf.FixedSizeStrategy.PadToMax,
     "batch_size": 16, "fixed_size_options": gf.FixedSizeOptions(120, 100, 16)},
    {"fixed_size_strategy": gf.FixedSizeStrategy.Pack},
    {"fixed_size_strategy": gf.FixedSizeStrategy.PadToMax, "batch_size": 8,
     "fixed_size_options": gf.FixedSizeOptions(400, 400, 8)},
])  # fmt: skip
def test_every_strategy_is_the_same(near, options):
    assert contents(loader(near, **options)) == contents(
        loader(near, connection={"shared_memory": False}, **options)
    )


def test_either_side_can_refuse(near, start_server, tmp_path):
    batch = next(iter(loader(near, connection={"shared_memory": False})))
    assert shared_memories() == 0
    refusing = start_server(None, "--shared-memory", "off", address=f"unix:{tmp_path}/other")
    gf.connect(refusing.address).ingest("d", GRAPHS)
    assert not os.path.exists(f"{tmp_path}/other.slabs")
    other = next(iter(loader(refusing)))
    assert shared_memories() == 0
    assert contents([batch]) == contents([other])


def test_a_socket_that_leads_nowhere_lets_batches_travel(near, tmp_path):
    expected = contents(loader(near))
    (tmp_path / "socket.slabs").unlink()
    assert contents(loader(near)) == expected
    silent = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    silent.bind(f"{tmp_path}/socket.slabs")
    silent.listen()
    begin = time.monotonic()
    assert contents(loader(near)) == expected  # after 5 s in which nothing came
    assert time.monotonic() - begin < 30
    silent.close()


def test_all_batches_may_be_kept_and_written_to(near):
    far = contents(loader(near, connection={"shared_memory": False}))
    kept = list(loader(near))
    assert contents(kept) == far
    for batch in kept:
        batch.x[:] = -1
    again = list(loader(near))
    assert contents(again) == far
    assert all((batch.x == -1).all() for batch in kept)


@pytest.mark.parametrize("end", ["kill", "stop"])
def test_views_outlive_batch_stream_and_server(near, end):
    far = contents(loader(near, connection={"shared_memory": False}))
    stream = iter(loader(near))
    batch = next(stream)
    x, content = batch.x, contents([batch])
    del stream, batch
    assert content == far[:1]
    value = x.copy()
    getattr(near, end)()
    assert np.array_equal(x, value)


@pytest.mark.parametrize("taken", [1, 7])
def test_a_server_that_stops_takes_nothing_back(near, start_server, tmp_path, taken):
    """Of what the program has, what its client has, and what is on its way."""
    other = start_server(None, address=f"unix:{tmp_path}/other")
    gf.connect(other.address).ingest("d", GRAPHS)
    expected = contents(loader(other, connection={"shared_memory": False}))
    client = gf.connect([near.address, other.address], spread=False)
    stream = iter(
        gf.FixedSizeDataLoader(
            client.dataset("d"), shuffle=True, seed=1, fixed_size_options=SIZES,
            fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
        )
    )  # fmt: skip
    batches = [next(stream) for _ in range(taken)]
    time.sleep(0.2)  # until the client's ring is full
    assert near.stop() == 0
    batches += stream
    assert contents(batches) == expected


def test_a_forked_child_keeps_what_it_inherited(near):
    stream = iter(loader(near))
    held = [next(stream), next(stream)]
    before = contents(held)
    go, told = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.read(go[0], 1)  # the parent's next batches lie where the held ones did
            code = 0 if contents(held) == before and shared_memories() == 0 else 2
        finally:
            os._exit(code)
    assert contents(held) == before
    del held
    assert len(list(stream)) > 20
    os.write(go[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    for end in (*go, *told):
        os.close(end)


def test_after_a_fork_the_parent_goes_on(near):
    expected = contents(loader(near, connection={"shared_memory": False}))
    received = []
    for i, batch in enumerate(loader(near)):
        if i % 5 == 1:
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
        received += contents([batch])
    assert received == expected


READS_ON = """
import sys, time
import graphfeed as gf
loader = gf.FixedSizeDataLoader(
    gf.connect(sys.argv[1]).dataset("d"), fixed_size_strategy=gf.FixedSizeStrategy.StreamPack,
    fixed_size_options=gf.FixedSizeOptions(400, 400, 16), shuffle=True, seed=1)
stream = iter(loader)
kept = [next(stream) for _ in range(3)]
print("has", flush=True)
time.sleep(100)
"""


@mapped
def test_a_client_that_dies_holds_nothing(near):
    assert reading(near, 'graphfeed_memory_reserved_bytes{use="frames"}') == 0
    reader = subprocess.Popen(
        [sys.executable, "-c", READS_ON, near.address], stdout=subprocess.PIPE, text=True
    )
    assert reader.stdout.readline() == "has\n"
    assert shared_memories(reader.pid) == 1 == shared_memories(near.process.pid)
    assert reading(near, 'graphfeed_memory_reserved_bytes{use="frames"}') > 0
    reader.send_signal(signal.SIGKILL)
    reader.wait()
    reader.stdout.close()
    wait_for(lambda: shared_memories(near.process.pid) == 0)
    wait_for(lambda: reading(near, 'graphfeed_memory_reserved_bytes{use="frames"}') == 0)


def test_a_server_that_hangs_is_left(near, start_server, tmp_path, caplog):
    other = start_server(None, address=f"unix:{tmp_path}/other")
    # Batches of 4 MB, more in all than a connection holds.
    wide = {"x": np.ones((1000, 500), np.float32), "edge_index": np.zeros((2, 1), np.int64)}
    for server in (near, other):
        gf.connect(server.address).ingest("wide", [{**wide, "y": [i]} for i in range(30)])
    options = {"fixed_size_options": gf.FixedSizeOptions(2000, 8, 2), "fixed_size_strategy": gf.FixedSizeStrategy.PadToMax}
    expected = [batch.y.tolist() for batch in loader(near, dataset="wide", **options)]
    client = gf.connect([near.address, other.address], spread=False, keepalive_time=1, keepalive_timeout=1)
    stream = iter(gf.FixedSizeDataLoader(client.dataset("wide"), shuffle=True, seed=1, **options))
    received = [next(stream).y.tolist()]
    time.sleep(4)  # in which nothing but pings is said
    near.process.send_signal(signal.SIGSTOP)
    try:
        received += [batch.y.tolist() for batch in stream]
    finally:
        near.process.send_signal(signal.SIGCONT)
    assert received == expected
    assert "goes on with frame" in caplog.text


@mapped
def test_what_is_kept_of_ended_streams_is_nobodys_promise(start_server, tmp_path):
    server = start_server(None, "--slab-memory", "8M", address=f"unix:{tmp_path}/socket")
    rng = np.random.default_rng(0)
    graphs = [{"x": rng.random((1500, 64), np.float32), "edge_index": np.zeros((2, 1), int)} for _ in range(4)]
    gf.connect(server.address).ingest("large", graphs)
    options = {"fixed_size_options": gf.FixedSizeOptions(3000, 8, 2), "fixed_size_strategy": gf.FixedSizeStrategy.PadToMax}
    kept = []
    for epoch in range(30):  # batches of 800 KB
        for batch in loader(server, dataset="large", seed=epoch, **options):
            pass
        kept.append((batch.ptr, batch.ptr.copy()))
        wait_for(lambda: reading(server, "graphfeed_open_streams") == 0)  # what it had counts as kept
    wait_for(lambda: reading(server, 'graphfeed_memory_reserved_bytes{use="frames"}') == 0)
    bytes_kept = reading(server, 'graphfeed_memory_part_bytes{part="slabs_kept"}')
    assert 3e6 < bytes_kept < 6e6  # then batches travel
    assert all(np.array_equal(view, value) for view, value in kept)
    # Two at a time, as of training and validation.
    for _ in zip(loader(server, dataset="large", **options), loader(server, dataset="large", **options), strict=True):
        pass
    del batch, kept, _
    wait_for(lambda: reading(server, 'graphfeed_memory_part_bytes{part="slabs_kept"}') == 0)


def test_kept_batches_hold_up_no_shutdown(near):
    stream = iter(loader(near))
    kept = [next(stream) for _ in range(4)]
    del stream
    wait_for(lambda: reading(near, "graphfeed_open_streams") == 0)
    begin = time.monotonic()
    assert near.stop() == 0
    assert time.monotonic() - begin < 25  # a drain waits for 30 s
    assert [float(batch.x.sum()) for batch in kept]


def test_a_socket_that_is_served_or_no_socket_is_left_alone(near, start_server, tmp_path):
    with pytest.raises(RuntimeError, match="ended with 1"):
        start_server(None, address=near.address)
    assert len(list(loader(near))) > 20  # it is still there
    for name in ("file", "file.slabs"):
        (tmp_path / name).write_text("precious")
        with pytest.raises(RuntimeError, match="ended with 1"):
            start_server(None, address=f"unix:{tmp_path}/file")
        assert (tmp_path / name).read_text() == "precious"
        (tmp_path / name).unlink()
    near.kill()  # leaves both behind
    again = start_server(None, address=near.address)
    assert gf.connect(again.address).datasets() == []


def test_who_speaks_nonsense_is_turned_away(near, tmp_path):
    expected = contents(loader(near, connection={"shared_memory": False}))
    others = []
    for packet in (b"", b"x", b"12345678", (1).to_bytes(4, "little"), (10**9).to_bytes(4, "little")):
        other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        other.connect(f"{tmp_path}/socket.slabs")
        assert len(other.recv(100)) == 16
        if packet:
            other.send(packet)
            other.settimeout(10)
            assert other.recv(100) == b""  # hung up
        others.append(other)
    assert contents(loader(near)) == expected


def test_sampled_batches_and_several_streams(near):
    client = gf.connect(near.address)
    rng = np.random.default_rng(0)
    client.ingest("one", {"x": rng.random((3000, 64), np.float32), "edge_index": rng.integers(0, 3000, (2, 20000))})

    def neighbors(shared: bool):
        return gf.FixedSizeNeighborLoader(
            gf.connect(near.address, shared_memory=shared).dataset("one"),
            num_neighbors=[5, 5], batch_size=100, shuffle=True, seed=3,
        )  # fmt: skip

    expected = contents(neighbors(False))
    streams = [iter(neighbors(True)) for _ in range(4)]
    assert contents(streams[0]) == expected
    for batches in zip(*streams[1:], strict=True):
        assert len(set(contents(batches))) == 1
    assert len(expected) == 30
