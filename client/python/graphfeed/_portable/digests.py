"""XXH3-64 of frames and layouts, where the package xxhash has it."""

from __future__ import annotations

import logging
import zlib
from typing import Any, Optional

_intdigest: Any = None
try:
    import xxhash

    _intdigest = getattr(xxhash, "xxh3_64_intdigest", None)
except ImportError:
    pass

_logger = logging.getLogger("graphfeed")
_told = False


def available() -> bool:
    """Whether there are digests; that there are none is said once."""
    global _told
    if _intdigest is None and not _told:
        _told = True
        _logger.info(
            "the package xxhash (2.0 or later) is not installed: what frames are on their way is "
            "not compared with their digests"
        )
    return _intdigest is not None


def xxh3(data: Any) -> Optional[int]:
    """Of bytes or a contiguous array; None where it cannot be had."""
    return _intdigest(data) if available() else None


def short(ids: Any) -> str:
    """A few digits that differ where the ids do; the same ones in every process of this kind."""
    data = ids.astype("<i8").tobytes()
    if _intdigest is None:
        return f"{zlib.crc32(data):08x}"
    return f"{_intdigest(data):016x}"
