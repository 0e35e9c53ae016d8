"""State dicts as JSON and arrays: what is read back runs no code, as unpickling would."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphfeed._text import without_prefix

# torch's dtypes that numpy lacks, kept as integers of their size.
_AS_INTEGERS = {"bfloat16": "int16"}


def encode(value: Any, arrays: list[np.ndarray], path: str = "state") -> Any:
    """What JSON can hold of nested dicts, lists, tuples, numbers and text; tensors and numpy arrays
    are appended to `arrays` and stand there by number.

    Raises:
        TypeError: there is something else; the message says where.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, Mapping):
        return {"dict": [[encode(key, arrays, f"{path} key"), encode(item, arrays, f"{path}[{key!r}]")]
                         for key, item in value.items()]}  # fmt: skip
    if isinstance(value, (list, tuple)):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [encode(item, arrays, f"{path}[{i}]") for i, item in enumerate(value)]}
    if isinstance(value, np.generic):
        return encode(value.item(), arrays, path)
    if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
        arrays.append(value)
        return {"array": len(arrays) - 1}
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        dtype = without_prefix(str(value.dtype), "torch.")
        value = value.detach().cpu()
        if dtype in _AS_INTEGERS:
            value = value.view(getattr(torch, _AS_INTEGERS[dtype]))
        arrays.append(value.numpy())
        return {"tensor": len(arrays) - 1, "dtype": dtype}
    raise TypeError(
        f"{path} is a {type(value).__name__}; a checkpoint holds tensors, numpy arrays, numbers, "
        "text, and dicts, lists and tuples of them"
    )


def decode(value: Any, arrays: list[np.ndarray]) -> Any:
    """What was encoded."""
    if not isinstance(value, dict):
        return value
    ((kind, held), *rest) = value.items()
    if kind == "float":
        return float(held)
    if kind == "dict":
        return {decode(key, arrays): decode(item, arrays) for key, item in held}
    if kind in ("list", "tuple"):
        items = [decode(item, arrays) for item in held]
        return items if kind == "list" else tuple(items)
    if kind == "array":
        return arrays[held]
    import torch  # there were tensors

    tensor = torch.from_numpy(np.ascontiguousarray(arrays[held]).reshape(arrays[held].shape))
    dtype = dict(rest)["dtype"]
    return tensor.view(getattr(torch, dtype)) if dtype in _AS_INTEGERS else tensor
