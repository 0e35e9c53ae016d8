"""The client that everything else is made of: the native module, or where it does not load the one
in Python alone. Both offer what _graphfeed.pyi describes.

GRAPHFEED_CLIENT in the environment chooses: "native", "python", or nothing."""

from __future__ import annotations

import importlib
import logging
import os
from typing import Any, Mapping

_MODULES = {"native": "graphfeed._graphfeed", "python": "graphfeed._portable"}


def choose(environment: Mapping[str, str]) -> Any:
    """The module to use.

    Raises:
        ImportError: the one that is asked for does not load; neither does.
        ValueError: GRAPHFEED_CLIENT is something else.
    """
    asked = environment.get("GRAPHFEED_CLIENT", "")
    if asked:
        if asked not in _MODULES:
            raise ValueError(
                f'GRAPHFEED_CLIENT is "{asked}"; it is "native", "python" or not set at all'
            )
        try:
            return importlib.import_module(_MODULES[asked])
        except ImportError as error:
            needs = ", which takes the packages grpcio, protobuf and numpy" if asked == "python" else ""
            raise ImportError(
                f'GRAPHFEED_CLIENT is "{asked}", and that client does not load here{needs}: {error}'
            ) from error
    try:
        return importlib.import_module(_MODULES["native"])
    except ImportError as error:
        reason = error
    try:
        found = importlib.import_module(_MODULES["python"])
    except ImportError as error:
        raise ImportError(
            f"graphfeed's native module does not load here ({reason}), and neither does the client "
            f"in Python, which takes the packages grpcio, protobuf and numpy ({error})"
        ) from error
    # A package that has none says it to who asks; one that fails is a surprise.
    level = logging.INFO if isinstance(reason, ModuleNotFoundError) else logging.WARNING
    logging.getLogger("graphfeed").log(
        level, "the native module does not load (%s): the client in Python is used", reason
    )
    return found


_chosen = choose(os.environ)

NAME = "python" if _chosen.__name__ == _MODULES["python"] else "native"
"""Which one it is."""

BatchSpec = _chosen.BatchSpec
Client = _chosen.Client
ColumnBlock = _chosen.ColumnBlock
FixedSizeOptions = _chosen.FixedSizeOptions
IngestSpec = _chosen.IngestSpec
STEP_SECONDS_BOUNDS = _chosen.STEP_SECONDS_BOUNDS
Selection = _chosen.Selection
ShardPosition = _chosen.ShardPosition
StreamOptions = _chosen.StreamOptions
__version__ = _chosen.__version__
