"""A worker's metrics alone, for loops of one's own."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

from graphfeed import _arguments, _warn, errors
from graphfeed._connection import log, log_info
from graphfeed.layout import Position
from graphfeed.worker.counters import CAUSES, STAGES, Counters, Identity
from graphfeed.worker.exposition import Endpoint
from graphfeed.worker.sizes import Sizes

_T = TypeVar("_T")


class _ForkGuard:
    """Held while a report is sent: gRPC does not survive a fork in the middle of a call, and the
    program that forks knows nothing of this one. The fork waits, for so long at most."""

    MOST_SECONDS = 5.0

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held = False  # by who forks
        os.register_at_fork(
            before=self._before, after_in_parent=self._in_parent, after_in_child=self._in_child
        )

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def _before(self) -> None:
        self._held = self._lock.acquire(timeout=self.MOST_SECONDS)

    def _in_parent(self) -> None:
        if self._held:
            self._held = False
            self._lock.release()

    def _in_child(self) -> None:
        self._lock, self._held = threading.Lock(), False


_fork_guard = _ForkGuard()


class WorkerMetrics:
    """Counts steps, serves the counts, and reports them to a server.

        with gf.WorkerMetrics(listen="127.0.0.1:9400", report=client) as metrics:
            for batch in metrics.waiting(loader):
                loss = step(batch)
                metrics.step(loss=loss, batch=batch)

    Thread-safe. Counters begin at 0 with each object.

    Args:
        listen: "host:port" for /metrics, /healthz and /readyz; port 0: any free one, which
            `address` shows and the logger graphfeed tells (info); None: nothing is served.
        report: the Client whose server gets reports; True: that of the loader which `waiting` is
            given; None or False: none does.
        report_interval: seconds between reports, at least 0.1.
        name: of this worker, unique among the living; made of host and process when not given.
        job: what several workers belong to.
        dataset: "name@version"; model: its name: as `graphfeed top` shows them.
        trains: whether steps change weights.
        num_shards, shard_index: of the loader.
        runtime, runtime_version: what runs the model.

    Raises:
        ImportError: `listen` is given, and prometheus_client is not installed.
        ValueError: an argument is out of its range.
        TypeError: `report` is something else.
        OSError: the address is not free.
    """

    def __init__(
        self,
        *,
        listen: str | None = None,
        report: Any = None,
        report_interval: float = 2.0,
        name: str | None = None,
        job: str = "",
        dataset: str = "",
        model: str = "",
        trains: bool = True,
        num_shards: int = 1,
        shard_index: int = 0,
        runtime: str = "python",
        runtime_version: str | None = None,
    ) -> None:
        if not report_interval >= 0.1:
            raise errors.InvalidArgument(
                f"report_interval is {report_interval}; it must be at least 0.1 seconds"
            )
        self._identity = Identity(
            worker=name or f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}",
            job=job,
            dataset=dataset,
            model=model,
            runtime=runtime,
            runtime_version=_version() if runtime_version is None else runtime_version,
            trains=bool(trains),
            num_shards=_arguments.integer("num_shards", num_shards, 1),
            shard_index=_arguments.integer("shard_index", shard_index, 0),
        )
        self._listen = listen
        self._client = _client(report)
        self._wants_client = report is True
        self._interval = float(report_interval)
        self._lock = threading.Lock()
        self._counters = Counters()
        self._since = time.monotonic()  # where an own loop's step begins
        self._endpoint: Endpoint | None = None
        self._reporter: _Reporter | None = None
        self._is_entered = False

    # --- counting --------------------------------------------------------------------------------

    def step(
        self,
        *,
        loss: Any = None,
        batch: Any = None,
        seconds: float | None = None,
        position: tuple[int, int] | None = None,
    ) -> None:
        """A step succeeded.

        Args:
            loss: a number, tensor or array, of which the mean counts; None: there is none.
            batch: its batch, of which samples, nodes and edges are counted.
            seconds: its duration; since the batch came out of `waiting`, or else since the step
                before, when not given.
            position: (epoch, ordinal) before which all is consumed; when not given that behind the
                batch.
        """
        self._report_to(None)
        now = time.monotonic()
        if position is None and batch is not None and hasattr(batch, "position"):
            epoch, ordinal = batch.position
            position = (epoch, ordinal + self._identity.num_shards - self._identity.shard_index)
        self._count_step(
            Sizes(steps=1) if batch is None else Sizes.of(batch),
            [] if loss is None else [mean(loss)],
            now - self._since if seconds is None else seconds,
            None if position is None else Position(*position),
        )
        self._since = now

    def _count_step(
        self, sizes: Sizes, losses: list[float], seconds: float, position: Position | None
    ) -> None:
        with self._lock:
            self._counters.step(sizes, losses, seconds, position)

    def waiting(self, iterable: Iterable[_T]) -> Iterator[_T]:
        """The items of `iterable`; the time until each one comes counts as waiting for data."""
        self._report_to(client_of(iterable))
        items = iter(iterable)
        while True:
            begin = time.monotonic()
            try:
                item = next(items)
            except StopIteration:
                return
            seconds = time.monotonic() - begin
            self.stage("receive", seconds)
            self.stall("data", seconds)
            self._since = time.monotonic()
            yield item

    def stage(self, name: str, seconds: float) -> None:
        """A batch took so long in a stage: "receive", "stage", "execute" or "report"."""
        with self._lock:
            self._counters.stage_seconds[_arguments.one_of("name", name, STAGES)].observe(seconds)

    def stall(self, cause: str, seconds: float) -> None:
        """The host waited: the model for a batch ("data"), or a batch for the model ("device")."""
        with self._lock:
            self._counters.stall_seconds[_arguments.one_of("cause", cause, CAUSES)] += seconds

    def failure(self, error: BaseException, batch: Any = None) -> None:
        """A step failed."""
        kind = error_class(error)
        with self._lock:
            if batch is not None:
                self._counters.sizes.add(Sizes.of(batch).failed())
            found = self._counters.device_errors
            found[kind] = found.get(kind, 0) + 1

    def checkpoint(self) -> None:
        """A checkpoint has been written."""
        with self._lock:
            self._counters.last_checkpoint = time.time()

    @contextlib.contextmanager
    def _read(self) -> Iterator[Counters]:
        with self._lock:
            yield self._counters

    @property
    def data_wait_share(self) -> float:
        """Of the time that steps took together with the waits for their batches, the part that was
        waited; 0 to 1."""
        with self._lock:
            return self._counters.data_wait_share

    @property
    def address(self) -> str | None:
        """"host:port" where metrics are served; None when they are not."""
        return None if self._endpoint is None else self._endpoint.address

    def report(self, finished: bool = False) -> dict[str, Any]:
        """What a server would be told now, by the names of proto/frame/worker_report.h."""
        with self._lock:
            return self._counters.report(self._identity, 0, self._interval, finished)

    def _report_to(self, client: Any) -> None:
        """What report=True has waited for; None: what tells it should have come by now."""
        if not self._wants_client:
            return
        self._wants_client = False
        if client is None:
            _warn.warn(
                "report=True reports to nobody: no loader of this package was given to waiting(), which "
                "would name the client; give report=client"
            )
            return
        self._client = client
        if self._is_entered:
            self._reporter = _Reporter(self, client, self._interval)

    # --- telling ---------------------------------------------------------------------------------

    def __enter__(self) -> WorkerMetrics:
        self._since = time.monotonic()
        if self._listen is not None:
            self._endpoint = Endpoint(self._listen, self._identity, self._read)
            log_info(f"the metrics of {self._identity.worker} are at http://{self.address}/metrics")
        self._is_entered = True
        if self._client is not None:
            self._reporter = _Reporter(self, self._client, self._interval)
        return self

    def __exit__(self, kind: Any, value: Any, traceback: Any) -> None:
        self._is_entered = False
        if self._reporter is not None:
            self._reporter.close()
            self._reporter = None
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None


class _Reporter:
    """Sends a report at every interval, and a last one. A server that cannot be told stops
    nobody's training: it is logged once until it can again."""

    def __init__(self, metrics: WorkerMetrics, client: Any, interval: float) -> None:
        self._metrics = metrics
        self._send = client._report_worker
        self._interval = interval
        self._sequence = 0
        self._silent = False  # it has been said that reports fail
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="graphfeed-report", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            finished = self._end.is_set()
            self._tell(finished)
            if finished:
                return
            self._end.wait(self._interval)

    def _tell(self, finished: bool) -> None:
        self._sequence += 1
        report = {**self._metrics.report(finished), "sequence": self._sequence}
        try:
            with _fork_guard:
                self._send(report)
            self._silent = False
        except errors.Error as error:
            if not self._silent:
                log(f"the server did not take a worker's report: {error}")
            self._silent = True

    def close(self) -> None:
        self._end.set()
        self._thread.join(timeout=10.0)


