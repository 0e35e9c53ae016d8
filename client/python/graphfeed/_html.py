"""Tables for notebooks. Whatever stands in a dataset (names of columns, types) is text in them."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Any


def document(title: str, facts: Iterable[tuple[str, Any]], header: Sequence[str] = (),
             rows: Iterable[Sequence[Any]] = ()) -> str:
    """A title, lines of (name, value), and under a header rows of a table. All of it is escaped."""
    parts = [f"<div><strong>{_text(title)}</strong>"]
    facts = [f"{_text(name)}: {_text(value)}" for name, value in facts]
    if facts:
        parts.append("<br>" + "<br>".join(facts))
    if header:
        cells = "".join(f"<th>{_text(name)}</th>" for name in header)
        parts.append(f"<table><thead><tr>{cells}</tr></thead><tbody>")
        for row in rows:
            cells = "".join(f"<td>{_text(value)}</td>" for value in row)
            parts.append(f"<tr>{cells}</tr>")
        parts.append("</tbody></table>")
    return "".join(parts) + "</div>"


def number(value: Any) -> str:
    """With commas; of a float at most four digits after the point."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    return f"{value:,}"


def share(value: float | None) -> str:
    """A part of 1 in percent; "not known" of None."""
    return "not known" if value is None else f"{value:.2%}"


def key_name(key: Any) -> str:
    """How a node type, an edge type or None (the graph itself) is written."""
    return "" if key is None else ", ".join(key) if isinstance(key, tuple) else str(key)


def _text(value: Any) -> str:
    return html.escape(str(value))
