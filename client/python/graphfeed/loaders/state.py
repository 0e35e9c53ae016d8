"""Loaders that can be stopped and gone on with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphfeed import _spec, errors
from graphfeed._transport import ShardPosition
from graphfeed.batch import Batch
from graphfeed.dataset import Dataset
from graphfeed.layout import Position
from graphfeed.loaders import epochs, position


class Stateful:
    """Where a loader stands, and going on from there; what it reads is the Loader's."""

    dataset: Dataset
    seed: int
    num_shards: int
    shard_index: int
    uneven_shards: str
    _place: position.Place
    _seed_drawn: bool
    _spec_digests: dict[Any, str]  # by `_key`: options are mutable
    _used_algorithms: dict[Any, Mapping[str, int]]  # likewise
    _algorithms: dict[str, int]  # by purpose: versions that are asked for; else the newest

    def state_dict(self, after: Batch | None = None) -> dict[str, Any]:
        """Where the program stands: the position after the last batch that it received, however far
        the server has prefetched. A small dict that goes through JSON.

        The shards of a synchronous run stand at the same position, and it may be continued with
        another number of them. States that were taken apart are put together by `merge_states`.

        Args:
            after: the position after this batch instead: what a torch worker process received, the
                main process's loader does not know of.

        Raises:
            RuntimeError: in a torch worker process, which sees only its part of the batches, or
                while such processes read the loader.
        """
        if after is not None:
            stands = self._position_after(after)
        elif epochs.torch_worker()[1] > 1:
            raise errors.FailedPrecondition(
                "a torch worker process has no position of its own; ask in the main process: "
                "state_dict(after=batch)"
            )
        elif self._place.read_elsewhere:
            raise errors.FailedPrecondition(
                "torch worker processes read this loader, and what they have sent only the program "
                "knows: give the batch that it received last, state_dict(after=batch)"
            )
        else:
            stands = self._place.received
        return self._state_at(stands)

    def _state_at(self, stands: Position) -> dict[str, Any]:
        """The state of a position."""
        info = self.dataset.info
        spec = self._batch_spec()
        digest = self._place.spec_digest or self._spec_digest(stands.epoch)
        described = _spec.described(spec)
        described.pop(position.ALGORITHMS, None)
        used = self._used_algorithms.get(_key(spec))
        if used:
            described[position.ALGORITHMS] = position.write_algorithms(used)
        return position.make(
            info.full_name, info.fingerprint.hex(), digest, described, self.seed, stands
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Makes the next iteration begin where `state` stands. The number of shards may be another
        than when it was taken. A seed that was drawn is replaced by the state's.

        The state's versions of algorithms are asked for from then on, so that a run goes on over an
        upgrade of the servers.

        Raises:
            ValueError: the state is another dataset content's, spec's or seed's, or none at all, or
                the server has no longer the versions of its algorithms.
        """
        position.check(state)
        before, self._algorithms = self._algorithms, position.algorithms_of(state)
        try:
            self._check_state(state)
        except BaseException:
            self._algorithms = before
            raise
        self.seed = state["seed"]
        self._place.resume(Position(state["epoch"], state["ordinal"]))

    def _check_state(self, state: Mapping[str, Any]) -> None:
        ours = {"fingerprint": self.dataset.info.fingerprint.hex()}
        if not self._seed_drawn:
            ours["seed"] = self.seed
        ours["spec_digest"] = self._ask_spec_digest(state["epoch"])
        for field, value in ours.items():
            if state[field] == value:
                continue
            differs = ""
            if field == "spec_digest" and state.get("spec"):
                differs = _spec.difference(
                    *(
                        {name: text for name, text in spec.items() if name != position.ALGORITHMS}
                        for spec in (state["spec"], _spec.described(self._batch_spec()))
                    )
                )
            if differs:
                raise errors.InvalidArgument(
                    f"the state is of another loader of {state['dataset']}: {differs}"
                )
            raise errors.InvalidArgument(
                f"the state is of {field} {state[field]} ({state['dataset']}), this loader of "
                f"{field} {value} ({self.dataset.info.full_name})"
            )

    def _position_after(self, batch: Batch) -> Position:
        epoch, ordinal = batch.position
        after = ordinal - self.shard_index + self.num_shards
        filled_up = batch.is_null or batch.is_repeat  # in a shard's last round only
        left = 0
        if not filled_up:
            left = self._shard_from(after).num_frames(self.plan(epoch).num_frames)
        return Position(epoch, after) if left else Position(epoch + 1, 0)

    def _shard_from(self, ordinal: int) -> ShardPosition:
        return ShardPosition(ordinal, self.num_shards, self.shard_index, self.uneven_shards)

    def _spec_digest(self, epoch: int) -> str:
        """The digest of the spec, without a server if a stream or an answer has told it before."""
        key = _key(self._batch_spec())
        return self._spec_digests.get(key) or self._ask_spec_digest(epoch)

    def _ask_spec_digest(self, epoch: int) -> str:
        described = self._describe(epoch)
        digest = described.spec_digest.hex()
        self._learn_spec_digest(self._batch_spec(), digest, described.resolved_spec.algorithms)
        return digest

    def _learn_spec_digest(self, spec: Any, digest: str, algorithms: Mapping[str, int]) -> None:
        self._spec_digests[_key(spec)] = digest
        self._used_algorithms[_key(spec)] = algorithms

    def _describe(self, epoch: int) -> Any:
        """The native PlanDescription of an epoch."""
        options = self._stream_options(epoch)
        return self.dataset._connection.call(lambda client: client.describe_plan(options, epoch))


def _key(spec: Any) -> Any:
    """Equal for native BatchSpecs that are."""
    return tuple(sorted(_spec.described(spec).items()))
