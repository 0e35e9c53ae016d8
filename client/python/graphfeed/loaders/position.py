"""Positions of loaders as plain dicts, and what may be done with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphfeed import errors

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


def make(
    dataset: str, fingerprint: str, spec_digest: str, seed: int, epoch: int, ordinal: int
) -> dict[str, Any]:
    """A state: all below (epoch, ordinal) is consumed. Goes through JSON unchanged."""
    return {
        "version": _VERSION,
        "dataset": dataset,
        "fingerprint": fingerprint,
        "spec_digest": spec_digest,
        "seed": seed,
        "epoch": epoch,
        "ordinal": ordinal,
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
    if state["version"] != _VERSION:
        raise errors.InvalidArgument(
            f"state['version'] is {state['version']}; this package reads {_VERSION}"
        )
    unknown = sorted(set(state) - set(_FIELDS))
    if unknown:
        raise errors.InvalidArgument(f"state has unknown fields: {', '.join(unknown)}")


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
