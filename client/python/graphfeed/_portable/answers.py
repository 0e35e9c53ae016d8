"""What servers answer about epochs, streams and sizes, read from messages."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, TypeVar

from graphfeed import errors
from graphfeed._portable.datasets import check_fingerprint
from graphfeed._portable.layouts import Counts, Layout, counts_from_message, layout_from_message
from graphfeed._portable.specs import (
    BatchSpec,
    FixedSizeOptions,
    options_from_message,
    spec_from_message,
)

_T = TypeVar("_T")


def read_answer(read: Callable[[Any], _T], message: Any) -> _T:
    """What `read` makes of an answer: one that cannot be read is not the caller's mistake."""
    try:
        return read(message)
    except errors.InvalidArgument as error:
        raise errors.DataLoss(f"the server's answer: {error.message}") from None


class PlanSummary(NamedTuple):
    num_batches: int
    num_frames: int
    shard_frames: int
    num_graphs: int
    skipped_graphs: int
    real: Counts
    node_efficiency: float
    edge_efficiency: float
    lower_bound_batches: int


class StreamInfo(NamedTuple):
    dataset: str
    fingerprint: bytes
    layout: Layout
    resolved_spec: BatchSpec
    spec_digest: bytes
    seed: int
    prefetch: int
    max_age_ms: int = 0  # after which the server ends it, behind a frame; 0: never


class EpochInfo(NamedTuple):
    epoch: int
    plan: PlanSummary


class PlanDescription(NamedTuple):
    plan: PlanSummary
    resolved_spec: BatchSpec
    layout: Layout
    graphs_per_batch: List[int]
    fingerprint: bytes
    spec_digest: bytes


class BudgetReport(NamedTuple):
    options: FixedSizeOptions
    trimmed_nodes: List[float]
    trimmed_edges: List[float]
    trimmed_batches: float
    num_samples: int


class SizeChoice(NamedTuple):
    options: FixedSizeOptions
    num_graphs: int
    sampled_graphs: int
    num_batches: int
    lower_bound_batches: int
    node_efficiency: float
    edge_efficiency: float
    padding_share: float
    batch_bytes: int


class StrategyPlan(NamedTuple):
    strategy: str
    refused: str = ""
    description: Optional[PlanDescription] = None
    choice: Optional[SizeChoice] = None
    cut_nodes: float = 0.0
    cut_edges: float = 0.0
    cut_unknown: bool = False
    epoch_bytes: int = 0


def plan_from_message(message: Any) -> PlanSummary:
    plan = PlanSummary(
        num_batches=message.num_batches,
        num_frames=message.num_frames,
        shard_frames=message.shard_frames,
        num_graphs=message.num_graphs,
        skipped_graphs=message.skipped_graphs,
        real=counts_from_message(message.real),
        node_efficiency=message.node_efficiency,
        edge_efficiency=message.edge_efficiency,
        lower_bound_batches=message.lower_bound_batches,
    )
    if min(plan.num_batches, plan.num_frames, plan.shard_frames) < 0:
        raise errors.InvalidArgument(
            f"plan: {plan.num_batches} batches, {plan.num_frames} frames, {plan.shard_frames} of "
            "the shard; none may be negative"
        )
    return plan


def stream_from_message(message: Any) -> StreamInfo:
    return StreamInfo(
        dataset=message.dataset,
        fingerprint=check_fingerprint(message.fingerprint, "fingerprint"),
        layout=layout_from_message(message.layout),
        resolved_spec=spec_from_message(message.resolved_spec),
        spec_digest=check_fingerprint(message.spec_digest, "spec_digest"),
        seed=message.seed,
        prefetch=message.prefetch,
        max_age_ms=max(message.max_age_ms, 0),
    )


def epoch_from_message(message: Any) -> EpochInfo:
    return EpochInfo(message.epoch, plan_from_message(message.plan))


def description_from_message(message: Any) -> PlanDescription:
    return PlanDescription(
        plan=plan_from_message(message.plan),
        resolved_spec=spec_from_message(message.resolved_spec),
        layout=layout_from_message(message.layout),
        graphs_per_batch=list(message.graphs_per_batch),
        fingerprint=check_fingerprint(message.fingerprint, "fingerprint"),
        spec_digest=check_fingerprint(message.spec_digest, "spec_digest"),
    )


def _check_share(field: str, share: float) -> float:
    if not 0 <= share <= 1:
        raise errors.InvalidArgument(f"{field}: {share}; a share is 0 to 1")
    return share


def _check_count(field: str, count: int) -> int:
    if count < 0:
        raise errors.InvalidArgument(f"{field}: {count}; at least 0")
    return count


def budget_from_message(message: Any) -> BudgetReport:
    return BudgetReport(
        options=options_from_message(message.options),
        trimmed_nodes=[_check_share("trimmed_nodes", s) for s in message.trimmed_nodes],
        trimmed_edges=[_check_share("trimmed_edges", s) for s in message.trimmed_edges],
        trimmed_batches=_check_share("trimmed_batches", message.trimmed_batches),
        num_samples=_check_count("num_samples", message.num_samples),
    )


def choice_from_message(message: Any) -> SizeChoice:
    """Of an EstimateOptionsResponse."""
    if not message.HasField("choice"):
        raise errors.InvalidArgument("choice: not set")
    shares = ("node_efficiency", "edge_efficiency", "padding_share")
    numbers = {}
    for name in SizeChoice._fields[1:]:
        check: Any = _check_share if name in shares else _check_count
        numbers[name] = check(f"choice.{name}", getattr(message.choice, name))
    return SizeChoice(options=options_from_message(message.options), **numbers)


_MAX_WORD = 256
_MAX_ENTRIES = 1000


def server_info_from_message(message: Any) -> Dict[str, Any]:
    """What a server says of itself. InvalidArgument for more, or longer, words than one says."""

    def check_word(field: str, word: str) -> str:
        size = len(word.encode())
        if size > _MAX_WORD:
            raise errors.InvalidArgument(f"{field} has {size} bytes; at most {_MAX_WORD}")
        if any(ord(letter) < 32 or ord(letter) == 127 for letter in word):
            raise errors.InvalidArgument(f"{field} has a control character")
        return word

    for field in ("algorithm_versions", "features"):
        count = len(getattr(message, field))
        if count > _MAX_ENTRIES:
            raise errors.InvalidArgument(f"{field} has {count} entries; at most {_MAX_ENTRIES}")
    return {
        "version": check_word("version", message.version),
        "algorithm_versions": {
            check_word("algorithm_versions", purpose): version
            for purpose, version in sorted(message.algorithm_versions.items())
        },
        "store": check_word("store", message.store),
        "storage_format": message.storage_format,
        "features": [check_word("features", word) for word in message.features],
    }
