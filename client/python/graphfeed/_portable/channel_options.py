"""What the connections of a client have in common, and how gRPC is told."""

from __future__ import annotations

from typing import NamedTuple

from graphfeed._portable.security import Security

_MAX_INT32 = 2**31 - 1


class ChannelOptions(NamedTuple):
    """What the connections of a client have in common."""

    max_receive_bytes: int
    connect_timeout: float
    keepalive_time: float
    keepalive_timeout: float
    use_proxy: bool
    security: Security = Security()

    def to_grpc(self, authority: str) -> list:
        def milliseconds(seconds: float) -> int:
            return int(min(max(seconds * 1000, 1), _MAX_INT32))

        arguments = [
            ("grpc.max_receive_message_length", min(self.max_receive_bytes, _MAX_INT32)),
            ("grpc.max_send_message_length", -1),
            # A connection of its own: streams of several clients do not wait for each other.
            ("grpc.use_local_subchannel_pool", 1),
            # What is read at once is still in the processor's cache when it is copied.
            ("grpc.experimental.tcp_max_read_chunk_size", 1 << 20),
            # Finds a server that vanished without a word.
            ("grpc.keepalive_time_ms", milliseconds(self.keepalive_time)),
            ("grpc.keepalive_timeout_ms", milliseconds(self.keepalive_timeout)),
            # Also where nothing else is said: gRPC would stop asking after the second ping.
            ("grpc.http2.max_pings_without_data", 0),
            # How long an attempt to connect may take, in spite of its name.
            ("grpc.min_reconnect_backoff_ms", milliseconds(self.connect_timeout)),
            # An attempt takes at least as long, and forks wait for it.
            ("grpc.initial_reconnect_backoff_ms", milliseconds(min(self.connect_timeout, 1.0))),
        ]
        if not self.use_proxy:
            arguments.append(("grpc.enable_http_proxy", 0))
        if authority:
            arguments.append(("grpc.default_authority", authority))
        return arguments
