"""What of a program a checkpoint keeps besides where the loader stands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from graphfeed import errors

_RANDOM = "torch_random"  # what dropout draws of: a run goes on as if it had not stopped


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

    def load(self, states: Mapping[str, Any], source: str) -> None:
        """
        Raises:
            RuntimeError: the states, which are of `source`, lack some.
        """
        missing = self._parts.keys() - states.keys()
        if missing:
            raise errors.FailedPrecondition(
                f"{source} has no state of {', '.join(sorted(missing))}; it has "
                f"{', '.join(sorted(states)) or 'none'}"
            )
        for name, part in self._parts.items():
            part.load_state_dict(states[name])
        if self._random and _RANDOM in states:
            sys.modules["torch"].set_rng_state(states[_RANDOM])


def _has_state(part: Any) -> bool:
    return hasattr(part, "state_dict") and hasattr(part, "load_state_dict")
