"""Requests and uploads that nobody should send: each gets a status, nothing grows, and a stream
beside them does not notice."""

from __future__ import annotations

import os
import random
import threading
import time
import urllib.request
from concurrent import futures

import grpc
import hostile
import numpy as np
import pytest

import graphfeed as gf
from graphfeed._portable import requests, specs
from graphfeed._portable.descriptors import messages, method

SEED = int(os.environ.get("GRAPHFEED_SEED", "20261129"))
COUNT = 100_000 if "GRAPHFEED_LONG" in os.environ else 12_000
# What a request may be refused with. UNKNOWN and INTERNAL are faults of the server's.
REFUSALS = {
    "OK", "INVALID_ARGUMENT", "NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "OUT_OF_RANGE",
    "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "CANCELLED", "UNIMPLEMENTED", "DATA_LOSS",
}  # fmt: skip


def graphs(count: int):
    for i in range(count):
        n = 2 + i % 7
        yield {
            "x": np.full((n, 4), i, np.float32),
            "edge_index": np.arange(2 * n).reshape(2, n) % n,
            "y": np.array([i]),
        }


def metric(server, name: str) -> float:
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=20) as answer:
        for line in answer.read().decode().splitlines():
            if line.startswith(f"{name} "):
                return float(line.rsplit(" ", 1)[1])
    raise AssertionError(f"no {name}")


