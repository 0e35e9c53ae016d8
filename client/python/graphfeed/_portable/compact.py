"""Slabs without their padding: pieces that travel, and between them runs of one row over and over,
which are written here (docs/wire_format.md)."""

from __future__ import annotations

from typing import Any, List, NamedTuple

import numpy as np

from graphfeed import errors
from graphfeed._portable.codes import take_varint

# Rows that a wider element can stand for, by their bytes.
_ELEMENTS = {2: np.uint16, 4: np.uint32, 8: np.uint64}


class Piece(NamedTuple):
    """`literal` bytes of the payload, then `run` bytes that repeat a row of the code."""

    literal: int
    run: int
    row_at: int
    row_bytes: int


def _no_code(what: str) -> errors.Error:
    return errors.DataLoss(f"a compact frame's code: {what}")


def read_code(runs: bytes, payload_bytes: int, max_bytes: int) -> List[Piece]:
    """DataLoss for anything that is no code, that does not use up the payload, or that makes a slab
    of more than `max_bytes`."""
    pieces, at, slab, payload = [], 0, 0, 0
    while at < len(runs):
        row = row_at = 0
        try:
            literal, at = take_varint(runs, at, len(runs))
            run, at = take_varint(runs, at, len(runs))
        except ValueError:
            raise _no_code("it ends early") from None
        if literal > payload_bytes - payload:
            raise _no_code("the payload ends early")
        payload += literal
        slab += literal + run
        if slab > max_bytes:
            raise _no_code(f"a slab of more than {max_bytes} bytes")
        if run:
            try:
                row, row_at = take_varint(runs, at, len(runs))
            except ValueError:
                raise _no_code("a run of no whole rows") from None
            if row < 1 or run % row or row > len(runs) - row_at:
                raise _no_code("a run of no whole rows")
            at = row_at + row
        pieces.append(Piece(literal, run, row_at, row))
    if payload != payload_bytes:
        raise _no_code("the payload is longer")
    return pieces


def expanded_bytes(pieces: List[Piece]) -> int:
    return sum(piece.literal + piece.run for piece in pieces)


def expand(pieces: List[Piece], runs: bytes, payload: Any, slab: np.ndarray) -> None:
    """Writes every byte of the slab: literals straight from the payload to their places."""
    rows = np.frombuffer(runs, np.uint8)
    at = taken = 0
    for literal, run, row_at, row_bytes in pieces:
        if literal:
            slab[at : at + literal] = payload[taken : taken + literal]
            taken += literal
            at += literal
        if run:
            _repeat(rows[row_at : row_at + row_bytes], slab[at : at + run], at)
            at += run


def _repeat(row: np.ndarray, to: np.ndarray, at: int) -> None:
    """Fills `to`, which begins at byte `at` of a slab, with a row of bytes."""
    size = len(row)
    element = _ELEMENTS.get(size)
    if size == 1 or (row == row[0]).all():
        to.fill(row[0])
    elif element is not None and at % size == 0:
        to.view(element)[:] = np.frombuffer(row.tobytes(), element)[0]
    else:
        to[:size] = row
        written = size
        # What is written is copied behind itself, twice as much each time.
        while written < len(to):
            more = min(written, len(to) - written)
            to[written : written + more] = to[:more]
            written += more
