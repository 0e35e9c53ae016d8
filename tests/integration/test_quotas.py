"""What one principal may have at a time, whatever is free at the server."""

from __future__ import annotations

import re
import socket
import time

import grpc
import numpy as np
import pytest

import graphfeed as gf
from graphfeed._portable.descriptors import messages

LIMITED, FREE = "limited-token-0123456789", "free-token-0123456789"


def graphs(count: int):
    for i in range(count):
        n = 2 + i % 5
        yield {"x": np.full((n, 3), i, np.float32), "edge_index": np.array([[0, 1], [1, 0]])}


@pytest.fixture
def server(start_server, tmp_path):
    """A function that starts a server at which "limited" has the limits; it has 300 graphs in "mol"."""
    access = tmp_path / "access.yaml"

    def start(limits: str):
        access.write_text(
            "principals:\n"
            f"  - {{name: limited, token: {LIMITED}, roles: [reader, writer],"
            f' datasets: ["m*"], limits: {{{limits}}}}}\n'
            f"  - {{name: free, token: {FREE}, roles: [reader, writer], datasets: ['*']}}\n"
        )
        started = start_server(tmp_path / "data", f"--access={access}")
        if not connect(started, FREE).datasets():
            connect(started, FREE).ingest("mol", graphs(300))
        return started

    return start


def connect(server, token=LIMITED) -> gf.Client:
    return gf.connect(server.address, token=token, retry_timeout=0)


def begun(server, token=LIMITED, num_nodes=2000, **arguments):
    """A stream of which a batch has come."""
    sizes = gf.FixedSizeOptions(num_nodes=num_nodes, num_edges=num_nodes, num_graphs=2)
    batches = iter(
        gf.FixedSizeDataLoader(
            connect(server, token).dataset("mol"), fixed_size_options=sizes, **arguments
        )
    )
    next(batches)
    return batches


