"""The frames of one shard's stream in an epoch."""

from __future__ import annotations

from graphfeed import errors
from graphfeed._portable.fields import check_name
from graphfeed._portable.specs import UNEVEN_SHARDS


class ShardPosition:
    """A shard from an ordinal of an epoch on; `num_frames` is that of the whole epoch."""

    def __init__(
        self, start_ordinal: int, num_shards: int, shard_index: int, uneven_shards: str
    ) -> None:
        if start_ordinal < 0 or num_shards < 1 or not 0 <= shard_index < num_shards:
            raise errors.InvalidArgument(
                f"start_ordinal {start_ordinal}, shard {shard_index} of {num_shards} is no position"
            )
        self._start = start_ordinal
        self._num_shards = num_shards
        self._index = shard_index
        self._drops = check_name(UNEVEN_SHARDS, "uneven_shards", uneven_shards) == "drop"

    def num_frames(self, num_frames: int) -> int:
        """Frames that it receives; equal for all shards."""
        left = max(num_frames - self._start, 0)
        return left // self._num_shards if self._drops else -(-left // self._num_shards)

    def num_own_frames(self, num_frames: int) -> int:
        """Of these, the ones that lie before the epoch's end."""
        left = max(num_frames - self._start - self._index, 0)
        return min(-(-left // self._num_shards), self.num_frames(num_frames))

    def num_filled_up(self, num_frames: int) -> int:
        """Frames that fill up, of all shards together."""
        left = max(num_frames - self._start, 0)
        return max(self.num_frames(num_frames) * self._num_shards - left, 0)
