"""The access file changes while calls run: who may no longer make them is not let go on."""

from __future__ import annotations

import itertools
import pathlib
import re
import signal
import time

import grpc
import numpy as np
import pytest

import graphfeed as gf
from graphfeed._portable.descriptors import messages

READER, WRITER, SECOND = (f"{name}-token-0123456789" for name in ("reader", "writer", "second"))


def lines_of(**changed: str) -> dict[str, str]:
    """The access file's lines by principal."""
    lines = {
        "reader": f"{{name: reader, token: {READER}, roles: reader, datasets: ['*']}}",
        "writer": f"{{name: writer, token: {WRITER}, roles: [reader, writer], datasets: ['*']}}",
        "second": f"{{name: second, token: {SECOND}, roles: [reader, writer], datasets: ['*']}}",
    }
    return {**lines, **changed}


class Access:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.write(lines_of())

    def write(self, lines: dict[str, str]) -> None:
        self.path.write_text("principals:\n" + "".join(f"  - {line}\n" for line in lines.values() if line))


@pytest.fixture
def access(tmp_path) -> Access:
    return Access(tmp_path / "access.yaml")


@pytest.fixture
def server(start_server, tmp_path, access):
    return start_server(
        tmp_path / "data", f"--access={access.path}", f"--audit-log={tmp_path / 'audits'}"
    )


def connect(server, token: str) -> gf.Client:
    return gf.connect(server.address, token=token, retry_timeout=0)


def graphs(count: int, width: int = 3):
    for i in range(count):
        n = 2 + i % 5
        yield {"x": np.full((n, width), i, np.float32), "edge_index": np.array([[0, 1], [1, 0]])}


def is_known(server, token: str) -> bool:
    try:
        connect(server, token).datasets()
    except gf.errors.Unauthenticated:
        return False
    return True


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def change(server, access: Access, **lines: str) -> None:
    """Until the server goes by it; the reader is gone, too."""
    access.write(lines_of(reader="", **lines))
    wait_for(lambda: not is_known(server, READER), "the file is not looked at")


def test_the_file_is_read_again_when_it_changes(server, access, tmp_path):
    new = "new-token-0123456789ab"
    access.write(lines_of(reader=lines_of()["reader"].replace(READER, new)))
    wait_for(lambda: not is_known(server, READER), "the old token goes on")
    assert is_known(server, new)
    access.path.write_text("principals: [{name: x}]\n")  # of no use: what was in force stays
    server.process.send_signal(signal.SIGHUP)
    failed = r"action=reload .*result=(?!OK).* what=--access"
    wait_for(lambda: re.search(failed, (tmp_path / "audits").read_text()), "the file is not looked at")
    assert is_known(server, new)
    access.write(lines_of())
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: is_known(server, READER), "not read again")


def test_streams_of_who_may_no_longer_read_end(server, access):
    connect(server, WRITER).ingest("mol", graphs(3000))

    def loader(token):
        return gf.DataLoader(connect(server, token).dataset("mol"), batch_size=1)

    revoked = itertools.chain.from_iterable(loader(READER).epochs())  # has no end of its own
    going_on = iter(loader(SECOND))
    next(revoked)
    sums = [next(going_on).x.sum()]
    access.write(lines_of(reader=""))
    server.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    with pytest.raises(gf.errors.Unauthenticated):
        while time.monotonic() < deadline:
            next(revoked)
    sums += [batch.x.sum() for batch in going_on]
    assert sums == [3.0 * i * (2 + i % 5) for i in range(3000)]


@pytest.mark.parametrize(
    "line, error",
    [
        ("", gf.errors.Unauthenticated),
        (f"{{name: writer, token: {WRITER}, roles: reader, datasets: ['*']}}", gf.errors.PermissionDenied),
        (f"{{name: writer, token: {WRITER}, roles: writer, datasets: [b]}}", gf.errors.PermissionDenied),
    ],
    ids=["token", "role", "grant"],
)  # fmt: skip
def test_an_ingest_of_who_may_no_longer_write_ends(server, access, line, error):
    sent = []

    def coming():  # 8 MB a hundred, until the server refuses them
        for graph in graphs(10_000, width=5000):
            sent.append(len(sent))
            if len(sent) == 1000:
                change(server, access, writer=line)
            yield graph

    with pytest.raises(error):
        connect(server, WRITER).ingest("a", coming())
    assert 1000 <= len(sent) < 10_000
    assert connect(server, SECOND).datasets() == []


def test_an_ingest_goes_on_when_its_caller_still_may(server, access):
    line = lines_of()["writer"].replace("roles", "limits: {streams: 1}, roles")

    def coming():
        for i, graph in enumerate(graphs(2000, width=1000)):
            if i == 1000:
                change(server, access, writer=line)
            yield graph

    assert connect(server, WRITER).ingest("a", coming()).num_graphs == 2000


def test_an_export_of_who_may_no_longer_read_ends(server, access):
    connect(server, WRITER).ingest("a", graphs(3000, width=2000))
    with grpc.insecure_channel(server.address) as channel:
        export = channel.unary_stream(
            "/graphfeed.v1.GraphFeed/ExportVersion",
            request_serializer=messages.ExportVersionRequest.SerializeToString,
            response_deserializer=messages.IngestRequest.FromString,
        )
        call = export(
            messages.ExportVersionRequest(dataset="a"),
            metadata=[("authorization", f"Bearer {READER}")], timeout=60,
        )  # fmt: skip
        next(call)
        change(server, access)
        with pytest.raises(grpc.RpcError) as ended:
            for _ in call:
                pass
    assert ended.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_a_follower_keeps_what_it_may_no_longer_see(server, access, start_server, tmp_path):
    """What its principal has no grant for is missing in the source's list, and is not gone."""
    writer = connect(server, WRITER)
    for name in ("a", "b"):
        writer.ingest(name, graphs(3))
    token = tmp_path / "token"
    token.write_text(SECOND)
    log = tmp_path / "log"
    with open(log, "w") as stderr:
        follower = start_server(
            tmp_path / "follower", f"--follow={server.address}", f"--follow-token-file={token}",
            "--follow-every=100ms", stderr=stderr,
        )  # fmt: skip
    client = gf.connect(follower.address)
    wait_for(lambda: len(client.datasets()) == 2, "nothing is copied")
    narrow = f"{{name: second, token: {SECOND}, roles: reader, datasets: [a]}}"
    access.write(lines_of(second=narrow))
    failed = r"follow\.failed .*still has b@1.*no grant"
    wait_for(lambda: re.search(failed, log.read_text()), "nothing is told")
    assert [info.name for info in client.datasets()] == ["a", "b"]
    access.write(lines_of())
    writer.delete("b")
    wait_for(lambda: len(client.datasets()) == 1, "what is gone stays")
