"""What can go wrong, by category. Every error carries the message of the server (or of the check
that found it) and the code of the wire, and is also the built-in exception that Python programs
expect: a bad argument is a ValueError, a batch that cannot fit a RuntimeError."""

from __future__ import annotations

# Longer messages lose their middle: what a server names may be of any length.
_MOST_CHARACTERS = 16_000


class Error(Exception):
    """Any failure of graphfeed.

    Attributes:
        code: the status code by its gRPC name, for example "INVALID_ARGUMENT".
        message: what, which, and the limit.
        request_id: by which the server's log tells of the call, "" if no server has told the error.
            str() has it at its end: " [request 3f2a96c14be01d57]".
    """

    code = "UNKNOWN"
    request_id = ""

    def __init__(self, message: str, code: str | None = None, request_id: str = "") -> None:
        if len(message) > _MOST_CHARACTERS:
            half = _MOST_CHARACTERS // 2
            left_out = len(message) - 2 * half
            message = f"{message[:half]} ... {left_out} characters left out ... {message[-half:]}"
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code
        if request_id:
            self.request_id = request_id

    def __str__(self) -> str:
        return f"{self.message} [request {self.request_id}]" if self.request_id else self.message

    def _with(self, more: str) -> Error:
        return type(self)(self.message + more, self.code, self.request_id)

    def __reduce__(self):
        return type(self), (self.message, self.code, self.request_id)


class InvalidArgument(Error, ValueError):
    """A field of a request is wrong: which one, its value, the limit."""

    code = "INVALID_ARGUMENT"


class OutOfRange(Error, IndexError):
    """A position lies beyond the end."""

    code = "OUT_OF_RANGE"


class NotFound(Error, LookupError):
    """No such dataset, version or column."""

    code = "NOT_FOUND"


class AlreadyExists(Error):
    """The thing to be made is there already."""

    code = "ALREADY_EXISTS"


class FailedPrecondition(Error, RuntimeError):
    """The data or the state does not allow it: a batch that cannot fit, changed content."""

    code = "FAILED_PRECONDITION"


class ResourceExhausted(Error, RuntimeError):
    """A limit on bytes, memory or streams is reached."""

    code = "RESOURCE_EXHAUSTED"


class DataLoss(Error):
    """Stored or transmitted bytes are damaged: which dataset, column and chunk."""

    code = "DATA_LOSS"


class Unavailable(Error, ConnectionError):
    """The server cannot be reached or is shutting down."""

    code = "UNAVAILABLE"


class DeadlineExceeded(Error, TimeoutError):
    """The answer took longer than the client's timeout."""

    code = "DEADLINE_EXCEEDED"


class Unauthenticated(Error, PermissionError):
    """The server does not know who is calling."""

    code = "UNAUTHENTICATED"


class PermissionDenied(Error, PermissionError):
    """The caller may not do this."""

    code = "PERMISSION_DENIED"


class Cancelled(Error):
    """The call was cancelled."""

    code = "CANCELLED"


class Aborted(Error, RuntimeError):
    """The call lost against a concurrent one."""

    code = "ABORTED"


class Unimplemented(Error, NotImplementedError):
    """The server does not know this call: it is older than the client."""

    code = "UNIMPLEMENTED"


class Internal(Error, RuntimeError):
    """A defect of the server or of this library."""

    code = "INTERNAL"


_BY_CODE: dict[str, type[Error]] = {
    cls.code: cls
    for cls in (
        InvalidArgument,
        OutOfRange,
        NotFound,
        AlreadyExists,
        FailedPrecondition,
        ResourceExhausted,
        DataLoss,
        Unavailable,
        DeadlineExceeded,
        Unauthenticated,
        PermissionDenied,
        Cancelled,
        Aborted,
        Unimplemented,
        Internal,
    )
}


def from_status(code: str, message: str, request_id: str = "") -> Error:
    """The exception for a status code of the wire; Error itself for one without a class."""
    return _BY_CODE.get(code, Error)(message, code, request_id)
