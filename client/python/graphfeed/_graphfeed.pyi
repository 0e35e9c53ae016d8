"""What the package is made of: the C++ client as Python sees it, and likewise the one in Python alone
(_portable); _transport.py chooses. Every method that waits for the network releases the GIL and lets
Ctrl-C interrupt it. A failed call raises what
graphfeed.errors.from_status(code, message, request_id) returns, code being "INVALID_ARGUMENT" and so on.

Lists and dicts of these values are copies: assign whole ones, do not change them in place.

Objects belong to the process that made them. A forked child may drop what it inherited and read
inherited batches; anything else raises FAILED_PRECONDITION there. Forking closes the parent's idle
connections, which come back with its next call. If a stream or an ingest was open (not ended,
committed, cancelled or dropped) when the parent forked, every call in the child raises
FAILED_PRECONDITION. Not so for clients of "local:DIR", whose children open the folder anew whatever
the parent is doing."""

from typing import Optional, Sequence, TypedDict

import numpy as np

__version__: str

class ColumnSchema:
    name: str
    level: str  # "node", "edge", "graph"
    type: int
    dtype: str  # numpy's name, or "string"
    row_shape: list[int]
    concat_last: bool
    rows_per_graph: int
    zero_dim: bool
    non_tensor: bool
    index_types: list[int]
    num_rows: int
    # (min, max) of the column's values, None when it has none.
    value_range: Optional[tuple]
    # Of rows_per_graph -1: how many rows graphs have.
    row_sizes: Optional[SizeSummary]

class Schema:
    collection: bool
    heterogeneous: bool
    node_types: list[str]
    edge_types: list[tuple[str, str, str]]
    columns: list[ColumnSchema]

class SizeSummary:
    mean: float
    std: float
    min: int
    quantile25: float
    median: float
    quantile75: float
    max: int

class DatasetInfo:
    name: str
    version: int
    fingerprint: bytes  # 16
    schema: Schema
    num_graphs: int
    num_nodes: list[int]
    num_edges: list[int]
    node_sizes: list[SizeSummary]
    edge_sizes: list[SizeSummary]
    total_node_sizes: SizeSummary
    total_edge_sizes: SizeSummary
    raw_bytes: int
    transforms: list[str]

class FixedSizeOptions:
    """graphfeed::FixedSizeOptions. Edge types are keyed "source|relation|target"; the key ""
    stands for every type alike."""

    num_nodes: dict[str, int]
    num_edges: dict[str, int]
    num_graphs: int
    node_pad_value: float
    edge_pad_value: float
    graph_pad_value: float
    pad_graph_defaults: dict[str, float]
    num_rows: dict[str, int]

class Selection:
    @staticmethod
    def all() -> Selection: ...
    @staticmethod
    def range(start: int, stop: int) -> Selection: ...
    @staticmethod
    def ids(ids: np.ndarray) -> Selection: ...
    def __str__(self) -> str:
        """Which graphs, in a few words; the same for the same ids in every process."""
    batch_sizes: list[int]

class Links(TypedDict, total=False):
    """graphfeed::LinkSeeds. What is left out has its default."""

    edge_type: str  # "source|relation|target"; "": the only one
    sources: np.ndarray  # int64, explicit pairs with targets; without them the selection's edge ids
    targets: np.ndarray
    labels: np.ndarray  # int64; empty: 1 for every positive
    negative_mode: str  # "none", "binary", "triplet"
    negative_amount: float
    exclude_seed_edges: bool
    float_labels: np.ndarray  # float32, instead of labels

class Sampling(TypedDict, total=False):
    """graphfeed::SamplingSpec. What is left out has its default; other keys are refused."""

    num_neighbors: dict[str, Sequence[int]]  # by edge type, "" for every one
    replace: bool
    subgraph_type: str  # "directional", "bidirectional", "induced"
    disjoint: bool
    time_attr: str
    temporal_strategy: str  # "uniform", "last"
    weight_attr: str
    input_type: str
    input_mask: str
    input_time: np.ndarray  # int64
    links: Optional[Links]
    partition: str

class BatchSpec:
    """graphfeed::BatchSpec."""

    strategy: str  # "plain", "pad_to_max", "stream_pack", "neighbor", "cluster"
    over_size: str  # "error", "skip", "trim_nodes", "trim_edges", "trim_nodes_and_edges"
    options: Optional[FixedSizeOptions]
    batch_size: int
    selection: Selection
    shuffle: bool
    drop_last: bool
    incomplete_step: str  # "fill", "drop"
    micro_batches: int
    masks: bool
    exclude_keys: list[str]
    follow_batch: list[str]
    index_dtype: str  # "int64", "int32"
    narrow_columns: list[str]
    float16_columns: list[str]
    sampling: Optional[Sampling]  # read: all keys, lists as int64 arrays
    sample_limit: int
    algorithm_version: int  # 0: the server's
    algorithms: dict[str, int]  # by purpose; missing: the server's newest
    ragged: bool

