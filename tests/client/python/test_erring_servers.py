"""Answers that no server of ours gives: every one of them is a gf.Error, and nothing waits for ever."""

import dataclasses
import subprocess
import sys
import types

import numpy as np
import pytest
from graphfeed.layout import BatchLayout

import graphfeed as gf


@pytest.fixture(scope="module")
def dataset(client):
    graphs = [
        {"x": np.ones((2, 1), np.float32), "edge_index": np.array([[0], [1]]), "y": [i],
         "name": f"graph {i}"}
        for i in range(6)
    ]  # fmt: skip
    return client.ingest("erring", graphs)[:]


class Altered:
    """A native object with some attributes replaced."""

    def __init__(self, native, **changes):
        self._native = native
        self.__dict__.update(changes)

    def __getattr__(self, name):
        return getattr(self._native, name)


def alter_layouts(monkeypatch, change):
    """Every layout that comes has `change` done to its list of tensors."""
    create = BatchLayout.__init__

    def altered(self, stream, info):
        tensors = change([Altered(tensor) for tensor in stream.layout.tensors])
        create(self, Altered(stream, layout=Altered(stream.layout, tensors=tensors)), info)

    monkeypatch.setattr(BatchLayout, "__init__", altered)


def named(tensors, name):
    return next(tensor for tensor in tensors if tensor.name == name)


def rename(old, **changes):
    def change(tensors):
        named(tensors, old).__dict__.update(changes)
        return tensors

    return change


READS = {
    "dataset[0]": lambda ds: ds[0],
    "list(dataset)": lambda ds: list(ds),
    "column": lambda ds: ds.column("y"),
    "summary": lambda ds: ds[1:3].summary(),
    "loader": lambda ds: list(gf.DataLoader(ds, 2)),
    "batch": lambda ds: gf.DataLoader(ds, 2).batch(0),
    "graphs": lambda ds: gf.DataLoader(ds, 2).peek().graphs(),
}


@pytest.mark.parametrize("read", READS)
def test_an_unknown_store(read, dataset, monkeypatch):
    alter_layouts(monkeypatch, rename("ptr", store="nowhere"))
    with pytest.raises(gf.DataLoss, match="'nowhere' 'ptr' of a store that there is not"):
        READS[read](dataset)


@pytest.mark.parametrize("read", READS)
def test_two_tensors_of_one_name(read, dataset, monkeypatch):
    alter_layouts(monkeypatch, rename("batch", name="ptr"))
    with pytest.raises(gf.DataLoss, match="'ptr' twice"):
        READS[read](dataset)


@pytest.mark.parametrize("read", ["dataset[0]", "list(dataset)", "column"])
def test_a_column_that_is_missing(read, dataset, monkeypatch):
    alter_layouts(monkeypatch, rename("y", name="z"))
    with pytest.raises(gf.DataLoss, match=r"batches of erring@1 lack the column 'y'"):
        READS[read](dataset)


@pytest.mark.parametrize("read", ["dataset[0]", "list(dataset)", "summary"])
def test_a_ptr_that_is_missing(read, dataset, monkeypatch):
    alter_layouts(monkeypatch, rename("ptr", name="pointer"))
    with pytest.raises(gf.DataLoss, match="lack the ptr of 'node'"):
        READS[read](dataset)


@pytest.mark.parametrize("strings", [{}, {"name": []}, {"name": ["a"] * 9}])
def test_strings_that_are_missing(strings, dataset, monkeypatch):
    get_batch = type(dataset._connection).get_batch

    def altered(self, *arguments):
        info, batch, _ = get_batch(self, *arguments)
        return info, batch, strings

    monkeypatch.setattr(type(dataset._connection), "get_batch", altered)
    for read in (lambda: dataset[0], lambda: list(dataset), lambda: dataset.column("name")):
        with pytest.raises(gf.DataLoss, match=r"sent \d strings of 'name' for \d graphs of erring@1"):
            read()


