"""Where loaders stand: in this process, and as plain dicts from which others go on."""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from graphfeed import _arguments, errors
from graphfeed.layout import Position
from graphfeed.loaders.epochs import Iteration

_VERSION = 1
_FIELDS = {
    "version": int,
    "dataset": str,
    "fingerprint": str,
    "spec_digest": str,
    "seed": int,
    "epoch": int,
    "ordinal": int,
}
_SPEC = "spec"  # a dict; states of former versions have none
ALGORITHMS = "algorithms"  # of state["spec"]: "neighbors 1, negatives 1"


class Place:
    """Where the program stands in a loader's batches, and where the next iteration begins.

    Pickles without the running iteration, which stays with its process.
    """

    def __init__(self) -> None:
        self.next = Position(0, 0)
        """Of the next iteration. The ordinal is 0, but for an epoch that is resumed."""
        self.received = Position(0, 0)
        """All batches below it have been received."""
        self._spec_digest: str | None = None  # of the running iteration
        self._running: weakref.ref[Iteration] | None = None  # the youngest one
        self._elsewhere: mmap.mmap | None = None  # not 0: see read_elsewhere
        self._owner = 0  # the process that asks

    @property
    def epoch(self) -> int:
        """The running epoch, or the next one when none is running."""
        running = self._running_iteration()
        return self.next.epoch if running is None else running.epoch

    @property
    def spec_digest(self) -> str | None:
        """Of the running iteration's stream; None when none is running or nothing has come."""
        return None if self._running_iteration() is None else self._spec_digest

    def share(self) -> None:
        """Processes that are made from now on can tell this one that they read the loader."""
        if self._elsewhere is None:
            self._elsewhere = mmap.mmap(-1, 1)  # forked processes share it
            self._owner = os.getpid()

    @property
    def read_elsewhere(self) -> bool:
        """Whether other processes read the loader from `next` on, how far is not known here."""
        told = self._elsewhere is not None and self._elsewhere[0] != 0
        return told and self._owner == os.getpid()

    @read_elsewhere.setter
    def read_elsewhere(self, value: bool) -> None:
        if self._elsewhere is not None:
            self._elsewhere[0] = value

    def begin(self, iteration: Iteration) -> None:
        """The iteration at `next` begins."""
        self.read_elsewhere = False
        self.received = self.next
        self.next = Position(self.next.epoch + 1, 0)
        self._running = weakref.ref(iteration)
        self._spec_digest = None

    def receive(self, position: Position, spec_digest: str) -> None:
        """The program gets the batch before `position`."""
        self.received = position
        self._spec_digest = spec_digest

    def move(self, position: Position) -> None:
        """The next iteration begins at `position`; one that runs goes on."""
        self.read_elsewhere = False
        self.next = self.received = position

    def resume(self, position: Position) -> None:
        """Likewise, and nothing counts as running."""
        self.move(position)
        self._running = None

    def _running_iteration(self) -> Iteration | None:
        running = None if self._running is None else self._running()
        return None if running is None or running.done else running

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_running": None, "_elsewhere": None}


def make(
    dataset: str,
    fingerprint: str,
    spec_digest: str,
    spec: dict[str, str],
    seed: int,
    position: Position,
) -> dict[str, Any]:
    """A state: all below `position` is consumed. Goes through JSON unchanged. `spec` says what the
    digest is of, for messages."""
    return {
        "version": _VERSION,
        "dataset": dataset,
        "fingerprint": fingerprint,
        "spec_digest": spec_digest,
        "seed": seed,
        "epoch": position.epoch,
        "ordinal": position.ordinal,
        _SPEC: spec,
    }


def check(state: Mapping[str, Any]) -> None:
    """Raises InvalidArgument for what is no state, naming the field."""
    if not isinstance(state, Mapping):
        raise errors.InvalidArgument(
            f"a state is a dict of a loader's state_dict(), not a {type(state).__name__}"
        )
    for field, kind in _FIELDS.items():
        value = state.get(field)
        if not isinstance(value, kind) or isinstance(value, bool):
            raise errors.InvalidArgument(
                f"state[{field!r}] is {value!r}; a loader's state_dict() has {kind.__name__} there"
            )
        if kind is int and value < 0:
            raise errors.InvalidArgument(f"state[{field!r}] is {value}; it must not be negative")
        if kind is int:
            most = _arguments.UINT64_MAX if field == "seed" else _arguments.INT64_MAX
            _arguments.integer(f"state[{field!r}]", value, 0, most)
    if state["version"] != _VERSION:
        raise errors.InvalidArgument(
            f"state['version'] is {state['version']}; this package reads {_VERSION}"
        )
    if not isinstance(state.get(_SPEC, {}), Mapping):
        raise errors.InvalidArgument(f"state['spec'] is {state[_SPEC]!r}; it is a dict")
    unknown = sorted(set(state) - {*_FIELDS, _SPEC})
    if unknown:
        raise errors.InvalidArgument(f"state has unknown fields: {', '.join(unknown)}")


def write_algorithms(versions: Mapping[str, int]) -> str:
    return ", ".join(f"{purpose} {version}" for purpose, version in sorted(versions.items()))


def algorithms_of(state: Mapping[str, Any]) -> dict[str, int]:
    """The versions of algorithms that a checked state says; none if it is older than they are."""
    text = state.get(_SPEC, {}).get(ALGORITHMS, "")
    try:
        versions = {
            purpose: int(version)
            for purpose, version in (entry.split(" ") for entry in text.split(", ") if entry)
        }
        if any(not 0 <= version < 2**32 for version in versions.values()):
            raise ValueError
        return versions
    except (AttributeError, ValueError):
        raise errors.InvalidArgument(
            f"state['spec']['algorithms'] is {text!r}; a loader's has names and versions there"
        ) from None


def merge_states(states: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The state of a run whose shards stood at `states`.

    The shards of a synchronous run move in lockstep, so their states are equal, and one describes
    them all.

    Raises:
        ValueError: there is none, or they differ; the message lists them.
    """
    states = [dict(state) for state in states]
    if not states:
        raise errors.InvalidArgument("states is empty; give the state_dict() of each shard")
    for state in states:
        check(state)
    differing = [
        field for field in _FIELDS if any(state[field] != states[0][field] for state in states)
    ]
    if differing:
        listed = "; ".join(
            f"shard {i}: " + ", ".join(f"{field} {state[field]}" for field in differing)
            for i, state in enumerate(states)
        )
        raise errors.InvalidArgument(
            f"states of {len(states)} shards differ, so they are of no common position: {listed}"
        )
    return states[0]
