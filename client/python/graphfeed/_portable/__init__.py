"""The client in Python alone, over grpcio, protobuf and numpy: what _graphfeed.pyi describes, for
hosts where the native module does not load."""

import sys

from graphfeed._portable.blocks import ColumnBlock
from graphfeed._portable.client import Client
from graphfeed._portable.ingests import IngestSpec
from graphfeed._portable.shards import ShardPosition
from graphfeed._portable.specs import BatchSpec, FixedSizeOptions, Selection, StreamOptions
from graphfeed._portable.workers import STEP_SECONDS_BOUNDS
from graphfeed._version import __version__

__all__ = [
    "BatchSpec",
    "Client",
    "ColumnBlock",
    "FixedSizeOptions",
    "IngestSpec",
    "STEP_SECONDS_BOUNDS",
    "Selection",
    "ShardPosition",
    "StreamOptions",
    "__version__",
]

if sys.byteorder != "little":
    raise ImportError("graphfeed reads batches as they travel, on little-endian hosts only")
