#!/usr/bin/env python3
"""A server that lies: it asks a real one what a client asks it, and passes on something else
(lies.py), by a seed. A program of its own, so that what it does to its threads is not its clients'.

    hostile_server.py ADDRESS_OF_A_SERVER SEED

Prints "listening on ADDR", and on standard error for each call a line: its number, its method, what
was done to it. SIGUSR1 has it say where its threads are.
"""

from __future__ import annotations

import argparse
import faulthandler
import itertools
import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent import futures

import grpc
import lies

from graphfeed._portable.descriptors import messages, method

# Calls that answer once have a deadline of the client's. Streams both ways have none, for a frame or
# a commit may take long: silence there ends by itself.
SILENCE = {"once": 60.0, "stream": 0.3}
STREAMS = ("StreamBatches", "ExportVersion", "Ingest")
MOST_MESSAGES = 60  # of a true answer
# Answers of calls that change something, which the real server is not asked.
CHANGES = {
    "Ingest": messages.DatasetInfo,
    "PartitionDataset": messages.DatasetInfo,
    "DeleteVersion": messages.DeleteVersionResponse,
    "CreateSnapshot": messages.CreateSnapshotResponse,
    "ReportWorkerMetrics": messages.ReportWorkerMetricsResponse,
}
KINDS = {
    **CHANGES,
    "GetDataset": messages.DatasetInfo,
    "ExportVersion": messages.IngestRequest,
    **{
        name: getattr(messages, f"{name}Response")
        for name in (
            "ListDatasets", "EstimateOptions", "DescribePlan", "StreamBatches", "GetBatch",
            "ListWorkers", "ServerInfo",
        )
    },
}  # fmt: skip


class Liar(grpc.GenericRpcHandler):
    """Answers every method as one that may stream both ways: on the wire they are the same."""

    def __init__(self, real: str, seed: int) -> None:
        self._channel = grpc.insecure_channel(real, [("grpc.max_receive_message_length", -1)])
        self._seed = seed
        self._numbers = itertools.count()
        self._known: dict[tuple[str, bytes], list[bytes] | grpc.RpcError] = {}
        self._lock = threading.Lock()

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler | None:
        name = details.method.rsplit("/", 1)[1]
        if details.method != method(name) or name not in KINDS:
            return None
        return grpc.stream_stream_rpc_method_handler(
            lambda requests, context: self._answer(name, requests, context)
        )

    def _truth(self, name: str, request: bytes) -> list[bytes]:
        if name in CHANGES:
            return [b"" if name != "Ingest" else messages.DatasetInfo(name="n", version=1).SerializeToString()]
        with self._lock:
            if (name, request) not in self._known:
                call = self._channel.unary_stream(method(name))(request, timeout=60)
                self._known[name, request] = list(itertools.islice(call, MOST_MESSAGES))
                call.cancel()
            return self._known[name, request]

    def _answer(
        self, name: str, requests: Iterator[bytes], context: grpc.ServicerContext
    ) -> Iterator[bytes]:
        number = next(self._numbers)
        random_ = random.Random(f"{self._seed} {number}")
        # Of an upload only a part is read, sometimes.
        request = next(requests, b"")
        if name == "Ingest" and random_.random() < 0.7:
            for _ in requests:
                pass
        try:
            truth = self._truth(name, request)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        answer = lies.lie(random_, truth, KINDS[name], SILENCE["stream" if name in STREAMS else "once"])
        print(number, name, answer.told, file=sys.stderr, flush=True)
        yield from answer.messages
        while answer.endless and answer.messages and context.is_active():
            yield answer.messages[-1]
        until = time.monotonic() + answer.silence
        while time.monotonic() < until and context.is_active():
            time.sleep(0.02)
        if answer.details is not None:
            context.set_trailing_metadata((("grpc-status-details-bin", answer.details),))
        if answer.code is not None:
            context.abort(answer.code, answer.text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("real")
    parser.add_argument("seed", type=int)
    arguments = parser.parse_args()
    server = grpc.server(
        futures.ThreadPoolExecutor(32),
        handlers=[Liar(arguments.real, arguments.seed)],
        options=[("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)],
    )
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    faulthandler.register(signal.SIGUSR1)  # says where all threads are
    print(f"listening on 127.0.0.1:{port}", flush=True)
    sys.stdin.read()  # until the test is over
    server.stop(None)


if __name__ == "__main__":
    main()