def client_of(loader: Any) -> Any:
    """The Client of the dataset that a loader of ours reads; None of anything else."""
    client = getattr(getattr(loader, "dataset", None), "client", None)
    return client if hasattr(client, "_report_worker") else None


def _client(report: Any) -> Any:
    if report is None or isinstance(report, bool):
        return None
    if not hasattr(report, "_report_worker"):
        raise TypeError(
            f"report is a {type(report).__name__}; it is a Client, as gf.connect(...) makes it, or True"
        )
    return report


def mean(loss: Any) -> float:
    """A number, or the mean of a tensor's or array's numbers."""
    if hasattr(loss, "detach"):
        loss = loss.detach()
    if hasattr(loss, "mean") and getattr(loss, "shape", ()):
        loss = loss.mean()
    return float(loss)


def error_class(error: BaseException) -> str:
    """One of few words: PopTorch's errors by what cures them, memory that is out, or "other"."""
    kind = type(error).__name__
    if kind == "RecoverableError":
        action = str(getattr(error, "recovery_action", "")).rpartition(".")[2].lower()
        known = ("ipu_reset", "link_reset", "partition_reset", "full_reset")
        return f"recoverable_{action}" if action in known else "recoverable"
    if kind == "UnrecoverableError":
        return "unrecoverable"
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError":
        return "out_of_memory"
    return "other"


def _version() -> str:
    torch = sys.modules.get("torch")
    python = ".".join(map(str, sys.version_info[:3]))
    return python if torch is None else f"{python} torch {torch.__version__}"


def reports_to(report: Any, loader: Any) -> Any:
    """The client that `report=` means: True is that of the loader's dataset. None: nothing is reported."""
    if report is False or report is None:
        return None
    if report is not True:
        return report
    client = client_of(loader)
    if client is None:
        raise TypeError("report=True needs a loader of a dataset; give report=client")
    return client
