"""Frames as they travel, and what is checked of them before anybody sees them. Nothing that a
server sends is taken on trust."""

from __future__ import annotations

from typing import Any, List, NamedTuple, Optional, Tuple

import numpy as np
from google.protobuf.message import DecodeError

from graphfeed import errors
from graphfeed._portable import compact, descriptors, digests
from graphfeed._portable.codes import decode_ids, take_varint
from graphfeed._portable.descriptors import messages
from graphfeed._portable.layouts import (
    Counts,
    Layout,
    Placement,
    check_counts,
    counts_from_message,
    place,
)
from graphfeed._portable.slabs import Batch, SlabPool

_PAYLOAD_TAG = messages.Frame.DESCRIPTOR.fields_by_name["payload"].number << 3 | 2

# A frame has one for each micro-batch and a few others: what one byte each could make of a message
# must not fill the memory.
_MAX_FIELDS = 1 << 20


class FrameInfo(NamedTuple):
    epoch: int
    ordinal: int
    real: List[Counts]
    trimmed: Counts
    null_frame: bool
    repeat: bool
    digest: int
    graph_ids: Optional[List[np.ndarray]]

    @property
    def what(self) -> str:
        return f"frame {self.ordinal} of epoch {self.epoch}"


def malformed(what: str) -> errors.Error:
    return errors.DataLoss(f"malformed StreamBatchesResponse: {what}")


def field_spans(data: bytes, at: int, end: int) -> List[Tuple[int, int, int, int]]:
    """(tag, its place, where its value begins, where that ends) of each field of a message, without
    the value's length. ValueError for bytes that are no message."""
    spans = []
    while at < end:
        begin = at
        tag, at = take_varint(data, at, end)
        kind = tag & 7
        if kind == 2:
            length, value = take_varint(data, at, end)
            at = value + length
        elif kind == 0:
            value = at
            _, at = take_varint(data, at, end)
        elif kind in (1, 5):
            value = at
            at += 8 if kind == 1 else 4
        else:  # groups, which could nest without end
            raise ValueError(f"wire type {kind}")
        if at > end:
            raise ValueError("a field that is longer than the message")
        if len(spans) == _MAX_FIELDS:
            raise ValueError("more fields than a message has")
        spans.append((tag, begin, value, at))
    return spans


def parse(message: Any, data: bytes, what: str) -> Any:
    """The message of that class."""
    try:
        return descriptors.parse(message, data)
    except (DecodeError, ValueError):
        raise malformed(f"{what}: truncated or not a message") from None


def split_frame(data: bytes, at: int, end: int) -> Tuple[Any, Any]:
    """(Frame without its payload, the payload's bytes as an array) of a Frame that lies in `data`:
    the payload is not copied."""
    try:
        spans = field_spans(data, at, end)
    except ValueError as error:
        raise malformed(f"frame: {error}") from None
    payloads = [span for span in spans if span[0] == _PAYLOAD_TAG]
    if len(payloads) > 1:
        raise malformed("frame.payload: given twice")
    if not payloads:
        return parse(messages.Frame, data[at:end], "frame"), np.empty(0, np.uint8)
    _, begin, value, stop = payloads[0]
    frame = parse(messages.Frame, data[at:begin] + data[stop:end], "frame")
    if frame.place:
        raise malformed("frame: a place and a payload")
    return frame, np.frombuffer(data, np.uint8, stop - value, value)


def frame_from_message(message: Any) -> FrameInfo:
    """InvalidArgument for what cannot be."""
    info = FrameInfo(
        epoch=message.epoch,
        ordinal=message.ordinal,
        real=[counts_from_message(counts) for counts in message.real],
        trimmed=counts_from_message(message.trimmed),
        null_frame=message.null_frame,
        repeat=message.repeat,
        digest=message.digest,
        graph_ids=None,
    )
    if info.epoch < 0 or info.ordinal < 0:
        raise errors.InvalidArgument(
            f"frame: epoch {info.epoch}, ordinal {info.ordinal}; neither may be negative"
        )
    if not message.graph_ids:
        return info
    return info._replace(graph_ids=_graph_ids(message.graph_ids, info.real))


