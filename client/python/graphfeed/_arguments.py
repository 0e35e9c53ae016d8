"""Checks of arguments: errors name the argument, its value and the limit."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from graphfeed import errors


def names(field: str, names: Iterable[str] | None) -> list[str]:
    names = [names] if isinstance(names, str) else list(names or ())
    for name in names:
        if not isinstance(name, str):
            raise errors.InvalidArgument(f"{field} has {name!r}; it takes names of columns")
    return names


def integer(field: str, value: Any, least: int) -> int:
    if not hasattr(value, "__index__") or isinstance(value, bool) or value < least:
        raise errors.InvalidArgument(f"{field} is {value!r}; it must be an integer >= {least}")
    return int(value)


def one_of(field: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise errors.InvalidArgument(f"{field} is {value!r}; it must be one of {list(allowed)}")
    return value


def dtype_name(dtype: Any) -> Any:
    """"int32" from that string, numpy's or torch's dtype."""
    text = str(dtype).removeprefix("torch.")
    try:
        return np.dtype(text if dtype.__class__.__module__ == "torch" else dtype).name
    except TypeError:
        return text