class StreamOptions:
    dataset: str
    fingerprint: Optional[bytes]
    spec: BatchSpec
    seed: int
    start_epoch: int
    start_ordinal: int
    num_epochs: int
    num_shards: int
    shard_index: int
    uneven_shards: str  # "null", "repeat", "drop"
    prefetch: int
    client_prefetch: int
    verify_digests: bool
    graph_ids: bool

class ShardPosition:
    """A shard from an ordinal of an epoch on; `num_frames` is that of the whole epoch."""

    def __init__(
        self, start_ordinal: int, num_shards: int, shard_index: int, uneven_shards: str
    ) -> None: ...
    def num_frames(self, num_frames: int) -> int:
        """Frames that it receives; equal for all shards."""

    def num_own_frames(self, num_frames: int) -> int:
        """Of these, the ones that lie before the epoch's end."""

    def num_filled_up(self, num_frames: int) -> int:
        """Frames that fill up, of all shards together."""

class WorkerReport(TypedDict, total=False):
    """graphfeed::WorkerReport. What is left out has its default, other keys are refused; worker,
    sequence and interval_ms have none. Counters run from the worker's start."""

    worker: str
    job: str
    dataset: str  # "name@version"
    model: str
    runtime: str  # "torchscript", "poplar", "fake-poplar", "python"
    runtime_version: str
    trains: bool
    num_shards: int
    shard_index: int
    start_ms: int  # Unix time
    sequence: int  # from 1
    interval_ms: int  # until the next report
    finished: bool
    epoch: int
    ordinal: int
    last_step_ms: int
    steps: int
    batches: dict[str, int]  # by result: "ok", "failed", "null"
    samples: int
    real_nodes: int
    padding_nodes: int
    real_edges: int
    padding_edges: int
    data_stall_seconds: float
    device_stall_seconds: float
    stage_seconds: dict[str, float]  # by stage: "receive", "stage", "execute", "report"
    step_seconds: np.ndarray  # int64 [17], or [0]: by bucket of STEP_SECONDS_BOUNDS, and one more
    step_seconds_sum: float
    loss: float
    has_loss: bool
    nonfinite_losses: int
    device_errors: dict[str, int]  # by class

class WorkerStatus(WorkerReport):
    """A report as a server knows it: all keys."""

    age_ms: int
    gone: bool
    steps_per_second: float
    data_stall_share: float

STEP_SECONDS_BOUNDS: tuple[float, ...]

class Counts:
    graphs: int
    nodes: list[int]
    edges: list[int]
    seeds: int
    labels: int
    rows: list[int]

class FrameInfo:
    epoch: int
    ordinal: int
    real: list[Counts]
    trimmed: Counts
    null_frame: bool
    repeat: bool
    digest: int
    # int64, by micro-batch; None where they were not asked for.
    graph_ids: Optional[list[np.ndarray]]

class PlanSummary:
    num_batches: int
    num_frames: int
    shard_frames: int
    num_graphs: int
    skipped_graphs: int
    real: Counts
    node_efficiency: float
    edge_efficiency: float
    lower_bound_batches: int

class TensorSpec:
    store: str
    name: str
    dtype: str
    axis: str  # "nodes", "edges", "graphs", "ptr", "seeds", "labels", "rows"
    type: int
    concat_last: bool

class Layout:
    tensors: list[TensorSpec]
    micro_batches: int
    ragged: bool
    heterogeneous: bool
    node_types: list[str]
    edge_types: list[str]
    row_columns: list[str]
    padded: Counts
    slab_bytes: int
    digest: int

class StreamInfo:
    dataset: str
    fingerprint: bytes
    layout: Layout
    resolved_spec: BatchSpec
    spec_digest: bytes
    seed: int
    prefetch: int

class Batch:
    info: FrameInfo  # a copy
    epoch: int  # that of its info
    layout: Layout
    nbytes: int  # of its buffer
    def array(self, index: int) -> np.ndarray:
        """Writable view of tensor `index` of the layout. No copy; the array owns a reference to the
        batch's buffer, which is reused only when the last such array is gone."""

    def __len__(self) -> int: ...

class Stream:
    """Cancelled when it is dropped. An interrupted next() may be called again."""

    def info(self) -> StreamInfo: ...
    def next(self) -> Optional[Batch]: ...
    def epoch(self) -> tuple[int, PlanSummary]: ...
    def cancel(self) -> None: ...

class ColumnBlock:
    """graphfeed::ColumnBlock. `rows` takes a numpy array, row by row (others than C-contiguous
    little-endian ones are copied), or a list of strings; it is read when the block is appended.
    `row_shape` is that of the array without its first dimension if it is not given."""

    def __init__(
        self,
        name: str,
        rows: "np.ndarray | list[str]",
        row_shape: Optional[list[int]] = None,
        level: Optional[str] = None,
        type: int = 0,
        sizes: Optional[np.ndarray] = None,
        concat_last: bool = False,
        zero_dim: bool = False,
        non_tensor: bool = False,
    ) -> None: ...

