"""Text forms that users of PyTorch Geometric know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphfeed._text import without_suffix


def size_repr(key: Any, value: Any, indent: int = 0) -> str:
    """`key=value` with the shape in place of a tensor's values, as PyG prints its data objects."""
    pad = " " * indent
    shape = getattr(value, "shape", None)
    if shape is not None and len(shape) == 0:
        out = str(value.item())
    elif shape is not None:
        out = str(list(shape))
    elif isinstance(value, str):
        out = f"'{value}'"
    elif isinstance(value, Mapping) and not value:
        out = "{}"
    elif isinstance(value, Mapping) and len(value) == 1:
        out = "{ " + ", ".join(size_repr(k, v) for k, v in value.items()) + " }"
    elif isinstance(value, Mapping):
        lines = [size_repr(k, v, indent + 2) for k, v in value.items()]
        out = "{\n" + ",\n".join(lines) + ",\n" + pad + "}"
    elif isinstance(value, Sequence):
        out = str(list(value) if key == "batch_size" else [len(value)])
    else:
        out = str(value)
    name = str(key).replace("'", "")  # edge types: (movie, to, actor)
    return f"{pad}{name}={out}"


def homogeneous_repr(name: str, items: Mapping[str, Any]) -> str:
    """One line: `Data(x=[17, 7], edge_index=[2, 38])`."""
    return f"{name}({', '.join(size_repr(k, v) for k, v in items.items())})"


def heterogeneous_repr(name: str, stores: Mapping[Any, Any]) -> str:
    """One line for each key, nested for each node and edge type."""
    body = ",\n".join(size_repr(k, v, 2) for k, v in stores.items())
    return f"{name}(\n{body}\n)" if body else f"{name}()"


def table(header: Sequence[str], rows: Sequence[tuple[str, Sequence[float]]]) -> str:
    """A framed table of numbers with one decimal, aligned at the decimal point."""
    columns = []
    for i in range(len(header) - 1):
        texts = [f"{values[i]:.1f}" for _, values in rows]
        texts = [without_suffix(text, ".0") for text in texts]
        has_point = any("." in text for text in texts)
        columns.append([text if "." in text or not has_point else text + "  " for text in texts])
    first = max(len(header[0]), *(len(name) for name, _ in rows))
    widths = [
        max(len(title) + 2, *(len(text) for text in texts))
        for title, texts in zip(header[1:], columns)
    ]

    def line(name: str, cells: Sequence[str]) -> str:
        padded = [f" {cell:>{width}} " for cell, width in zip(cells, widths)]
        return "|".join(["", f" {name:<{first}} ", *padded, ""])

    dashes = ["-" * (width + 2) for width in (first, *widths)]
    border = "+" + "+".join(dashes) + "+"
    lines = [border, line(header[0], header[1:]), "|" + "+".join(dashes) + "|"]
    lines += [line(name, [c[r] for c in columns]) for r, (name, _) in enumerate(rows)]
    return "\n".join([*lines, border])
