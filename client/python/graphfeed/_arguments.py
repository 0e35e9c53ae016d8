"""Checks of arguments: errors name the argument, its value and the limit."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphfeed import _warn, errors
from graphfeed._text import without_prefix
from graphfeed.info import DatasetInfo


def endpoints(given: Any) -> list[str]:
    """What `connect` takes, as a list."""
    if isinstance(given, str):
        return [_absolute(given)]
    try:
        result = list(given)
    except TypeError:
        result = [given]
    for endpoint in result:
        if not isinstance(endpoint, str):
            raise errors.InvalidArgument(
                f'endpoints is {given!r}; it takes "host:port", or a list of such texts'
            )
    return [_absolute(endpoint) for endpoint in result]


def _absolute(endpoint: str) -> str:
    """A folder's endpoint means the same in a process that stands elsewhere."""
    if not endpoint.startswith("local:") or endpoint == "local:":
        return endpoint
    folder = endpoint[len("local:") :]
    return f"local:{os.path.abspath(os.path.expanduser(folder))}"


def names(field: str, names: Iterable[str] | None) -> list[str]:
    names = [names] if isinstance(names, str) else list(names or ())
    for name in names:
        if not isinstance(name, str):
            raise errors.InvalidArgument(f"{field} has {name!r}; it takes names of columns")
    return names


def columns(field: str, given: Iterable[str] | None, info: DatasetInfo) -> list[str]:
    """Names of columns to leave out; warns of those that there are none of, and drops them."""
    there = {column.name for column in info.columns}
    result = names(field, given)
    unknown = sorted(set(result) - there)
    if unknown:
        _warn.warn(
            f"{field} has {', '.join(map(repr, unknown))}, of which {info.full_name} has no column; "
            f"there are {sorted(there)}"
        )
    return [name for name in result if name in there]


def make_exclude_keys(include_keys: Iterable[str], data: Any) -> list[str]:
    """The names of all columns of a dataset (attributes of a graph or batch) but those in
    `include_keys`: what a loader takes as exclude_keys to send nothing else."""
    keep = set(names("include_keys", include_keys))
    info = getattr(data, "info", None)
    if isinstance(info, DatasetInfo):
        return sorted({column.name for column in info.columns} - keep)
    keys: set[str] = set()
    for store in getattr(data, "stores", [data]):  # of PyG's objects
        keys.update(store.keys() if callable(store.keys) else store.keys)
        for key in (*getattr(store, "node_types", ()), *getattr(store, "edge_types", ())):
            keys.update(store[key].keys())
    return sorted(keys - keep)


INT64_MAX, UINT64_MAX = 2**63 - 1, 2**64 - 1


def integer(field: str, value: Any, least: int, most: int = INT64_MAX) -> int:
    if not hasattr(value, "__index__") or isinstance(value, bool) or value < least:
        raise errors.InvalidArgument(f"{field} is {value!r}; it must be an integer >= {least}")
    if value > most:
        raise errors.InvalidArgument(f"{field} is {value}; it must be at most {most}")
    return int(value)