def test_columns_of_types_that_there_are_not(dataset):
    column = Altered(types.SimpleNamespace(**dataclasses.asdict(dataset.info.columns[0])))
    for change in ({"type": 5}, {"index_types": (3,)}, {"type": -1}):
        schema = types.SimpleNamespace(
            columns=[Altered(column, **change)], node_types=["node"], edge_types=[]
        )
        native = types.SimpleNamespace(name="d", version=1, schema=schema)
        with pytest.raises(gf.DataLoss, match="the server says that column 'x' of d@1"):
            gf.DatasetInfo._from_native(native)


@pytest.mark.parametrize("keep", [0, 1, 2])
def test_a_stream_that_ends_early(keep, dataset, monkeypatch):
    open_stream = type(dataset._connection).open_stream

    def altered(self, options):
        stream, info = open_stream(self, options)
        left, following = [keep], stream.next

        def following_only():
            left[0] -= 1
            return following() if left[0] >= 0 else None

        stream.next = following_only
        return stream, info

    monkeypatch.setattr(type(dataset._connection), "open_stream", altered)
    with pytest.raises(gf.DataLoss, match=f"left epoch 0 after {keep} of the 3 batches"):
        list(gf.DataLoader(dataset, 2))


def test_epochs_without_batches_are_not_waited_for(dataset):
    loader = gf.DataLoader(dataset, 100, drop_last=True)
    assert list(loader) == [] and [list(epoch) for epoch in loader.epochs(3)] == [[], [], []]
    loader.set_epoch(0)
    with pytest.raises(gf.InvalidArgument, match="without end, but epochs have 0 frames"):
        next(loader.epochs())


def test_one_graph_of_very_many_is_found_at_once(client):
    """As long as indexing takes time or memory for each graph, this does."""
    info = dataclasses.replace(client.dataset("erring").info, num_graphs=2**50)
    many = gf.Dataset(client, info)
    assert len(many) == 2**50 and len(many[5:][3:7]) == 4
    assert many[2**40 : 2**40 + 3].graph_ids.tolist() == [2**40, 2**40 + 1, 2**40 + 2]
    assert many[[2**49, -1]].graph_ids.tolist() == [2**49, 2**50 - 1]
    assert many[3].name == "graph 3"


# A server that says what it should, but not as often, and a client of it without much patience; in
# a process of its own, which the server's threads do not outlive.
ANSWERS = """
import sys
from concurrent import futures
import grpc
import numpy as np
import graphfeed as gf
from graphfeed._portable.descriptors import messages

class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        answer = messages.DatasetInfo(name="n", version=1) if "Ingest" in details.method else \
            messages.ServerInfoResponse(version="1")
        def answers(requests, context):
            for _ in requests:
                pass
            how = sys.argv[1]
            for _ in range(2 if how == "twice" else how != "never"):
                yield b"\\x0c\\x08\\x01" if how == "group" else answer.SerializeToString()
        return grpc.stream_stream_rpc_method_handler(answers)

server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[Handler()])
port = server.add_insecure_port("127.0.0.1:0")
server.start()
graph = {"x": np.ones((3, 2), np.float32), "edge_index": np.zeros((2, 2), np.int64)}
with gf.connect(f"127.0.0.1:{port}", retry_timeout=0) as client:
    for call in (client.server_info, lambda: client.ingest("n", [graph, graph])):
        try:
            call()
            print("taken")
        except gf.errors.Internal as error:
            print(error.message)
server.stop(None)
"""


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("twice", "the server has answered twice"),
        ("never", "the server has not answered, and says that all is well"),
        ("group", "the answer is not a message"),
    ],
)
def test_a_call_is_answered_once(how, said):
    done = subprocess.run(
        [sys.executable, "-c", ANSWERS, how], capture_output=True, text=True, timeout=100,
        check=False,
    )  # fmt: skip
    lines = done.stdout.splitlines()
    assert len(lines) == 2 and all(said in line for line in lines), done.stdout + done.stderr


def test_long_messages_lose_their_middle():
    error = gf.errors.DataLoss("begins" + "x" * 100_000 + "ends")
    assert len(error.message) < 16_100
    assert error.message.startswith("beginsx") and error.message.endswith("xends")
    assert "84010 characters left out" in error.message
    assert gf.Error("short").message == "short"
