"""Which fields of a batch are a model's arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphfeed import errors
from graphfeed.batch import Batch

_ABSENT = object()


def field(batch: Any, name: str) -> Any:
    """`x`, `movie__x`, `movie__to__actor__edge_index`, `x_dict`: a tensor of a batch by the name of
    an argument. A store and what is in it are joined by "__", an edge type is source__relation__
    target.

    Raises:
        KeyError: the batch has none of that name.
    """
    value = _find(batch, name)
    if value is _ABSENT:
        raise KeyError(name)
    return value


def names(batch: Any) -> list[str]:
    """All fields of a batch, as arguments are named."""
    if not isinstance(batch, Batch):
        return sorted(batch.keys()) if hasattr(batch, "keys") else []
    return [_joined(store, name) for store, of in batch._layout.stores.items() for name in of]


def _joined(store: Any, name: str) -> str:
    if store is None:
        return name
    return "__".join([*([store] if isinstance(store, str) else store), name])


def _find(batch: Any, name: str) -> Any:
    if isinstance(batch, Batch):
        for store, of in batch._layout.stores.items():
            prefix = _joined(store, "")
            if name.startswith(prefix) and name[len(prefix) :] in of:
                return batch._tensor(of[name[len(prefix) :]])
        return getattr(batch, name, _ABSENT) if name.endswith("_dict") else _ABSENT
    if isinstance(batch, Mapping):
        return batch.get(name, _ABSENT)
    *store, own = name.split("__")
    try:
        if store:
            return batch[store[0] if len(store) == 1 else tuple(store)][own]
        return getattr(batch, name, _ABSENT)
    except (KeyError, IndexError, AttributeError, TypeError):
        return _ABSENT


class Binding:
    """Takes a model's arguments out of a batch.

    Args:
        wanted: (name, whether it must be there) of each argument.
    """

    def __init__(self, wanted: Sequence[tuple[str, bool]]) -> None:
        self._wanted = list(wanted)

    def __call__(self, batch: Any) -> dict[str, Any]:
        """The arguments by name.

        Raises:
            ValueError: some are not in the batch; both sides are listed.
        """
        found = {name: _find(batch, name) for name, _ in self._wanted}
        missing = [name for name, must in self._wanted if must and found[name] is _ABSENT]
        if missing:
            wanted = ", ".join(name if must else f"[{name}]" for name, must in self._wanted)
            raise errors.InvalidArgument(
                f"the batch lacks {', '.join(missing)}\n  the model takes: {wanted}\n"
                f"  the batch has:   {', '.join(names(batch))}"
            )
        return {name: value for name, value in found.items() if value is not _ABSENT}


def of_forward(forward: Callable[..., Any]) -> Binding:
    """By the names of the arguments of a module's forward, compiled or not."""
    schema = getattr(forward, "schema", None)
    if schema is not None:
        return Binding([(a.name, not a.has_default_value()) for a in schema.arguments
                        if a.name != "self"])  # fmt: skip
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return Binding(
        [
            (parameter.name, parameter.default is parameter.empty)
            for parameter in inspect.signature(forward).parameters.values()
            if parameter.kind in kinds
        ]
    )


def of_names(inputs: Sequence[str]) -> Binding:
    """By a list of names, all of which must be there."""
    return Binding([(name, True) for name in inputs])
