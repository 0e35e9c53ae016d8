"""Lists of ids as they travel: zig-zag varints of the differences to the previous id."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np

from graphfeed import errors

_MAX_BYTES = 10  # of a varint of 64 bits


def encode_ids(ids: Any) -> bytes:
    """Differences wrap around in two's complement, so any pair of ids has one."""
    ids = np.ascontiguousarray(ids, np.int64)
    if ids.size == 0:
        return b""
    difference = ids.copy()
    with np.errstate(over="ignore"):
        difference[1:] -= ids[:-1]
    zigzag = (difference.view(np.uint64) << np.uint64(1)) ^ (difference >> np.int64(63)).view(
        np.uint64
    )
    # The number of groups of 7 bits of each, at least one.
    lengths = np.ones(len(zigzag), np.int64)
    for group in range(1, _MAX_BYTES):
        lengths += zigzag >= np.uint64(1 << (7 * group))
    code = np.empty(int(lengths.sum()), np.uint8)
    starts = np.cumsum(lengths) - lengths
    for group in range(int(lengths.max())):
        has = lengths > group
        bits = (zigzag[has] >> np.uint64(7 * group)) & np.uint64(0x7F)
        more = (lengths[has] > group + 1).astype(np.uint8) << np.uint8(7)
        code[starts[has] + group] = bits.astype(np.uint8) | more
    return code.tobytes()


def decode_ids(code: bytes, field: str) -> np.ndarray:
    """InvalidArgument for codes that end early, and for ids that exceed 64 bits."""
    raw = np.frombuffer(code, np.uint8)
    if raw.size == 0:
        return np.empty(0, np.int64)
    last = np.flatnonzero(raw < 0x80)
    if raw[-1] >= 0x80:
        raise errors.InvalidArgument(f"{field}: the code ends inside id {len(last)}")
    starts = np.concatenate([[0], last[:-1] + 1])
    lengths = last - starts + 1
    too_long = (lengths > _MAX_BYTES) | ((lengths == _MAX_BYTES) & (raw[last] > 1))
    if too_long.any():
        raise _exceeds(field, int(np.argmax(too_long)))
    zigzag = np.zeros(len(last), np.uint64)
    for group in range(int(lengths.max())):
        has = lengths > group
        bits = (raw[starts[has] + group] & np.uint8(0x7F)).astype(np.uint64)
        zigzag[has] |= bits << np.uint64(7 * group)
    difference = (zigzag >> np.uint64(1)).view(np.int64) ^ -(zigzag & np.uint64(1)).view(np.int64)
    with np.errstate(over="ignore"):
        ids = np.cumsum(difference, dtype=np.int64)
    # A sum has overflowed where its sign is that of neither operand.
    before = np.concatenate([[np.int64(0)], ids[:-1]])
    overflowed = ((before ^ ids) & (difference ^ ids)) < 0
    if overflowed.any():
        raise _exceeds(field, int(np.argmax(overflowed)))
    return ids


def _exceeds(field: str, index: int) -> errors.Error:
    return errors.InvalidArgument(f"{field}: id {index} exceeds 64 bits")


def take_varint(data: Any, at: int, end: int) -> Tuple[int, int]:
    """(value, where the next byte is) of a varint of at most 64 bits; ValueError where there is
    none."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("no varint")
