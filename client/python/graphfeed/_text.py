"""What strings and exceptions of newer Pythons can do themselves; the package runs with 3.8."""

from __future__ import annotations

import logging


def without_prefix(text: str, prefix: str) -> str:
    return text[len(prefix) :] if text.startswith(prefix) else text


def without_suffix(text: str, suffix: str) -> str:
    return text[: -len(suffix)] if suffix and text.endswith(suffix) else text


def add_note(error: BaseException, note: str) -> None:
    """Says more about an exception: with it where Python shows that (3.11), else in the log."""
    if hasattr(error, "add_note"):
        error.add_note(note)
    else:
        logging.getLogger("graphfeed").error("%s: %s", type(error).__name__, note)