def when_there_is_room(begin, seconds: float = 30):
    """What `begin` returns when it is no longer refused."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return begin()
        except gf.errors.ResourceExhausted:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def reserved(server) -> float:
    """Bytes that all streams may take for frames."""
    return server.readings()['graphfeed_memory_reserved_bytes{use="frames"}']


def wait_until_at_rest(server) -> None:
    """Until the connections have taken what they can: looks within a second see nothing sent."""
    same, before = 0, {}
    while same < 20:
        time.sleep(0.05)
        now = {name: value for name, value in server.readings().items() if "frames_sent_total" in name}
        same = same + 1 if now == before else 0
        before = now


def test_streams(server):
    limited = server("streams: 2")
    running = [begun(limited), begun(limited)]
    with pytest.raises(gf.errors.ResourceExhausted, match='streams of "limited": 2 are open'):
        begun(limited)
    begun(limited, FREE)
    del running[0]
    when_there_is_room(lambda: begun(limited))


def test_streams_share_the_slab_bytes(server):
    measured = server("")
    alone = begun(measured, prefetch=4)
    frame = reserved(measured) / 4
    del alone
    measured.stop()

    limit = int(3.5 * frame)
    limited = server(f"slab-bytes: {limit}")
    first = begun(limited, prefetch=4)
    assert reserved(limited) == 3 * frame
    # The first one has all that there is, and gives way to the next.
    second = when_there_is_room(lambda: begun(limited, prefetch=4))
    assert reserved(limited) <= limit
    other = begun(limited, FREE, prefetch=4)
    assert reserved(limited) > limit
    with pytest.raises(gf.errors.ResourceExhausted) as refused:
        begun(limited, num_nodes=40000)
    assert re.search(rf'slab-bytes of "limited": a frame .* of {limit} are free', str(refused.value))
    assert [sum(1 for _ in batches) for batches in (first, second, other)] == [299] * 3


def test_stored_bytes(server):
    unlimited = server("")
    size = connect(unlimited, FREE).dataset("mol").info.raw_bytes
    unlimited.stop()
    limited = server(f"stored-bytes: {int(2.5 * size)}")
    client = connect(limited)
    client.ingest("mol", graphs(300))
    for count in (300, 5000):  # at its end, or on the way
        with pytest.raises(gf.errors.ResourceExhausted) as refused:
            client.ingest("mol", graphs(count))
        assert re.search(
            rf'stored-bytes of "limited": {2 * size} bytes are stored .* at most {int(2.5 * size)}',
            str(refused.value),
        )
    assert len(client.datasets()) == 2
    connect(limited, FREE).ingest("other", graphs(300))  # of nobody's else
    client.delete("mol@1")
    client.ingest("mol", graphs(300))


def test_a_partition_counts_towards_the_stored_bytes_before_it_is_made(server):
    unlimited = server("")
    graph = {"x": np.zeros((50, 3), np.float32), "edge_index": np.array([[0, 1], [1, 0]])}
    size = connect(unlimited, FREE).ingest("mg", graph).raw_bytes
    stored = sum(info.raw_bytes for info in connect(unlimited, FREE).datasets())
    unlimited.stop()
    column = 50 * 8
    limited = server(f"stored-bytes: {stored + size + column - 1}")
    with pytest.raises(gf.errors.ResourceExhausted) as refused:
        connect(limited).partition("mg", 2)
    assert re.search(
        rf'stored-bytes of "limited": {stored} bytes .* {size + column} are coming', str(refused.value)
    )
    assert len(connect(limited, FREE).datasets()) == 2
    limited.stop()
    enough = server(f"stored-bytes: {stored + size + column}")
    info = connect(enough).partition("mg", 2)
    assert info.raw_bytes == size + column


def test_limits_that_change_count_what_is_there(server, tmp_path):
    limited = server("streams: 2")
    running = [begun(limited), begun(limited)]
    access = tmp_path / "access.yaml"
    # In the middle of a write a stream keeps its place until its client, which reads, is told.
    wait_until_at_rest(limited)
    # The streams end and come again, one by one: what is counted never exceeds the limit.
    access.write_text(access.read_text().replace("streams: 2", "streams: 3"))
    running.append(when_there_is_room(lambda: begun(limited)))
    with pytest.raises(gf.errors.ResourceExhausted, match='streams of "limited": 3 are open'):
        begun(limited)
    del running
    when_there_is_room(lambda: [begun(limited) for _ in range(3)])


def test_single_batches_are_within_the_slab_bytes(server):
    limited = server("slab-bytes: 1000")
    sizes = {"num_graphs": 2, "num_nodes": 2000, "num_edges": 2000}

    def one(token):
        options = gf.FixedSizeOptions(**sizes)
        loader = gf.FixedSizeDataLoader(
            connect(limited, token).dataset("mol"), fixed_size_options=options
        )
        return loader.batch(0)

    with pytest.raises(gf.errors.ResourceExhausted, match='slab-bytes of "limited"'):
        one(LIMITED)
    assert one(FREE) is not None


@pytest.mark.parametrize("name", ["GetBatch", "ExportVersion"])
def test_answers_that_nobody_takes_make_way(start_server, tmp_path, name):
    server = start_server(
        tmp_path / "data", "--stream-idle-timeout=1s", "--ingest-idle-timeout=1s"
    )
    graph = {"x": np.ones((1000, 1000), np.float32), "edge_index": np.zeros((2, 2), np.int64)}
    with gf.connect(server.address) as client:
        client.ingest("wide", [graph] * 2)
    if name == "GetBatch":
        request = messages.GetBatchRequest(dataset="wide", seed=1)
        request.spec.strategy, request.spec.batch_size = 1, 1  # PLAIN
    else:
        request = messages.ExportVersionRequest(dataset="wide")
    options = [("grpc.http2.bdp_probe", 0)]  # windows stay small
    with grpc.insecure_channel(server.address, options=options) as channel:
        call = channel.unary_stream(f"/graphfeed.v1.GraphFeed/{name}")(request.SerializeToString())
        call.initial_metadata()  # and no more is read
        deadline = time.monotonic() + 30

        def ended() -> float:
            series = server.readings().items()
            return sum(v for key, v in series if key.startswith("graphfeed_rpcs_total") and name in key)

        while not (ended() and reserved(server) == 0):
            assert time.monotonic() < deadline, "it goes on for ever"
            time.sleep(0.1)


def test_one_caller_does_not_have_all_places_of_calls(start_server, tmp_path):
    """1003 calls here: so many streams of one caller wait for the one place."""
    access = tmp_path / "access.yaml"
    access.write_text("principals:\n" + "".join(
        f"  - {{name: {name}, token: {token}, roles: [reader, writer], datasets: ['*']}}\n"
        for name, token in (("limited", LIMITED), ("free", FREE))
    ))  # fmt: skip
    server = start_server(
        tmp_path / "data", f"--access={access}", "--max-streams=1", "--max-ingests=1",
        "--stream-wait=10m",
    )  # fmt: skip
    connect(server, FREE).ingest("mol", graphs(300))
    # Without an end: nobody reads the first one, so it keeps the place.
    request = messages.StreamBatchesRequest(dataset="mol", seed=1, num_epochs=0)
    request.spec.strategy, request.spec.batch_size = 1, 1  # PLAIN
    with grpc.insecure_channel(server.address) as channel:
        stream = channel.unary_stream("/graphfeed.v1.GraphFeed/StreamBatches")

        def begin(count: int) -> list:
            headers = [("authorization", f"Bearer {LIMITED}")]
            return [stream(request.SerializeToString(), metadata=headers) for _ in range(count)]

        calls = begin(760)
        refused = 'calls of "limited": 753 are running'

        def crowded() -> bool:
            try:
                connect(server).datasets()
            except gf.errors.ResourceExhausted as error:
                return refused in str(error)
            return False

        deadline = time.monotonic() + 60
        while not crowded():
            assert time.monotonic() < deadline
            calls += begin(1)  # one was refused for the place that asking took
            time.sleep(0.1)
        assert len(connect(server, FREE).datasets()) == 1
        for call in calls:
            call.cancel()
    when_there_is_room(lambda: connect(server).datasets())


def half_open(server, count: int) -> bool:
    """Begins so many calls over one connection, without a message; whether the server bears that."""
    names = {":method": "POST", ":scheme": "http", ":authority": "here", "te": "trailers",
             ":path": "/graphfeed.v1.GraphFeed/StreamBatches", "content-type": "application/grpc"}  # fmt: skip
    fields = b"".join(  # literal ones, as HPACK has them
        b"\0" + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()
        for name, value in sorted(names.items())
    )

    def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload

    settings, settings_ack = frame(4, 0, 0, b""), frame(4, 1, 0, b"")
    ping, pong = frame(6, 0, 0, b"12345678"), frame(6, 1, 0, b"12345678")
    calls = b"".join(frame(1, 4, 2 * i + 1, fields) for i in range(count))  # HEADERS, END_HEADERS
    host, port = server.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + settings_ack + calls + ping)
        said = b""
        while pong not in said:
            try:
                more = connection.recv(65536)
            except ConnectionResetError:
                return False
            if not more:
                return False
            said = said[-len(pong):] + more  # fmt: skip
        return True


def test_a_connection_begins_only_so_many_calls(start_server):
    """Without a message they have a place nowhere else."""
    server = start_server(None, "--max-streams=4", "--max-ingests=1")
    assert half_open(server, 1006)
    assert not half_open(server, 1007)
    when_there_is_room(lambda: gf.connect(server.address).datasets())
