"""Programs of different releases: old and newer data folders, requests with what is not known here,
answers with more than is known. docs/upgrades.md has the rules."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import struct
import subprocess
from concurrent import futures

import grpc
import numpy as np
import pytest
import xxhash
from server_process import Server

import graphfeed as gf

FORMAT_1 = pathlib.Path(__file__).resolve().parents[1] / "storage/format1"
SERVICE = "/graphfeed.v1.GraphFeed/"
GRAPHS = [{"x": np.ones((3, 4), np.float32), "edge_index": np.array([[0, 1], [1, 0]])}] * 4


def files(folder: pathlib.Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in folder.iterdir()
        if path.is_file() and path.name != "READERS"
    }


def test_a_folder_of_the_first_format_is_taken_over(tmp_path):
    data = tmp_path / "data"
    shutil.copytree(FORMAT_1, data)
    for _ in range(2):
        server = Server(data)
        client = gf.connect(server.address)
        assert [f"{info.name}@{info.version}" for info in client.datasets()] == [
            "a@1", "a@2", "b@1", "c@1",
        ]  # fmt: skip
        assert client.server_info().storage_format == 2
        assert len(client.dataset("a@2")) == 2
        assert server.stop() == 0


def rewrite(catalogue: bytes, magic: bytes, version: bytes) -> bytes:
    """The same records, as a later program might have written them."""
    body = catalogue[:-16]
    before = struct.pack("<Q", 6) + b"format" + struct.pack("<Q", 1)
    assert body.count(before + b"2") == 1
    body = magic + body[8:].replace(before + b"2", before + version)
    return body + xxhash.xxh3_128(body).digest()


@pytest.mark.parametrize(
    ("magic", "version"), [(b"GFCATAL2", b"3"), (b"GFCATAL3", b"3"), (b"GFCATAL3", b"2")]
)
def test_a_newer_folder_is_refused_and_left_alone(tmp_path, magic, version):
    data = tmp_path / "data"
    server = Server(data)
    gf.connect(server.address).ingest("d", GRAPHS)
    assert server.stop() == 0
    catalogue = (data / "CATALOG").read_bytes()
    assert rewrite(catalogue, b"GFCATAL2", b"2") == catalogue
    (data / "CATALOG").write_bytes(rewrite(catalogue, magic, version))
    before = files(data)
    for command in (
        [os.environ["GRAPHFEED_SERVER"], "--listen", "127.0.0.1:0", "--data-dir", str(data)],
        [os.environ["GRAPHFEED_CLI"], "verify", "d", "--data-dir", str(data)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert done.returncode == 1
        assert re.search(r'of format "3"; this program knows "2": a newer one wrote it', done.stderr)
    assert files(data) == before
    (data / "CATALOG").write_bytes(catalogue)
    server = Server(data)
    assert [info.name for info in gf.connect(server.address).datasets()] == ["d"]
    assert server.stop() == 0


def field(number: int, value: bytes | int) -> bytes:
    """As protobuf writes it: a length and bytes, or a number."""

    def varint(n: int) -> bytes:
        out = b""
        while n > 127:
            out += bytes([n & 127 | 128])
            n >>= 7
        return out + bytes([n])

    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


@pytest.fixture
def served(tmp_path):
    server = Server(tmp_path / "data")
    gf.connect(server.address).ingest("d", GRAPHS)
    with grpc.insecure_channel(server.address) as channel:
        yield channel
    assert server.stop() == 0


def call(channel, method: str, request: bytes) -> bytes:
    return channel.unary_unary(SERVICE + method)(request, timeout=30)


def test_what_a_later_client_asks_for_and_this_server_does_not_know_is_refused(served):
    plain = field(1, 1) + field(4, 2)  # strategy PLAIN, batch_size 2

    def get_batch(spec: bytes, more: bytes = b"") -> bytes:
        seed = b"\x21" + struct.pack("<Q", 1)  # field 4, of 64 bits
        request = field(1, b"d") + field(3, spec) + seed + field(7, 1 << 20)
        return call(served, "GetBatch", request + more)

    assert get_batch(plain)
    assert get_batch(plain, more=field(999, b"said besides"))
    for spec, what in (
        (plain + field(999, 1), "spec: field 999 of BatchSpec is not known here"),
        (plain + field(5, field(998, b"x")), "spec.selection: field 998 of Selection is not known"),
        (field(1, 99) + field(4, 2), "strategy: unknown value 99"),
    ):
        with pytest.raises(grpc.RpcError, match=re.escape(what)) as refused:
            get_batch(spec)
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert call(served, "ListDatasets", field(999, b"said besides"))
    with pytest.raises(grpc.RpcError) as refused:
        call(served, "NotYetInvented", b"")
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_an_ingest_that_begins_with_what_is_not_known_is_refused(served):
    begin = field(1, field(1, b"e") + field(2, 1) + field(997, 1))
    with pytest.raises(grpc.RpcError, match="begin: field 997 of IngestBegin") as refused:
        served.stream_unary(SERVICE + "Ingest")(iter([begin]), timeout=30)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def later(served):
    """A server that answers as `served` does, and then says `later.more`, which is not known."""

    class Later(grpc.GenericRpcHandler):
        more = b""

        def service(self, details):
            name = details.method.rsplit("/", 1)[1]
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: call(served, name, request) + self.more
            )

    handler = Later()
    server = grpc.server(futures.ThreadPoolExecutor(4), handlers=(handler,))
    handler.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield handler
    server.stop(0).wait()


def test_what_a_later_server_says_besides_is_skipped(later):
    later.more = field(999, b"said besides") + field(998, 7)
    client = gf.connect(later.address)
    assert client.dataset("d").info.num_graphs == 4
    assert client.server_info().storage_format == 2


@pytest.fixture
def link_loader(tmp_path):
    """Makes loaders of seed edges with negatives, in a graph whose nodes have times."""
    server = Server(tmp_path / "data")
    rng = np.random.default_rng(5)
    client = gf.connect(server.address)
    dataset = client.ingest("timed", {
        "x": rng.random((80, 2), np.float32), "edge_index": rng.integers(0, 80, (2, 300)),
        "time": rng.integers(0, 1000, 80),
    })  # fmt: skip

    def make(versions: dict[str, int] | None = None):
        loader = gf.LinkNeighborLoader(
            dataset, num_neighbors=[2], batch_size=20, neg_sampling="binary",
            time_attr="time", edge_label_time=np.full(300, 500), seed=3,
        )  # fmt: skip
        loader._algorithms = versions or {}
        return loader

    yield make
    assert server.stop() == 0


def pairs(batch) -> list:
    return batch.n_id[batch.edge_label_index].tolist()


def test_a_saved_state_goes_on_with_the_algorithms_that_it_began_with(link_loader):
    # As with a server of the release before, whose newest version was 1.
    before = link_loader({"timed_negatives": 1})
    expected = [pairs(batch) for batch in before]
    assert expected != [pairs(batch) for batch in link_loader()]
    before.set_epoch(0)
    running = iter(before)
    for _ in range(3):
        next(running)
    state = before.state_dict()
    running.close()
    assert "timed_negatives 1" in state["spec"]["algorithms"]
    rest = link_loader()
    rest.load_state_dict(state)
    assert [pairs(batch) for batch in rest] == expected[3:]
    assert rest.state_dict()["spec"]["algorithms"] == state["spec"]["algorithms"]

    gone = {**state, "spec": {**state["spec"], "algorithms": "timed_negatives 1, shuffle 7"}}
    with pytest.raises(ValueError, match="version 7 of shuffle; this server has 1"):
        link_loader().load_state_dict(gone)
    for text in ("nonsense", "shuffle 99999999999999999999"):
        with pytest.raises(ValueError, match=f"algorithms'\\] is '{text}'"):
            link_loader().load_state_dict({**state, "spec": {"algorithms": text}})
    # States that do not say it are of the newest, or of none that is here.
    del state["spec"]["algorithms"]
    with pytest.raises(ValueError, match="the state is of spec_digest"):
        link_loader().load_state_dict(state)
