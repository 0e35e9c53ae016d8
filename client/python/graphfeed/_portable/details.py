"""What an error of a server says beside its code and its words (proto/graphfeed/v1/error.proto)."""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple, Optional, Tuple

from graphfeed import errors
from graphfeed._portable.descriptors import messages, parse

_KEY = "grpc-status-details-bin"
_REQUEST_ID = "x-request-id"
_ERROR_INFO = "type.googleapis.com/google.rpc.ErrorInfo"
_RETRY_INFO = "type.googleapis.com/google.rpc.RetryInfo"
_DOMAIN = "graphfeed"
_MOST_SECONDS = 24 * 3600.0  # that a server may have its clients wait

# Why a server ended a stream that could go on, and nothing is wrong.
AGE, IDLE = "STREAM_AGE", "STREAM_IDLE"
# The server is shutting down.
DRAIN = "DRAINING"
# How the words of a call begin that is broken off since nothing is taken: it has words alone.
_IDLE_WORDS = "idle: "


class Details(NamedTuple):
    stream_end: str = ""  # AGE, IDLE, DRAIN; "": none of them
    retry_delay: Optional[float] = None  # seconds; it makes no sense to ask again sooner


def decode(data: bytes) -> Details:
    """They are hints: what cannot be read is left out."""
    details = Details()
    try:
        for detail in parse(messages.ErrorStatus, data).details:
            if detail.type_url == _ERROR_INFO:
                info = parse(messages.ErrorInfo, detail.value)
                if info.domain == _DOMAIN and info.reason in (AGE, IDLE, DRAIN):
                    details = details._replace(stream_end=info.reason)
            elif detail.type_url == _RETRY_INFO:
                delay = parse(messages.RetryInfo, detail.value).retry_delay
                seconds = delay.seconds + delay.nanos / 1e9
                details = details._replace(retry_delay=min(max(seconds, 0.0), _MOST_SECONDS))
    except Exception:  # of protobuf, by its versions
        pass
    return details


def _is_id(text: str) -> bool:
    return 0 < len(text) <= 128 and all(" " < letter < "\x7f" for letter in text)


def attach(error: errors.Error, metadata: Optional[Iterable[Tuple[str, Any]]]) -> errors.Error:
    """The error, with what its call's trailing metadata says of it."""
    if error.code == "UNAVAILABLE" and error.message.startswith(_IDLE_WORDS):
        error.__dict__["_details"] = Details(stream_end=IDLE)
    for key, value in metadata or ():
        if key == _KEY and isinstance(value, bytes):
            error.__dict__["_details"] = decode(value)
        elif key == _REQUEST_ID and isinstance(value, str) and _is_id(value):
            error.request_id = value
    return error


def of(error: errors.Error) -> Details:
    return error.__dict__.get("_details", Details())
