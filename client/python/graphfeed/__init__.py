"""graphfeed: graph batches of static shape, streamed from a server.

    import graphfeed as gf

    client = gf.connect("localhost:50051")
    dataset = client.dataset("mutag")
    loader = gf.FixedSizeDataLoader(dataset, batch_size=10, shuffle=True)
    for batch in loader:
        batch.x, batch.edge_index, batch.nodes_mask  # numpy views; batch.torch() for tensors

The names are those of PopTorch Geometric; see the user's guide beside this package.
"""

from graphfeed import transforms
from graphfeed._arguments import make_exclude_keys
from graphfeed._connection import ClientStats
from graphfeed._transport import STEP_SECONDS_BOUNDS, __version__
from graphfeed.batch import Batch
from graphfeed.client import Client, connect
from graphfeed.data import Data, HeteroData
from graphfeed.dataset import Dataset
from graphfeed.errors import (
    Aborted,
    AlreadyExists,
    Cancelled,
    DataLoss,
    DeadlineExceeded,
    Error,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
    Unimplemented,
)
from graphfeed.info import (
    Column,
    Counts,
    DatasetInfo,
    PlanSummary,
    ServerInfo,
    Stats,
    Summary,
)
from graphfeed.ingest import Collection
from graphfeed.ingest.networkx import from_networkx
from graphfeed.layout import Position
from graphfeed.loaders.base import Loader
from graphfeed.loaders.clusters import ClusterLoader, FixedSizeClusterLoader
from graphfeed.loaders.graphs import DataLoader, FixedSizeDataLoader
from graphfeed.loaders.links import (
    FixedSizeLinkNeighborLoader,
    LinkNeighborLoader,
    NegativeSampling,
)
from graphfeed.loaders.neighbors import FixedSizeNeighborLoader, NeighborLoader
from graphfeed.loaders.position import merge_states
from graphfeed.loaders.sampled import NumNeighbors
from graphfeed.options import (
    ExpectedEpoch,
    FixedSizeOptions,
    FixedSizeStrategy,
    OverSizeStrategy,
    TrimReport,
)
from graphfeed.planetoid import read_planetoid
from graphfeed.plans import PlanComparison, StrategyPlan, compare_strategies
from graphfeed.readers.npy import read_npy
from graphfeed.readers.ogb import read_ogb
from graphfeed.readers.tu import read_tu
from graphfeed.worker.metrics import WorkerMetrics
from graphfeed.worker.predictions import Predictions
from graphfeed.worker.worker import Step, Worker
from graphfeed.workers import WorkerStatus

__all__ = [
    "Aborted",
    "AlreadyExists",
    "Batch",
    "Cancelled",
    "Client",
    "ClientStats",
    "ClusterLoader",
    "Collection",
    "Column",
    "Counts",
    "Data",
    "DataLoader",
    "DataLoss",
    "Dataset",
    "DatasetInfo",
    "DeadlineExceeded",
    "Error",
    "ExpectedEpoch",
    "FailedPrecondition",
    "FixedSizeClusterLoader",
    "FixedSizeDataLoader",
    "FixedSizeLinkNeighborLoader",
    "FixedSizeNeighborLoader",
    "FixedSizeOptions",
    "FixedSizeStrategy",
    "HeteroData",
    "Internal",
    "InvalidArgument",
    "LinkNeighborLoader",
    "Loader",
    "NegativeSampling",
    "NeighborLoader",
    "NotFound",
    "NumNeighbors",
    "OutOfRange",
    "OverSizeStrategy",
    "PermissionDenied",
    "PlanComparison",
    "PlanSummary",
    "Position",
    "Predictions",
    "ResourceExhausted",
    "STEP_SECONDS_BOUNDS",
    "ServerInfo",
    "Stats",
    "Step",
    "StrategyPlan",
    "Summary",
    "TrimReport",
    "Unauthenticated",
    "Unavailable",
    "Unimplemented",
    "Worker",
    "WorkerMetrics",
    "WorkerStatus",
    "__version__",
    "compare_strategies",
    "connect",
    "from_networkx",
    "make_exclude_keys",
    "merge_states",
    "read_npy",
    "read_ogb",
    "read_planetoid",
    "read_tu",
    "transforms",
]
