"""The servers of a client."""

from __future__ import annotations

import os
import random
import re
import socket
import threading
import time
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

from graphfeed import errors
from graphfeed._portable.channel_options import ChannelOptions
from graphfeed._portable.channels import Channel

# A replica that failed is tried after the others for so long.
_AVOID_SECONDS = 30.0

_MOST_HOMES = 1000

_URL_SCHEMES = ("http://", "https://", "grpc://", "grpcs://", "tcp://")


class Replica:
    """One address of a server and the connection to it."""

    def __init__(self, address: str, channel: Channel) -> None:
        self.address = address  # "10.0.0.7:50051"
        self.channel = channel
        self.failed_at: Optional[float] = None  # its last failure; None: none since

    @property
    def failed_lately(self) -> bool:
        """Whether it is to be tried after the others."""
        return self.failed_at is not None and time.monotonic() - self.failed_at < _AVOID_SECONDS


class Home(NamedTuple):
    """Where a stream was last, and until when (time.monotonic()) the next one of its like goes
    there."""

    address: str = ""  # there was none
    until: float = float("-inf")


class _Endpoint(NamedTuple):
    text: str
    host: str  # "": an address that gRPC knows
    port: int


def _host_port(text: str) -> Tuple[str, int]:
    """Of "host:port" or "[ipv6]:port"; ValueError for anything else, also for an IPv6 address
    without brackets: where its port starts is anybody's guess."""
    found = re.match(r"(?:\[([^\[\]]+)\]|([^\[\]:]+)):([0-9]+)\Z", text)
    if found is None or not 0 < int(found[3]) < 2**16:
        raise ValueError(text)
    return found[1] or found[2], int(found[3])


def _parse(text: str) -> _Endpoint:
    for scheme in _URL_SCHEMES:
        if text.lower().startswith(scheme):
            bare = text[len(scheme) :].partition("/")[0]
            raise errors.InvalidArgument(
                f'endpoint "{text}" is a URL; it is host:port alone, as in "{bare}"'
            )
    if text.startswith("local:"):
        raise errors.InvalidArgument(
            f'endpoint "{text}" is a data folder; serving it within this process takes the native '
            "module, which this process does not use: the wheel and the package for Debian 12 have "
            "it (GRAPHFEED_CLIENT must not be python); elsewhere give a server, host:port"
        )
    if "://" in text or text.startswith(("unix:", "unix-abstract:")):
        return _Endpoint(text, "", 0)
    try:
        return _Endpoint(text, *_host_port(text))
    except ValueError:
        hint = f"; a data folder is local:{text}" if "/" in text else ""
        raise errors.InvalidArgument(
            f'endpoint "{text}" is not of the form host:port{hint}'
        ) from None


def _addresses(host: str, port: int) -> List[str]:
    """The numeric addresses of a host, "1.2.3.4:80" or "[::1]:80", in the resolver's order.
    OSError when there is none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    texts = [str(entry[4][0]) for entry in found]
    return [f"[{text}]:{port}" if ":" in text else f"{text}:{port}" for text in texts]


def _without_proxy(host: str) -> bool:
    """Whether no_grpc_proxy or no_proxy has an entry that the host's name ends with. gRPC looks
    there too, but sees addresses only."""
    listed = os.environ.get("no_grpc_proxy", os.environ.get("no_proxy", ""))
    entries = [entry.strip().lower() for entry in listed.split(",")]
    return any(entry == "*" or (entry and host.lower().endswith(entry)) for entry in entries)


class Replicas:
    """Every address that the endpoints stand for. A name that resolves to several addresses is as
    many replicas, so that each can be told apart and left out. Thread-safe; shared by a client and
    its streams, which may outlive it.

    Raises:
        InvalidArgument: an endpoint is not host:port, or there is none.
    """

    def __init__(self, endpoints: Sequence[str], options: ChannelOptions) -> None:
        if not endpoints:
            raise errors.InvalidArgument("endpoints is empty; give at least one host:port")
        self._endpoints = [_parse(text) for text in endpoints]
        self._options = options
        self._lock = threading.Lock()
        self._known: Dict[str, Replica] = {}
        self._current: List[Replica] = []
        self._last_answered: Optional[Replica] = None
        # Whether any replica has ever answered: if none has, the addresses may be wrong.
        self.any_answered = False
        self.number = random.getrandbits(64)  # another one for each client, by chance
        self._homes: Dict[int, Home] = {}  # by stream

    def list(self, preferred: int, resolve: bool) -> List[Replica]:
        """All replicas, the `preferred`-th first (modulo their number), those that failed lately
        last. Names are resolved the first time, and again when `resolve` says so, which blocks.

        Raises:
            Unavailable: no endpoint has an address.
        """
        found = self._current
        if not found or resolve:
            try:
                self._resolve()
            except errors.Unavailable:
                # A resolver that fails in an outage does not take away what is known.
                if not found:
                    raise
            found = self._current
        start = preferred % len(found)
        rotated = found[start:] + found[:start]
        return sorted(rotated, key=lambda replica: replica.failed_lately)

    def list_for_calls(self, resolve: bool) -> List[Replica]:
        """The same for calls that any replica may answer: the one that answered last is
        preferred."""
        found, last = self.list(0, resolve), self._last_answered
        if last in found:
            found.remove(last)
            found.insert(0, last)
        return found

    def home_of(self, stream: int) -> Home:
        return self._homes.get(stream, Home())

    def set_home(self, stream: int, home: Home) -> None:
        with self._lock:
            if len(self._homes) >= _MOST_HOMES and stream not in self._homes:
                self._homes.clear()
            self._homes[stream] = home

    def answered(self, replica: Replica) -> None:
        replica.failed_at = None
        self.any_answered = True
        self._last_answered = replica

    def failed(self, replica: Replica) -> None:
        """The next call makes a new connection, at once."""
        replica.failed_at = time.monotonic()
        replica.channel.reconnect()
        if self._last_answered is replica:
            self._last_answered = None

    def _resolve(self) -> None:
        targets: Dict[str, _Endpoint] = {}
        failures = []
        for endpoint in self._endpoints:
            if not endpoint.host:
                targets.setdefault(endpoint.text, endpoint)
                continue
            try:  # without the lock: a resolver may take seconds
                for address in _addresses(endpoint.host, endpoint.port):
                    targets.setdefault(address, endpoint)
            except OSError as error:
                failures.append(f"{endpoint.host}: {error.strerror or error}")
        if not targets:
            raise errors.Unavailable(f"no server has an address: {'; '.join(failures)}")
        with self._lock:
            for address, endpoint in targets.items():
                if address not in self._known:
                    self._known[address] = self._replica(address, endpoint)
            self._current = [self._known[address] for address in targets]

    def _replica(self, address: str, endpoint: _Endpoint) -> Replica:
        options, authority = self._options, ""
        if endpoint.host:
            authority = endpoint.text
            use_proxy = options.use_proxy and not _without_proxy(endpoint.host)
            options = options._replace(use_proxy=use_proxy)
        return Replica(address, Channel(address, authority, options))