class IngestSpec:
    name: str
    collection: bool
    heterogeneous: bool
    node_types: list[str]
    edge_types: list[tuple[str, str, str]]
    kinds: dict[str, str]
    num_nodes: list[int]
    num_edges: list[int]
    # ("normalize_features", {"columns": ["x"]}), ("add_self_loops", {"fill_value": 1.0}),
    # ("to_undirected", {}), ("remove_isolated_nodes", {}),
    # ("subgraph", {"nodes": {"movie": 1000, "actor": ids}}): leading ones or an int64 array
    transforms: list[tuple[str, dict]]

class IngestStream:
    """Leaves nothing behind when it is dropped or cancelled before it is committed."""

    def append(
        self,
        num_graphs: int,
        num_nodes: list[np.ndarray],
        num_edges: list[np.ndarray],
        columns: list[ColumnBlock],
    ) -> None: ...
    def commit(self) -> DatasetInfo: ...
    def cancel(self) -> None: ...

class BudgetReport:
    options: FixedSizeOptions
    trimmed_nodes: list[float]  # by type, share of what the batches held that would be trimmed
    trimmed_edges: list[float]
    trimmed_batches: float  # share of batches that would be
    num_samples: int

class SizeChoice:
    options: FixedSizeOptions
    num_graphs: int
    sampled_graphs: int
    num_batches: int
    lower_bound_batches: int
    node_efficiency: float
    edge_efficiency: float
    padding_share: float
    batch_bytes: int

class StrategyPlan:
    strategy: str
    refused: str  # empty: there is a description
    description: PlanDescription
    choice: Optional[SizeChoice]
    cut_nodes: float
    cut_edges: float
    cut_unknown: bool
    epoch_bytes: int

class PlanDescription:
    plan: PlanSummary
    resolved_spec: BatchSpec
    layout: Layout
    graphs_per_batch: list[int]
    fingerprint: bytes
    spec_digest: bytes

class Client:
    def __init__(
        self,
        endpoints: list[str],
        max_frame_bytes: int = ...,
        timeout: float = 60.0,
        retry_timeout: float = 60.0,
        keepalive_time: float = 10.0,
        keepalive_timeout: float = 10.0,
        compact: bool = False,
        use_proxy: bool = True,
        shared_memory: bool = True,
        security: dict[str, str] = ...,  # root_ca, cert, key, token, token_file
        spread: bool = True,
    ) -> None: ...
    def take_notices(self) -> list[str]:
        """What streams had to do to go on, since the last call."""

    def report_worker(self, report: WorkerReport) -> None:
        """Tried until the next report is due."""

    def list_workers(self) -> list[WorkerStatus]:
        """By name; of all replicas that answer."""

    def server_info(self) -> dict:
        """version, algorithm_versions, store, storage_format, features."""

    def list_datasets(self) -> list[DatasetInfo]: ...
    def get_dataset(self, dataset: str) -> DatasetInfo: ...
    def delete_version(self, name: str, version: int) -> None: ...
    def estimate_options(
        self, dataset: str, batch_size: int, selection: Selection, sample_limit: int
    ) -> FixedSizeOptions: ...
    def estimate(
        self,
        dataset: str,
        spec: BatchSpec,
        seed: int,
        epoch: int = 0,
        quantile: float = 1.0,
        sample_limit: int = 0,
    ) -> BudgetReport:
        """A budget for the sampled batches of `spec`, whose options do not matter, from as many
        epochs as sample_limit needs. No deadline."""

    def choose_sizes(self, dataset: str, spec: BatchSpec, limit: str, at_most: int) -> SizeChoice:
        """`limit`: "num_nodes", "num_bytes" or "num_graphs". The options of `spec` do not matter."""

    def compare_plans(
        self, options: StreamOptions, epoch: int, limit: str = "", at_most: int = 0
    ) -> tuple[list[StrategyPlan], str]:
        """By each strategy that pads whole graphs, and which one is recommended ("": none)."""

    def partition(
        self, dataset: str, num_parts: int, seed: int = 0, column: str = "partition"
    ) -> DatasetInfo:
        """Publishes a version with cluster numbers. No deadline; an interruption ends the wait, but
        the server goes on."""

    def describe_plan(self, options: StreamOptions, epoch: int = 0) -> PlanDescription: ...
    def get_batch(
        self, options: StreamOptions, epoch: int, ordinal: int
    ) -> tuple[StreamInfo, Batch, dict[str, list[str]]]: ...
    def stream_batches(self, options: StreamOptions) -> Stream: ...
    def ingest(self, spec: IngestSpec) -> IngestStream: ...
