"""The messages of a stream, read and compared with what was asked for."""

from __future__ import annotations

from typing import Any, Optional, Union

from graphfeed import errors
from graphfeed._portable import frames
from graphfeed._portable.answers import (
    EpochInfo,
    PlanSummary,
    StreamInfo,
    epoch_from_message,
    stream_from_message,
)
from graphfeed._portable.descriptors import messages
from graphfeed._portable.shards import ShardPosition
from graphfeed._portable.slabs import Batch
from graphfeed._portable.specs import StreamOptions

Event = Union[StreamInfo, EpochInfo, Batch]

_EVENTS = {
    field.number << 3 | 2: field.name
    for field in messages.StreamBatchesResponse.DESCRIPTOR.fields
}
_SMALL = {
    "header": (messages.StreamHeader, stream_from_message),
    "epoch": (messages.EpochHeader, epoch_from_message),
}


def check_stream_info(info: StreamInfo, options: StreamOptions) -> None:
    """DataLoss for a header that does not answer `options`."""
    if info.seed != options.seed:
        raise errors.DataLoss(f"the server streams seed {info.seed}, not {options.seed}")
    if options.fingerprint not in (None, info.fingerprint):
        raise errors.DataLoss(
            f"the server streams dataset content {info.fingerprint.hex()}, not "
            f"{options.fingerprint.hex()}"
        )


def check_shard_frames(plan: PlanSummary, options: StreamOptions, first_epoch: bool) -> None:
    """DataLoss unless the plan of an epoch gives the asking shard the frames that are left for
    it."""
    start = options.start_ordinal if first_epoch else 0
    shard = (max(start, 0), options.num_shards, options.shard_index, options.uneven_shards)
    expected = ShardPosition(*shard).num_frames(plan.num_frames)
    if plan.shard_frames != expected:
        raise errors.DataLoss(
            f"the plan has {plan.shard_frames} frames for shard {options.shard_index} of "
            f"{options.num_shards}, of {plan.num_frames} in all; it is {expected}"
        )


class StreamDecoder:
    """A header, then for each epoch its header and its shard's frames in order. After an error the
    stream cannot be read on. For one thread."""

    def __init__(self, options: StreamOptions, max_frame_bytes: int, is_compact: bool) -> None:
        self._options = options
        self._max_frame_bytes = max_frame_bytes
        self._is_compact = is_compact
        self._frames: Optional[frames.FrameReader] = None  # after the header
        self._epoch: Optional[EpochInfo] = None  # the latest
        self._epoch_frames = 0  # received of it

    def decode(self, data: bytes) -> Event:
        try:
            spans = frames.field_spans(data, 0, len(data))
        except ValueError as error:
            raise frames.malformed(str(error)) from None
        events = [span for span in spans if span[0] in _EVENTS]
        if len(events) != 1:
            raise frames.malformed("more than one event" if events else "no event")
        tag, _, value, stop = events[0]
        name = _EVENTS[tag]
        try:
            if name == "frame":
                return self._take_frame(data, value, stop)
            message, read = _SMALL[name]
            found: Any = read(frames.parse(message, data[value:stop], name))
        except errors.InvalidArgument as error:
            # Well-formed, but with a content that cannot be: to a client that is lost data, too.
            raise frames.malformed(error.message) from None
        return self._take_header(found) if name == "header" else self._take_epoch(found)

    def check_complete(self) -> None:
        """To be asked when the server has ended the stream with OK: DataLoss if anything is
        missing."""
        if self._frames is None:
            raise errors.DataLoss("the stream ended before its header")
        self._check_epoch_complete()
        epochs = 0 if self._epoch is None else self._epoch.epoch - self._options.start_epoch + 1
        if epochs != self._options.num_epochs or self._epoch is None:
            raise errors.DataLoss(
                f"the stream ended after {epochs} of {self._options.num_epochs} epochs"
            )

    def _take_header(self, info: StreamInfo) -> StreamInfo:
        if self._frames is not None:
            raise errors.DataLoss("a second header")
        check_stream_info(info, self._options)
        # Every buffer of the ring, the one being received and the one in the caller's hands.
        self._frames = frames.FrameReader(
            info.layout,
            self._max_frame_bytes,
            self._options.verify_digests,
            self._options.client_prefetch + 2,
        )
        return info

    def _take_epoch(self, info: EpochInfo) -> EpochInfo:
        if self._frames is None:
            raise errors.DataLoss("an epoch before the header")
        self._check_epoch_complete()
        first = self._epoch is None
        due = self._options.start_epoch if self._epoch is None else self._epoch.epoch + 1
        if info.epoch != due:
            raise errors.DataLoss(f"epoch {info.epoch} where {due} is due")
        check_shard_frames(info.plan, self._options, first)
        if self._options.num_epochs == 0 and not first and info.plan.shard_frames == 0:
            raise errors.DataLoss(f"epoch {info.epoch} of a stream without end has no frames")
        self._epoch, self._epoch_frames = info, 0
        return info

    def _take_frame(self, data: bytes, at: int, end: int) -> Batch:
        if self._frames is None:
            raise errors.DataLoss("a frame before the header")
        message, payload = frames.split_frame(data, at, end)
        if message.place:
            raise errors.DataLoss("a frame in memory that was not passed")
        info = frames.frame_from_message(message)
        self._check_position(info)
        info = frames.check_graph_ids(info, self._options.graph_ids)
        slab = self._frames.take(payload, message.runs, self._is_compact)
        batch = self._frames.finish(info, slab)
        self._epoch_frames += 1
        return batch

    def _check_position(self, info: frames.FrameInfo) -> None:
        epoch, options = self._epoch, self._options
        if epoch is None:
            raise errors.DataLoss("a frame before its epoch")
        if info.epoch != epoch.epoch:
            raise errors.DataLoss(f"a frame of epoch {info.epoch} in epoch {epoch.epoch}")
        if self._epoch_frames >= epoch.plan.shard_frames:
            raise errors.DataLoss(
                f"epoch {info.epoch} has more than its {epoch.plan.shard_frames} frames"
            )
        # Frames that fill up an uneven shard stand where the server puts them.
        if info.null_frame or info.repeat:
            return
        start = options.start_ordinal if info.epoch == options.start_epoch else 0
        due = start + options.shard_index + self._epoch_frames * options.num_shards
        if info.ordinal != due:
            raise errors.DataLoss(f"{info.what} where {due} is due")

    def _check_epoch_complete(self) -> None:
        epoch = self._epoch
        if epoch is not None and self._epoch_frames != epoch.plan.shard_frames:
            raise errors.DataLoss(
                f"epoch {epoch.epoch} ended after {self._epoch_frames} of "
                f"{epoch.plan.shard_frames} frames"
            )
