"""How a client knows its servers, and what it shows them of itself: from arguments, else from the
environment."""

from __future__ import annotations

import os
from typing import Any, Mapping

_VARIABLES = {
    "root_ca": "GRAPHFEED_ROOT_CA",
    "cert": "GRAPHFEED_CERT",
    "key": "GRAPHFEED_KEY",
    "token": "GRAPHFEED_TOKEN",
    "token_file": "GRAPHFEED_TOKEN_FILE",
}


def given(**arguments: Any) -> dict[str, str]:
    """What of root_ca, cert, key, token and token_file is given, as texts.

    Raises:
        TypeError: something is neither a text nor a path.
    """
    result = {}
    for name, value in arguments.items():
        if value is None:
            continue
        text = os.fspath(value)
        if not isinstance(text, str):
            raise TypeError(f"{name}: {type(value).__name__}; a text is wanted")
        result[name] = text
    return result


def complete(arguments: Mapping[str, str]) -> dict[str, str]:
    """What is given nowhere is the environment's. A certificate and its key go together, and one
    token is enough."""
    result = dict(arguments)
    for names in (("root_ca",), ("cert", "key"), ("token", "token_file")):
        if not any(name in result for name in names):
            result.update(
                (name, os.environ[_VARIABLES[name]])
                for name in names
                if os.environ.get(_VARIABLES[name])
            )
    if "token" not in arguments and "token" in result:
        result.pop("token_file", None)  # as in the command line
    return {name: text for name, text in result.items() if text}
