"""A worker's /metrics, /healthz and /readyz."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from typing import Any

from graphfeed import _transport, errors
from graphfeed._text import without_prefix, without_suffix
from graphfeed.worker.counters import Counters, Histogram, Identity

_PREFIX = "graphfeed_worker_"


def _prometheus() -> Any:
    try:
        import prometheus_client
        import prometheus_client.core
        import prometheus_client.exposition
    except ImportError as error:
        raise ImportError(
            "serving a worker's metrics needs prometheus_client (Debian: python3-prometheus-client); "
            "without metrics_listen a worker runs without it"
        ) from error
    return prometheus_client


class _Collector:
    """The counters as Prometheus's families, made when they are asked for."""

    def __init__(self, identity: Identity, read: Callable[[], Any]) -> None:
        self._identity = identity
        self._read = read

    def collect(self) -> Iterator[Any]:
        with self._read() as counters:
            yield from list(_families(self._identity, counters))


def _families(identity: Identity, counters: Counters) -> Iterator[Any]:
    core = _prometheus().core

    def counter(name: str, help: str, labels: list[str], values: dict[tuple, float]) -> Any:
        family = core.CounterMetricFamily(_PREFIX + name, help, labels=labels)
        for key, value in values.items():
            family.add_metric(list(key), value)
        return family

    def histogram(name: str, help: str, labels: list[str], values: dict[tuple, Histogram]) -> Any:
        family = core.HistogramMetricFamily(_PREFIX + name, help, labels=labels)
        for key, value in values.items():
            family.add_metric(list(key), value.cumulative(), value.sum)
        return family

    def gauge(name: str, help: str, value: float) -> Any:
        family = core.GaugeMetricFamily(_PREFIX + name, help)
        family.add_metric([], value)
        return family

    sizes = counters.sizes
    yield histogram("step_duration_seconds", "Time of a step on the model.", [],
                    {(): counters.step_seconds})  # fmt: skip
    yield histogram("stage_seconds", "Time of a batch in each stage, without waiting for others.",
                    ["stage"], {(name,): h for name, h in counters.stage_seconds.items()})  # fmt: skip
    yield counter("steps_total", "Steps that succeeded.", [], {(): sizes.steps})
    yield counter("samples_total", "Real graphs, or real seeds of sampled batches.", [],
                  {(): sizes.samples})  # fmt: skip
    yield counter("batches_total", "Micro-batches; those that are all padding are null.", ["result"],
                  {("ok",): sizes.batches_ok, ("failed",): sizes.batches_failed,
                   ("null",): sizes.batches_null})  # fmt: skip
    yield counter("nodes_total", "Nodes of batches.", ["kind"],
                  {("real",): sizes.real_nodes, ("padding",): sizes.padding_nodes})  # fmt: skip
    yield counter("edges_total", "Edges of batches.", ["kind"],
                  {("real",): sizes.real_edges, ("padding",): sizes.padding_edges})  # fmt: skip
    yield counter("host_stall_seconds_total", "data: the model waited for a batch; device: a batch "
                  "waited for the model and held up those behind it.", ["cause"],
                  {(cause,): seconds for cause, seconds in counters.stall_seconds.items()})  # fmt: skip
    if counters.loss is not None:
        yield gauge("loss", "Of the last step.", counters.loss)
    yield counter("loss_nonfinite_total", "Losses that were NaN or infinite.", [],
                  {(): counters.nonfinite_losses})  # fmt: skip
    yield counter("device_errors_total", "Steps that failed, by class of error.", ["class"],
                  {(name,): count for name, count in counters.device_errors.items()})  # fmt: skip
    yield gauge("last_step_timestamp_seconds", "When the last step ended, Unix time; 0: none yet.",
                counters.last_step or 0)  # fmt: skip
    yield gauge("checkpoint_last_success_timestamp_seconds",
                "When a checkpoint was last written, Unix time; 0: none yet.",
                counters.last_checkpoint or 0)  # fmt: skip
    yield gauge("epoch", "Epoch of the position.", counters.position.epoch)
    build = core.GaugeMetricFamily(
        _PREFIX + "build_info", "1, with what runs.",
        labels=["version", "runtime", "runtime_version", "phase"],
    )  # fmt: skip
    phase = "train" if identity.trains else "infer"
    build.add_metric([_transport.__version__, identity.runtime, identity.runtime_version, phase], 1)
    yield build


def split_address(listen: str) -> tuple[str, int]:
    """("127.0.0.1", 9400) of "127.0.0.1:9400", ("::1", 0) of "[::1]:0"."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65535:
        raise errors.InvalidArgument(
            f"metrics_listen is {listen!r}; it must be host:port with a port from 0 to 65535"
        )
    return without_suffix(without_prefix(host, "["), "]"), int(port)


class Endpoint:
    """Serves until it is closed.

    Args:
        listen: "host:port"; port 0: any free one.
        identity: of the worker.
        read: gives a context in which the counters stand still.

    Raises:
        ImportError: prometheus_client is not installed.
        ValueError: the address is of another form.
        OSError: the address is not free.
    """

    def __init__(self, listen: str, identity: Identity, read: Callable[[], Any]) -> None:
        prometheus = _prometheus()
        registry = prometheus.CollectorRegistry()
        registry.register(_Collector(identity, read))

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                kind = "text/plain; charset=utf-8"
                if path == "/metrics":
                    encode, kind = prometheus.exposition.choose_encoder(self.headers.get("Accept", ""))
                    self._answer(200, kind, encode(registry))
                elif path == "/healthz":
                    self._answer(200, kind, b"ok\n")
                elif path == "/readyz":
                    with read() as counters:
                        ready = counters.last_step is not None
                    self._answer(200 if ready else 503, kind, b"ok\n" if ready else b"no step yet\n")
                else:
                    self._answer(404, kind, b"there are /metrics, /healthz and /readyz\n")

            def _answer(self, code: int, kind: str, body: bytes) -> None:
                self.send_response(code)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_arguments: Any) -> None:
                """Probes come every few seconds: nothing to log."""

        host, port = split_address(listen)
        kind = _Server6 if ":" in host else _Server
        self._server = kind((host, port), Handler)
        shown = f"[{host}]" if ":" in host else host
        self.address = f"{shown}:{self._server.server_address[1]}"
        """Where it listens."""
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="graphfeed-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True


class _Server6(_Server):
    import socket

    address_family = socket.AF_INET6
