"""Servers that answer what nobody should: the client raises an error, or gives the batch that was
asked for; nothing crashes, hangs or grows."""

from __future__ import annotations

import os
import random
import resource
from concurrent import futures

import grpc
import hostile
import numpy as np
import pytest

import graphfeed as gf
from graphfeed._portable.descriptors import messages, method

SEED = int(os.environ.get("GRAPHFEED_SEED", "20261129"))
COUNT = 20_000 if "GRAPHFEED_LONG" in os.environ else 1_000
ANSWERS = {
    "GetDataset": "DatasetInfo",
    "ListDatasets": "ListDatasetsResponse",
    "DescribePlan": "DescribePlanResponse",
    "GetBatch": "GetBatchResponse",
    "StreamBatches": "StreamBatchesResponse",
    "ListWorkers": "ListWorkersResponse",
    "ServerInfo": "ServerInfoResponse",
}


def graphs():
    for i in range(24):
        n = 2 + i % 5
        yield {
            "x": np.full((n, 2), i, np.float32),
            "edge_index": np.array([[0, 1], [1, 0]]),
            "y": np.array([i]),
        }


class Liar(grpc.GenericRpcHandler):
    """Stands before a server: passes requests on, and its answers back, some of them changed."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address)
        self.random = None  # None: the truth

    def service(self, details):
        name = details.method.rsplit("/", 1)[1]

        def answer(request, context):
            call = self._channel.unary_stream(details.method)(request, timeout=20)
            context.add_callback(call.cancel)
            try:
                for data in call:
                    yield from self._changed(name, data)
            except grpc.RpcError as error:
                context.abort(error.code(), error.details())

        return grpc.unary_stream_rpc_method_handler(answer)

    def _changed(self, name: str, data: bytes):
        random_ = self.random
        if random_ is None or name not in ANSWERS or random_.random() < 0.5:
            yield data
            return
        how = random_.randrange(4)
        if how == 0:
            yield hostile.damaged(random_, data)
        elif how == 1:
            message = getattr(messages, ANSWERS[name]).FromString(data)
            hostile.filled(random_, message)
            yield message.SerializeToString()
        elif how == 2:
            yield data
            yield data
        # else nothing


@pytest.fixture
def liar(server):
    name = f"hostile-{os.getpid()}"
    client = gf.connect(server.address)
    if name not in [info.name for info in client.datasets()]:
        client.ingest(name, graphs())
    handler = Liar(server.address)
    pool = futures.ThreadPoolExecutor(8)
    standing = grpc.server(pool, handlers=[handler], options=[("grpc.so_reuseport", 0)])
    port = standing.add_insecure_port("127.0.0.1:0")
    standing.start()
    yield handler, f"127.0.0.1:{port}", name
    standing.stop(None)
    pool.shutdown()


def test_answers_that_cannot_be(liar):
    handler, address, name = liar
    truth = [batch.x.tobytes() for batch in loader(gf.connect(address), name)]
    assert len(truth) == 6
    random_ = handler.random = random.Random(SEED)
    told = {"error": 0, "truth": 0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for i in range(COUNT):
        client = gf.connect(address, retry_timeout=0, timeout=20, max_frame_bytes=1 << 20)
        try:
            ask(client, name, i % 5, truth, random_)
            told["truth"] += 1
        except (gf.Error, ValueError, LookupError):
            told["error"] += 1
        finally:
            client.close()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
    assert grown < 400, f"{grown} MiB more"
    assert min(told.values()) > COUNT // 20, told
    handler.random = None
    assert [batch.x.tobytes() for batch in loader(gf.connect(address), name)] == truth


def loader(client, name):
    options = gf.FixedSizeOptions(num_nodes=64, num_edges=64, num_graphs=5)
    return gf.FixedSizeDataLoader(
        client.dataset(name), batch_size=5, fixed_size_options=options, seed=3
    )


def ask(client, name, kind, truth, random_) -> None:
    if kind == 0:
        client.datasets()
    elif kind == 1:
        client.server_info()
        client.workers()
    elif kind == 2:
        assert len(client.dataset(name)) >= 0
    elif kind == 3:
        client.dataset(name)[random_.randrange(24)]
    else:
        for position, batch in enumerate(loader(client, name)):
            assert batch.x.tobytes() == truth[position], "a wrong batch was let in"


def test_the_names_of_the_methods_are_right():
    assert method("ServerInfo") == "/graphfeed.v1.GraphFeed/ServerInfo"
    assert all(hasattr(messages, answer) for answer in ANSWERS.values())
