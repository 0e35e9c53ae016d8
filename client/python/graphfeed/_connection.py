"""The native client of a process, which everything that asks a server shares."""

from __future__ import annotations

import dataclasses
import logging
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from graphfeed import _finalizing, _security, _transport, errors

_T = TypeVar("_T")
_logger = logging.getLogger("graphfeed")


def log(notice: str) -> None:
    """Tells the user what a stream or call had to do to go on."""
    _logger.warning("%s", notice)


def log_info(notice: str) -> None:
    """Tells who asks for it."""
    _logger.info("%s", notice)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What `connect` takes, which says what it means."""

    endpoints: tuple[str, ...]
    max_frame_bytes: int
    timeout: float
    retry_timeout: float
    keepalive_time: float
    keepalive_timeout: float
    encoding: str
    use_proxy: bool
    shared_memory: bool = True
    security: Mapping[str, str] = dataclasses.field(default_factory=dict, repr=False)
    spread: bool = True


@dataclasses.dataclass(frozen=True)
class ClientStats:
    """What a client's loaders and datasets have received in this process."""

    frames: int = 0
    """Batches, micro-batches combined."""
    bytes: int = 0
    """Of the batches as they lie in memory; on the way they may be fewer."""
    seconds_waited: float = 0.0
    """For batches of streams: time in which the program could not go on."""


class Connection:
    """Calls to a server or its replicas. Connects lazily and once per process: a forked child makes
    connections of its own. Thread-safe.

    Raises:
        ValueError: a setting is out of its range, an endpoint not of the form host:port.
    """

    def __init__(self, settings: Settings) -> None:
        if settings.encoding not in ("dense", "compact"):
            raise errors.InvalidArgument(
                f'encoding is {settings.encoding!r}; it is "dense" or "compact"'
            )
        for field in ("keepalive_time", "keepalive_timeout"):
            value = getattr(settings, field)
            if not value >= 1:
                raise errors.InvalidArgument(f"{field} is {value}; it must be at least 1 second")
        self.settings = settings
        self._native = self._connect()  # checks the rest; the first call connects
        self._pid = os.getpid()
        self._closed = False
        self._streams: weakref.WeakSet[Any] = weakref.WeakSet()  # that may be open
        self._lock = threading.RLock()  # who counts may be interrupted by a handler that closes
        self._received = (0, 0, 0.0)  # as ClientStats

    def call(self, call: Callable[[Any], _T]) -> _T:
        """What `call` returns for the native client."""
        return call(self._client())

    def open_stream(self, options: Any) -> tuple[Any, Any]:
        """(Stream, its native StreamInfo), once a server has accepted it."""
        stream = Stream(self, self._client().stream_batches(options))
        with _finalizing.locked(self._lock):
            self._streams.add(stream)
        return stream, stream.native.info()

    def get_batch(self, options: Any, epoch: int, ordinal: int) -> tuple[Any, Any, Any]:
        """(native StreamInfo, native batch, strings by column) of one batch alone."""
        info, batch, strings = self._client().get_batch(options, epoch, ordinal)
        self.count(batch, 0.0)
        return info, batch, strings

    def count(self, batch: Any, seconds: float) -> None:
        """A native batch has come, after a wait."""
        with _finalizing.locked(self._lock):
            frames, size, waited = self._received
            self._received = (frames + 1, size + batch.nbytes, waited + seconds)

    @property
    def stats(self) -> ClientStats:
        return ClientStats(*self._received)

    def close(self) -> None:
        """Ends streams and connections; every call after it raises."""
        if self._pid != os.getpid():  # all there is belongs to the process that was forked
            self._closed = True
            return
        with _finalizing.locked(self._lock):
            self._closed = True
            streams = list(self._streams)
            self._native = None
        for stream in streams:
            stream.cancel()

    def open_ingest(self, spec: Any) -> Any:
        """A native ingest stream to a server that answers: its blocks cannot be sent a second
        time."""
        return self._client().ingest(spec)

    def log_notices(self) -> None:
        """Tells the user what streams had to do to go on."""
        native = self._native
        for notice in native.take_notices() if native is not None else ():
            log(notice)

    def _client(self) -> Any:
        if self._closed:
            raise errors.FailedPrecondition(
                f"the client of {', '.join(self.settings.endpoints)} is closed"
            )
        if self._pid != os.getpid():
            # A forked child found its parent's connections, which are of no use to it.
            self._native = self._connect()
            self._pid = os.getpid()
            self._lock, self._received = threading.RLock(), (0, 0, 0.0)
        return self._native

    def _connect(self) -> Any:
        settings = self.settings
        return _transport.Client(
            [str(endpoint) for endpoint in settings.endpoints],
            settings.max_frame_bytes,
            settings.timeout,
            settings.retry_timeout,
            settings.keepalive_time,
            settings.keepalive_timeout,
            settings.encoding == "compact",
            settings.use_proxy,
            settings.shared_memory,
            _security.complete(settings.security),
            settings.spread,
        )


class Stream:
    """A native stream whose batches are counted. A forked child leaves it alone."""

    def __init__(self, connection: Connection, native: Any) -> None:
        self._connection = connection
        self._pid = os.getpid()
        self.native = native

    def next(self) -> Any:
        """The next native batch; None at the end."""
        begin = time.monotonic()
        batch = self.native.next()
        if batch is not None:
            self._connection.count(batch, time.monotonic() - begin)
        self._connection.log_notices()
        return batch

    def cancel(self) -> None:
        """Ends it now."""
        if os.getpid() == self._pid:
            self.native.cancel()
