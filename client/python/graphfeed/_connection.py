"""The native client of a process, which everything that asks a server shares."""

from __future__ import annotations

import dataclasses
import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

from graphfeed import _graphfeed, errors

_T = TypeVar("_T")
_logger = logging.getLogger("graphfeed")


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

    def call(self, call: Callable[[Any], _T]) -> _T:
        """What `call` returns for the native client."""
        return call(self._client())

    def open_stream(self, options: Any) -> tuple[Any, Any]:
        """(native stream, its StreamInfo), once a server has accepted it."""
        stream = self._client().stream_batches(options)
        return stream, stream.info()

    def open_ingest(self, spec: Any) -> Any:
        """A native ingest stream to a server that answers: its blocks cannot be sent a second
        time."""
        return self._client().ingest(spec)

    def log_notices(self) -> None:
        """Tells the user what streams had to do to go on."""
        for notice in self._client().take_notices():
            _logger.warning("%s", notice)

    def _client(self) -> Any:
        if self._pid != os.getpid():
            # A forked child found its parent's connections, which are of no use to it.
            self._native = self._connect()
            self._pid = os.getpid()
        return self._native

    def _connect(self) -> Any:
        settings = self.settings
        return _graphfeed.Client(
            [str(endpoint) for endpoint in settings.endpoints],
            settings.max_frame_bytes,
            settings.timeout,
            settings.retry_timeout,
            settings.keepalive_time,
            settings.keepalive_timeout,
            settings.encoding == "compact",
        )