def one_of(field: str, value: str, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise errors.InvalidArgument(f"{field} is {value!r}; it must be one of {list(allowed)}")
    return value


def dtype_name(dtype: Any) -> Any:
    """"int32" from that string, numpy's or torch's dtype."""
    text = without_prefix(str(dtype), "torch.")
    try:
        return np.dtype(text if dtype.__class__.__module__ == "torch" else dtype).name
    except TypeError:
        return text


def array(field: str, value: Any) -> np.ndarray:
    """A numpy array of arrays, torch tensors and lists."""
    try:
        return np.asarray(value.cpu() if hasattr(value, "cpu") else value)
    except ValueError as error:
        raise errors.InvalidArgument(f"{field} is no array: {error}") from None


def integers(field: str, value: Any, dims: int = 1) -> np.ndarray:
    """An int64 array of that many dimensions."""
    result = array(field, value)
    if result.size == 0 and result.ndim == dims:
        return np.zeros(result.shape, np.int64)
    refuse_beyond_int64(field, result)
    if result.ndim != dims or result.dtype.kind not in "iu":
        raise errors.InvalidArgument(
            f"{field} has shape {list(result.shape)} and dtype {result.dtype}; it takes integers "
            f"of {dims} dimension{'s' if dims > 1 else ''}"
        )
    return result.astype(np.int64)


def labels(field: str, value: Any) -> np.ndarray:
    """int64 or float32 [n], of integers, booleans or floats."""
    result = array(field, value)
    if result.ndim == 1 and result.dtype.kind == "f":
        return result.astype(np.float32)
    if result.ndim == 1 and result.dtype.kind == "b":
        return result.astype(np.int64)
    if result.ndim != 1 or (result.size and result.dtype.kind not in "iu"):
        raise errors.InvalidArgument(
            f"{field} has shape {list(result.shape)} and dtype {result.dtype}; it takes integers or "
            "floats of 1 dimension"
        )
    return result.astype(np.int64)


def refuse_beyond_int64(field: str, array: np.ndarray) -> None:
    """Raises InvalidArgument for integers that int64 does not hold; numpy has them as objects or as
    uint64."""
    if array.dtype == object and all(isinstance(value, int) for value in array.flat):
        beyond = [value for value in array.flat if not -(2**63) <= value <= INT64_MAX]
    else:
        beyond = array[array > INT64_MAX] if array.dtype == np.uint64 else []
    if len(beyond):
        raise errors.InvalidArgument(f"{field} holds {beyond[0]}, which does not fit int64")


def refuse_masks(field: str, array: np.ndarray, total: int | None, things: str) -> None:
    """Raises InvalidArgument for integers that may be meant as a mask: as many as there are things
    (None: however many), all 0 or 1. Ids without repeats are ids.

    Args:
        field: the argument's name.
        array: of one dimension.
        total: how many there are.
        things: "nodes", "graphs".
    """
    if array.dtype.kind not in "iu" or total not in (None, len(array)) or len(array) < 2:
        return
    if (len(array) > 2 or array[0] == array[1]) and ((array == 0) | (array == 1)).all():
        raise errors.InvalidArgument(
            f"{field} has {len(array)} integers, all 0 or 1: a mask of {things} is boolean "
            f"(array.astype(bool)); as ids they would name {things} 0 and 1 over and over"
        )


def ids(field: str, value: Any, total: int) -> np.ndarray:
    """int64 [n]: numbers in [0, total)."""
    result = integers(field, value)
    bad = (result < 0) | (result >= total)
    if bad.any():
        rule = f"it must be 0 to {total - 1}" if total else "there are none"
        raise errors.InvalidArgument(
            f"{field}[{int(bad.argmax())}] is {result[bad][0]}; {rule}"
        )
    return result


def positions(index: Any, total: int, or_mask: bool) -> np.ndarray:
    """int64 [n]: positions in a dataset of `total` graphs from a boolean mask or any sequence of
    integers, negative ones from its end; with `or_mask` integers that may be meant as a mask are
    refused."""
    array = np.asarray(index.cpu() if hasattr(index, "cpu") else index)
    if array.size == 0 and array.dtype != bool:
        return np.zeros(0, np.int64)
    refuse_beyond_int64("the index", array)
    if array.ndim != 1 or array.dtype.kind not in "biu":
        raise errors.InvalidArgument(
            "a dataset is indexed with integers, slices, and 1-dim masks or integer arrays, "
            f"not {type(index).__name__} of shape {list(array.shape)} and dtype {array.dtype}"
        )
    if array.dtype == bool:
        if len(array) != total:
            raise errors.InvalidArgument(
                f"the mask has {len(array)} entries, the dataset {total} graphs"
            )
        return np.flatnonzero(array)
    if or_mask:
        refuse_masks("the index", array, total, "graphs")
    array = array.astype(np.int64)
    bad = (array < -total) | (array >= total)
    if bad.any():
        raise errors.OutOfRange(
            f"index {array[bad][0]} is out of range; the dataset has {total} graphs"
        )
    return np.where(array < 0, array + total, array)
