"""Values whose fields take what the native module's take: assigning anything else is a TypeError,
a name that an enum does not have an InvalidArgument."""

from __future__ import annotations

import copy
import operator
from collections.abc import Mapping, Sequence
from typing import Any, Callable, Dict, NamedTuple

import numpy as np

from graphfeed import errors

INT64 = (-(2**63), 2**63 - 1)
UINT64 = (0, 2**64 - 1)
UINT32 = (0, 2**32 - 1)


class Kind(NamedTuple):
    """What a field takes, and what it is before anything is assigned."""

    read: Callable[[str, Any], Any]  # (path for errors, value) -> what is stored
    default: Callable[[], Any]


def check_integer(value: Any, bounds: Any = INT64) -> int:
    number = operator.index(value)
    if not bounds[0] <= number <= bounds[1]:
        raise TypeError(f"{number} is not between {bounds[0]} and {bounds[1]}")
    return number


def check_text(path: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{path} is {value!r}, not a str")
    return value


def _boolean(path: str, value: Any) -> bool:
    if not hasattr(value, "__bool__"):
        raise TypeError(f"{path} is {value!r}, not a bool")
    return bool(value)


def _number(path: str, value: Any) -> float:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{path} is {value!r}, not a number")
    return float(value)


def _list_of(read: Callable[[str, Any], Any], path: str, value: Any) -> list:
    # numpy's arrays are no Sequences.
    if isinstance(value, (str, bytes)) or not isinstance(value, (Sequence, np.ndarray)):
        raise TypeError(f"{path} is {value!r}, not a list")
    return [read(path, item) for item in value]


def _dict_of(read: Callable[[str, Any], Any], path: str, value: Any) -> dict:
    if not isinstance(value, Mapping):
        raise TypeError(f"{path} is {value!r}, not a dict")
    return {check_text(path, key): read(path, item) for key, item in sorted(value.items())}


def read_ids(path: str, value: Any) -> np.ndarray:
    """An int64 array. InvalidArgument unless `value` is integers of one dimension."""
    array = np.asarray(value)
    # An empty list has no integer type of its own.
    is_empty = array.ndim == 1 and array.size == 0
    if array.ndim != 1 or (array.dtype.kind not in "iu" and not is_empty):
        raise errors.InvalidArgument(f"{path}: ids are integers of one dimension")
    return np.array(array, np.int64)


def _read_floats(path: str, value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.ndim != 1 or array.dtype.kind != "f":
        raise errors.InvalidArgument(f"{path}: labels are floats of one dimension")
    return np.array(array, np.float32)


def name_of(numbers: Mapping, number: int, field: str) -> str:
    """The name of an enum's value that came from elsewhere."""
    for name, value in numbers.items():
        if value == number:
            return name
    raise errors.InvalidArgument(f"{field}: unknown value {number}")


def check_name(numbers: Mapping, field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{field} is {value!r}, not a str")
    if value not in numbers:
        raise errors.InvalidArgument(f'{field} is "{value}"; it is one of {", ".join(numbers)}')
    return value


def _empty_ids() -> np.ndarray:
    return np.empty(0, np.int64)


def integer(default: int = 0, bounds: Any = INT64) -> Kind:
    return Kind(lambda path, value: check_integer(value, bounds), lambda: default)


def number(default: float = 0.0) -> Kind:
    return Kind(_number, lambda: default)


def boolean(default: bool = False) -> Kind:
    return Kind(_boolean, lambda: default)


def text(default: str = "") -> Kind:
    return Kind(check_text, lambda: default)


def enum(numbers: Mapping, default: str) -> Kind:
    """One of the names of an enum."""
    # The last part of the path: errors name the field as it is known everywhere.
    return Kind(
        lambda path, value: check_name(numbers, path.rpartition(".")[2], value), lambda: default
    )


def texts() -> Kind:
    return Kind(lambda path, value: _list_of(check_text, path, value), list)


def integers() -> Kind:
    return Kind(lambda path, value: _list_of(_int64, path, value), list)


def _int64(path: str, value: Any) -> int:
    return check_integer(value)


def ids() -> Kind:
    """A list of int64, kept as an array."""
    return Kind(read_ids, _empty_ids)


def floats() -> Kind:
    return Kind(_read_floats, lambda: np.empty(0, np.float32))


def integers_by_name() -> Kind:
    return Kind(lambda path, value: _dict_of(_int64, path, value), dict)


def numbers_by_name() -> Kind:
    return Kind(lambda path, value: _dict_of(_number, path, value), dict)


def lists_by_name() -> Kind:
    def read(path: str, value: Any) -> np.ndarray:
        return np.array(_list_of(_int64, path, value), np.int64)

    return Kind(lambda path, value: _dict_of(read, path, value), dict)


def value_of(cls: Any, optional: bool = False) -> Kind:
    """An object of another class. What is assigned is copied."""

    def read(path: str, value: Any) -> Any:
        if optional and value is None:
            return None
        if not isinstance(value, cls):
            raise TypeError(f"{path} is {value!r}, not a {cls.__name__}")
        return copy.copy(value)

    return Kind(read, (lambda: None) if optional else cls)


def dict_of_fields(what: str, kinds: Dict[str, Kind]) -> Kind:
    """None, or a dict with some of the fields; the others get their defaults."""

    def read(path: str, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise TypeError(f"{path} is {value!r}, not a dict")
        return read_dict(path, kinds, value)

    return Kind(read, lambda: None)


def read_dict(what: str, kinds: Dict[str, Kind], values: Mapping) -> Dict[str, Any]:
    """All fields, those that `values` has not with their defaults. InvalidArgument for keys that
    are no field and for values that a field cannot take."""
    result = {name: kind.default() for name, kind in kinds.items()}
    for name, value in values.items():
        path = f"{what}.{name}"
        if name not in kinds:
            raise errors.InvalidArgument(f'{what} has no field "{name}"')
        try:
            result[name] = kinds[name].read(path, value)
        except TypeError:
            raise errors.InvalidArgument(f"{path} is {value!r}") from None
    return result


class Record:
    """A value with the fields of KINDS. Lists and dicts are copied when they are assigned."""

    KINDS: Dict[str, Kind] = {}

    def __init__(self) -> None:
        self.__dict__.update({name: kind.default() for name, kind in self.KINDS.items()})

    def __setattr__(self, name: str, value: Any) -> None:
        kind = self.KINDS.get(name)
        if kind is None:
            raise AttributeError(f"{type(self).__name__} has no field {name!r}")
        self.__dict__[name] = kind.read(name, value)

    def __dir__(self) -> list:
        return list(self.KINDS)

    def __copy__(self) -> Any:
        result = type(self)()
        for name, value in self.__dict__.items():
            result.__dict__[name] = copy.copy(value) if isinstance(value, Record) else value
        return result