class Stream(threading.Thread):
    """Reads epochs and compares each with the first one."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._stop_now = threading.Event()
        self.error: Exception | None = None
        self.epochs = 0
        self._loader = gf.FixedSizeDataLoader(
            gf.connect(address, retry_timeout=0).dataset("healthy"), batch_size=8, seed=1
        )

    def run(self) -> None:
        try:
            first = None
            while not self._stop_now.is_set() or self.epochs < 2:
                self._loader.set_epoch(0)
                epoch = [batch.x.tobytes() for batch in self._loader]
                first = first or epoch
                assert epoch == first
                self.epochs += 1
        except Exception as error:  # noqa: BLE001: told by finish
            self.error = error

    def finish(self) -> None:
        self._stop_now.set()
        self.join(120)
        assert not self.is_alive() and self.error is None, self.error
        assert self.epochs >= 2


@pytest.fixture
def attacked(start_server, tmp_path):
    """A server with a healthy stream; afterwards it must be as it was."""
    server = start_server(
        tmp_path / "data", "--slab-memory=64M", "--plan-memory=32M", "--request-memory=32M",
        "--ingest-memory=16M", f"--snapshot-dir={tmp_path / 'snapshots'}",
    )  # fmt: skip
    gf.connect(server.address).ingest("healthy", graphs(200))
    stream = Stream(server.address)
    stream.start()
    before = metric(server, "process_resident_memory_bytes")
    yield server
    stream.finish()
    grown = metric(server, "process_resident_memory_bytes") - before
    assert grown < 300 << 20, f"{grown / 2**20:.0f} MiB more"
    for gauge in ("graphfeed_open_streams", "graphfeed_open_ingests"):
        deadline = time.monotonic() + 30  # the server may see the end later than its client
        while metric(server, gauge) != 0:
            assert time.monotonic() < deadline, gauge
            time.sleep(0.05)
    assert len(gf.connect(server.address).dataset("healthy")) == 200
    assert server.process.poll() is None


def valid() -> dict[str, object]:
    """A request of each method that answers, as clients make them."""
    spec = specs.BatchSpec()
    spec.batch_size = 8
    options = specs.StreamOptions()
    options.dataset = "healthy"
    options.spec = spec
    options.num_epochs = 1
    largest = 1 << 20
    return {
        "GetDataset": messages.GetDatasetRequest(dataset="healthy"),
        "ListDatasets": messages.ListDatasetsRequest(after="a@1"),
        "EstimateOptions": messages.EstimateOptionsRequest(dataset="healthy"),
        "DescribePlan": messages.DescribePlanRequest(dataset="healthy", spec=specs.spec_to_message(spec)),
        "GetBatch": requests.batch_request(options, 0, 0, largest),
        "StreamBatches": requests.stream_request(options, False, largest),
        "ExportVersion": messages.ExportVersionRequest(dataset="healthy"),
        "PartitionDataset": messages.PartitionDatasetRequest(dataset="healthy", num_parts=2),
        "ReportWorkerMetrics": messages.ReportWorkerMetricsRequest(
            report=messages.WorkerReport(worker="w", job="j", start_ms=1, sequence=1, num_shards=1)
        ),
        "ListWorkers": messages.ListWorkersRequest(after="w"),
        "DeleteVersion": messages.DeleteVersionRequest(name="none", version=1),
        "CreateSnapshot": messages.CreateSnapshotRequest(name="/"),
        "ServerInfo": messages.ServerInfoRequest(),
    }


def harmless(name: str, request: bytes) -> bool:
    """Whether it does no lasting good to what the test looks at afterwards."""
    if name == "CreateSnapshot":
        return True
    return name != "DeleteVersion" or b"healthy" not in request


def test_requests(attacked):
    random_ = random.Random(SEED)
    said: dict[str, int] = {}
    with grpc.insecure_channel(
        attacked.address, options=[("grpc.max_receive_message_length", 64 << 20)]
    ) as channel:
        kinds = valid()
        for name, request in kinds.items():
            call = channel.unary_stream(method(name))
            for data in hostile.variants(random_, request, COUNT // len(kinds)):
                if not harmless(name, data):
                    continue
                answers = call(data, timeout=20)
                try:
                    for _ in answers:
                        if random_.random() < 0.1:
                            answers.cancel()
                    code = "OK"
                except grpc.RpcError as error:
                    code = error.code().name
                    assert len(error.details() or "") < 4000
                assert code in REFUSALS, (name, code, data[:200])
                said[code] = said.get(code, 0) + 1
    assert said["INVALID_ARGUMENT"] > COUNT // 10 and said["OK"] > 100, said


def recorded_upload() -> list[bytes]:
    """The messages of a real upload, as its server receives them."""
    received: list[bytes] = []

    class Handler(grpc.GenericRpcHandler):
        def service(self, details):
            def ingest(stream, context):
                received.extend(stream)
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, "recorded")

            return grpc.stream_unary_rpc_method_handler(ingest)

    recorder = grpc.server(futures.ThreadPoolExecutor(2), handlers=[Handler()])
    port = recorder.add_insecure_port("127.0.0.1:0")
    recorder.start()
    with pytest.raises(gf.Error, match="recorded"):
        gf.connect(f"127.0.0.1:{port}", retry_timeout=0).ingest("upload", graphs(20))
    recorder.stop(None)
    return received


def test_uploads(attacked):
    random_ = random.Random(SEED)
    upload = recorded_upload()
    assert len(upload) >= 3
    parsed = [messages.IngestRequest.FromString(data) for data in upload]
    said: dict[str, int] = {}
    with grpc.insecure_channel(attacked.address) as channel:
        call = channel.stream_unary(method("Ingest"))
        for i in range(COUNT // 12):
            sent = list(upload)
            at = random_.randrange(len(sent))
            how = i % 4
            if how == 0:
                sent[at] = hostile.damaged(random_, sent[at])
            elif how == 1:
                sent[at] = next(hostile.variants(random_, parsed[at], 1))
            elif how == 2:
                changed = messages.IngestRequest()
                changed.CopyFrom(parsed[at])
                hostile.filled(random_, changed)
                sent[at] = changed.SerializeToString()
            else:
                random_.shuffle(sent)
                sent = sent[: random_.randrange(len(sent) + 1)]
            try:
                call(iter(sent), timeout=30)
                code = "OK"
            except grpc.RpcError as error:
                code = error.code().name
            assert code in REFUSALS, (i, code)
            said[code] = said.get(code, 0) + 1
    assert said["INVALID_ARGUMENT"] > COUNT // 40, said
    client = gf.connect(attacked.address)
    for info in client.datasets():  # what got in can be read
        dataset = client.dataset(f"{info.name}@{info.version}")
        try:
            for _ in gf.DataLoader(dataset, batch_size=4):
                pass
        except gf.errors.ResourceExhausted:  # larger than this server's memory for frames
            pass
