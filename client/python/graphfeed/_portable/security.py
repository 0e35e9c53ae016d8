"""TLS and tokens: the files that a client knows its servers by and shows of itself."""

from __future__ import annotations

import os
import re
from typing import Dict, NamedTuple, Optional, Tuple

from graphfeed import errors

SYSTEM_ROOTS = "system"


def _read(what: str, path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise errors.InvalidArgument(f'{what}: "{path}" cannot be read: {error.strerror}') from None


# What gRPC says of a connection that does not come up because one side speaks TLS otherwise than the
# other, and what to do about it (as in client/cpp/rpc/rpc.cc).
_TLS_HINTS = (
    ("wrong version number", "the server speaks without TLS, and root_ca is given"),
    ("certificate verify failed", "the server's certificate does not come from those in root_ca"),
    ("is not in peer certificate", "the server's certificate is for other names"),
    (": Socket closed", "so ends what a server wants TLS for: it may want root_ca, or cert and key of an "
                        "authority that it knows"),  # fmt: skip
)


def with_tls_hint(reason: str) -> str:
    """`reason`, with a hint if it is that of a connection that did not come up."""
    if reason.startswith("failed to connect"):
        for said, hint in _TLS_HINTS:
            if said in reason:
                return f"{reason} ({hint})"
    return reason


def _trace_parent() -> Tuple[Tuple[str, str], ...]:
    """W3C's, of the environment, to be passed on to the server's log."""
    text = os.environ.get("TRACEPARENT", "")
    return (("traceparent", text),) if re.fullmatch("[0-9a-f-]{55,128}", text) else ()


class Security(NamedTuple):
    """See ClientSecurity in client/cpp/security.h."""

    root_ca: str = ""
    cert: str = ""
    key: str = ""
    token: str = ""
    token_file: str = ""

    @classmethod
    def checked(cls, fields: Dict[str, str]) -> Security:
        """InvalidArgument names a file that cannot be read, or what does not go together."""
        unknown = sorted(set(fields) - set(cls._fields))
        if unknown:
            raise errors.InvalidArgument(f"security: {unknown[0]} is unknown")
        security = cls(**fields)
        if security.token and security.token_file:
            raise errors.InvalidArgument("token and token_file: one of them is enough")
        if bool(security.cert) != bool(security.key):
            one, other = ("cert", "key") if security.cert else ("key", "cert")
            raise errors.InvalidArgument(f"{one}: it goes with {other}, which is not given")
        if security.cert and not security.root_ca:
            raise errors.InvalidArgument(
                "cert: it goes with root_ca, the certificates that servers' come from, or "
                f'"{SYSTEM_ROOTS}"'
            )
        security.files()
        security.metadata()
        return security

    def files(
        self, endpoint: str = ""
    ) -> Optional[Tuple[Optional[bytes], Optional[bytes], Optional[bytes]]]:
        """Roots, key and certificate chain as they are now; None: no TLS, as for Unix sockets."""
        if not self.root_ca or endpoint.startswith(("unix:", "unix-abstract:")):
            return None
        roots = None if self.root_ca == SYSTEM_ROOTS else _read("root_ca", self.root_ca)
        if not self.cert:
            return roots, None, None
        return roots, _read("key", self.key), _read("cert", self.cert)

    def look(self) -> tuple:
        """Changes when one of the files of TLS does."""
        looks = []
        for path in (self.root_ca, self.cert, self.key):
            try:
                status = os.stat(path)
            except (OSError, ValueError):
                looks.append(None)
            else:
                looks.append((status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(looks)

    def metadata(self) -> Optional[Tuple[Tuple[str, str], ...]]:
        """What goes with each call."""
        token = self.token
        if self.token_file:
            token = _read("token_file", self.token_file).decode("latin-1").strip()
        elif not token:
            return _trace_parent() or None
        if not token or not all(" " < letter < "\x7f" for letter in token):
            raise errors.InvalidArgument(
                f"token: of {len(token)} bytes; it is one or more printable characters without "
                "spaces between them"
            )
        return (("authorization", f"Bearer {token}"), *_trace_parent())
