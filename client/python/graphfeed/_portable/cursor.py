"""How far a stream has come, and what is left to be asked for."""

from __future__ import annotations

from graphfeed import errors
from graphfeed._portable.answers import EpochInfo
from graphfeed._portable.specs import StreamOptions

_MAX_EMPTY_EPOCHS = 1000


class StreamCursor:
    """A shard that has received r frames of an epoch from ordinal s on goes on at
    s + r * num_shards."""

    def __init__(self, options: StreamOptions) -> None:
        self._options = options
        self._in_epoch = False  # after the first epoch's header
        self._epoch = options.start_epoch
        self._num_frames = 0  # of the epoch, over all shards
        self._shard_frames = 0  # of the epoch, from where this stream entered it
        self._frames = 0  # received of those
        self._empty_epochs = 0  # in a row, to this one

    def take_epoch(self, info: EpochInfo) -> bool:
        """An epoch's header has come. True when it begins an epoch, false when it goes on with the
        one that a call before this broke off.

        Raises:
            DataLoss: that is not what was left of it; a stream without end has had no frame in
                1000 epochs: nothing would ever come.
        """
        plan = info.plan
        if self._in_epoch and not self._epoch_done:
            left = self._shard_frames - self._frames
            if (info.epoch, plan.num_frames, plan.shard_frames) != (
                self._epoch,
                self._num_frames,
                left,
            ):
                raise errors.DataLoss(
                    f"epoch {info.epoch} has {plan.num_frames} frames and {plan.shard_frames} left "
                    f"for this shard where epoch {self._epoch} with {self._num_frames} and {left} "
                    "was left"
                )
            return False
        self._in_epoch = True
        self._epoch = info.epoch
        self._num_frames, self._shard_frames = plan.num_frames, plan.shard_frames
        self._frames = 0
        self._empty_epochs = 0 if plan.shard_frames else self._empty_epochs + 1
        if self._options.num_epochs == 0 and self._empty_epochs == _MAX_EMPTY_EPOCHS:
            raise errors.DataLoss(
                f"the server's stream without end has had no frames in {self._empty_epochs} "
                f"epochs, the last one {self._epoch}"
            )
        return True

    def take_frame(self) -> None:
        self._frames += 1

    @property
    def _epoch_done(self) -> bool:
        return self._in_epoch and self._frames == self._shard_frames

    @property
    def done(self) -> bool:
        """All epochs have come whole."""
        options = self._options
        last = options.start_epoch + options.num_epochs - 1
        return options.num_epochs != 0 and self._epoch_done and self._epoch == last

    @property
    def epoch(self) -> int:
        """Where the next frame is."""
        return self._epoch + 1 if self._epoch_done else self._epoch

    @property
    def ordinal(self) -> int:
        """Likewise; global: of the first shard."""
        if self._epoch_done:
            return 0
        options = self._options
        start = options.start_ordinal if self._epoch == options.start_epoch else 0
        return start + self._frames * options.num_shards

    @property
    def num_epochs(self) -> int:
        """Epochs left, that of `epoch` included; 0: without end."""
        options = self._options
        if options.num_epochs == 0:
            return 0
        return options.num_epochs - (self.epoch - options.start_epoch)
