"""What of a program a checkpoint keeps besides where the loader stands."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from typing import Any

from graphfeed import _warn, errors

_RANDOM = "torch_random"  # what dropout draws of: a run goes on as if it had not stopped
_BASE = "initial_lr"  # a group's lr before a schedule of torch's changed it


class Kept:
    """The states of a model, an optimizer and other objects by name; of objects without
    state_dict and load_state_dict nothing.

    Args:
        model, optimizer: may be None.
        others: {name: object}.
        random: whether torch's generator belongs to it.
    """

    def __init__(self, model: Any, optimizer: Any, others: Mapping | None, random: bool) -> None:
        self._random = random
        self._parts = {
            name: part
            for name, part in {"model": model, "optimizer": optimizer}.items()
            if _has_state(part)
        }
        for name, part in (others or {}).items():
            if name in ("model", "optimizer", _RANDOM):
                raise errors.InvalidArgument(f"state has {name!r}, a name that the worker uses itself")
            if not _has_state(part):
                raise TypeError(f"state[{name!r}] has no state_dict and load_state_dict")
            self._parts[name] = part

    def random(self) -> Any:
        """torch's generator as it is now; None if it does not belong to it."""
        return sys.modules["torch"].get_rng_state() if self._random else None

    def states(self, random: Any = None) -> dict[str, Any]:
        """All of them; with that generator instead of the one of now."""
        states = {name: part.state_dict() for name, part in self._parts.items()}
        random = self.random() if random is None else random
        if random is not None:
            states[_RANDOM] = random
        return states

    @property
    def kinds(self) -> dict[str, str]:
        """The classes of all but the model, which may be wrapped or compiled, by name."""
        return {name: type(part).__name__ for name, part in self._parts.items() if name != "model"}

    def load(self, states: Mapping[str, Any], kinds: Mapping[str, str], source: str) -> None:
        """Nothing is changed unless all of them fit.

        Raises:
            RuntimeError: the states, which are of `source`, lack some.
            ValueError: one is of another kind of object.
        """
        missing = self._parts.keys() - states.keys()
        if missing:
            raise errors.FailedPrecondition(
                f"{source} has no state of {', '.join(sorted(missing))}; it has "
                f"{', '.join(sorted(states)) or 'none'}"
            )
        for name, ours in self.kinds.items():
            if kinds.get(name, ours) != ours:
                raise errors.InvalidArgument(
                    f"{source} has the state of a {kinds[name]} as {name}, but {name} is a {ours}"
                )
        if "optimizer" in self._parts:
            optimizer, state = self._parts["optimizer"], states["optimizer"]
            if "optimizer" not in kinds:
                _require_options(optimizer, state, source)
            _warn_of_rates(optimizer, state, source)
        for name, part in self._parts.items():
            part.load_state_dict(states[name])
        if self._random and _RANDOM in states:
            sys.modules["torch"].set_rng_state(states[_RANDOM])


def _groups(optimizer: Any, state: Any) -> Iterator[tuple[int, Mapping, Mapping]]:
    """(number, the optimizer's parameter group, the state's)."""
    theirs = state.get("param_groups", ()) if isinstance(state, Mapping) else ()
    for number, pair in enumerate(zip(getattr(optimizer, "param_groups", ()), theirs)):
        yield number, *pair


def _require_options(optimizer: Any, state: Any, source: str) -> None:
    """Where it is not told what the state is of, its options must be the optimizer's."""
    for _, ours, theirs in _groups(optimizer, state):
        missing = sorted(ours.keys() - theirs.keys() - {"params", _BASE})
        if missing:
            raise errors.InvalidArgument(
                f"{source} has the state of another optimizer than a {type(optimizer).__name__}: "
                f"{', '.join(sorted(theirs.keys() - {'params'}))}, without {', '.join(missing)}"
            )


def _warn_of_rates(optimizer: Any, state: Any, source: str) -> None:
    """load_state_dict replaces them without a word."""
    differing = [
        f"param_groups[{number}][{name!r}] is {_rate(ours, name)}, the checkpoint's {_rate(theirs, name)}"
        for number, ours, theirs in _groups(optimizer, state)
        for name in ("lr", "weight_decay")
        if _rate(ours, name) != _rate(theirs, name)
    ]
    if differing:
        _warn.warn(
            f"{source} is gone on from with its own options of the optimizer, as by load_state_dict: "
            f"{'; '.join(differing)}. To change one, assign to it once the worker is made"
        )


def _rate(group: Mapping[str, Any], name: str) -> float | None:
    value = group.get(_BASE, group.get(name)) if name == "lr" else group.get(name)
    return None if value is None else float(value)


def _has_state(part: Any) -> bool:
    return hasattr(part, "state_dict") and hasattr(part, "load_state_dict")