def _graph_ids(code: bytes, real: List[Counts]) -> List[np.ndarray]:
    """By micro-batch, as many as it has real graphs."""
    # At least a byte each: what is decoded is no larger than what the counts allow.
    sizes = [counts.graphs for counts in real]
    if min(sizes, default=0) < 0 or sum(sizes) > len(code):
        raise errors.InvalidArgument(
            f"frame.graph_ids: {len(code)} bytes; fewer than real graphs"
        )
    ids = decode_ids(code, "frame.graph_ids")
    if len(ids) != sum(sizes):
        raise errors.InvalidArgument(
            f"frame.graph_ids: {len(ids)} ids of {sum(sizes)} real graphs"
        )
    if len(ids) and ids.min() < 0:
        raise errors.InvalidArgument(f"frame.graph_ids: {ids.min()}; at least 0")
    return [part.copy() for part in np.split(ids, np.cumsum(sizes)[:-1])]


def check_graph_ids(info: FrameInfo, asked_for: bool) -> FrameInfo:
    """A frame has graph ids if and only if they were asked for."""
    if not asked_for:
        return info._replace(graph_ids=None) if info.graph_ids is not None else info
    if info.graph_ids is not None:
        return info
    if any(counts.graphs for counts in info.real):
        raise errors.DataLoss(f"{info.what} has no graph ids, which were asked for")
    return info._replace(graph_ids=[np.empty(0, np.int64) for _ in info.real])


class FrameReader:
    """Places frames of one layout in memory and checks that they are what the layout says."""

    def __init__(
        self, layout: Layout, max_frame_bytes: int, verify_digests: bool, max_idle: int
    ) -> None:
        if not layout.ragged and layout.slab_bytes > max_frame_bytes:
            raise errors.ResourceExhausted(
                f"frames of {layout.slab_bytes} bytes; max_frame_bytes is {max_frame_bytes}"
            )
        self._layout = layout
        self._max_frame_bytes = max_frame_bytes
        self._verify_digests = verify_digests and digests.available()
        self._pool = SlabPool(max_idle)
        self._placement = (
            None if layout.ragged else Placement(layout.places, layout.slab_bytes)
        )
        self._no_counts = Counts(
            nodes=(0,) * len(layout.node_types),
            edges=(0,) * len(layout.edge_types),
            rows=(0,) * len(layout.row_columns),
        )

    def take(self, payload: np.ndarray, runs: bytes, is_compact: bool) -> np.ndarray:
        """The slab that a payload makes up: the only copy of its bytes that is made here. A payload
        as large as the slab is the slab, whichever encoding was asked for."""
        fixed = self._layout.slab_bytes
        if is_compact and len(payload) < fixed:
            pieces = compact.read_code(runs, len(payload), fixed)
            slab = self._allocate(compact.expanded_bytes(pieces))
            compact.expand(pieces, runs, payload, slab)
            return slab
        slab = self._allocate(len(payload))
        slab[:] = payload
        return slab

    def _allocate(self, size: int) -> np.ndarray:
        if self._placement is not None and size != self._placement.slab_bytes:
            raise errors.DataLoss(
                f"a frame of {size} bytes; the layout's slab has {self._placement.slab_bytes}"
            )
        if size > self._max_frame_bytes:
            raise errors.ResourceExhausted(
                f"a frame of {size} bytes; max_frame_bytes is {self._max_frame_bytes}"
            )
        return self._pool.take(size)

    def finish(self, info: FrameInfo, slab: np.ndarray) -> Batch:
        """The batch of a slab. DataLoss when the counts do not fit the layout, the slab's size is
        not the counts', or the digest is another."""
        layout = self._layout
        if len(info.real) != layout.micro_batches:
            raise errors.DataLoss(
                f"{info.what} has {len(info.real)} micro-batches; the layout has "
                f"{layout.micro_batches}"
            )
        limit = None if layout.ragged else layout.padded
        for counts in info.real:
            check_counts(info.what, counts, layout, limit)
        # A frame that nothing was trimmed from may leave the counts out.
        if info.trimmed == Counts():
            info = info._replace(trimmed=self._no_counts)
        check_counts(info.what, info.trimmed, layout)
        placement = self._placement or place(layout, info.real[0], self._max_frame_bytes)
        if len(slab) != placement.slab_bytes:
            raise errors.DataLoss(
                f"{info.what} has {len(slab)} bytes; its counts need {placement.slab_bytes}"
            )
        if self._verify_digests:
            digest = digests.xxh3(slab)
            if digest != info.digest:
                raise errors.DataLoss(
                    f"{info.what} changed on its way: its digest is {digest:016x}, not "
                    f"{info.digest:016x}"
                )
        return Batch(layout, placement, info, slab)
