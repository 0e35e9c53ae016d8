"""Sizes of batches: those that the server names, those that it samples, and those of the batches
that any loader makes. FixedSizeOptions are made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from graphfeed import _arguments, _transport, errors
from graphfeed.info import DatasetInfo, EdgeType, edge_type_name


def of_nodes(native: Any, info: DatasetInfo) -> int | dict[str, int]:
    """num_nodes of native FixedSizeOptions: one number for all types, or by node type."""
    return _by_type(dict(native.num_nodes), {t: t for t in info.node_types}, info.heterogeneous)


def of_edges(native: Any, info: DatasetInfo) -> int | dict[EdgeType, int]:
    """num_edges of native FixedSizeOptions, likewise."""
    types = {edge_type_name(t): t for t in info.edge_types}
    return _by_type(dict(native.num_edges), types, info.heterogeneous)


def by_name(counts: int | Mapping) -> dict[str, int]:
    """Counts as the wire has them: by type, edge types as "source|relation|target"; "" for all."""
    if isinstance(counts, Mapping):
        return {
            key if isinstance(key, str) else edge_type_name(key): int(count)
            for key, count in counts.items()
        }
    return {"": int(counts)}


def is_sampled(loader: Any) -> bool:
    """Whether it is a loader of ours whose batches are sampled from a single graph."""
    return getattr(getattr(loader, "_source", None), "samples", False)


def sampled(loader: Any, quantile: float, seed: int, sample_limit: int = 0) -> Any:
    """The native BudgetReport of a sampled loader's batches, epoch 0 first; of as many as the
    server takes for specs without options where no limit is given."""
    info, spec = loader.dataset.info, loader._unpadded_spec()
    return loader.dataset._connection.call(
        lambda client: client.estimate(
            info.full_name, spec, seed, quantile=quantile, sample_limit=sample_limit
        )
    )


def target(**limits: int | None) -> tuple[str, int]:
    """The limit that is given, and what it is.

    Raises:
        ValueError: none is given, or several; it is out of range.
    """
    given = {name: value for name, value in limits.items() if value is not None}
    if len(given) != 1:
        raise errors.InvalidArgument(
            f"{' and '.join(given) or 'no target'} given; it takes one of {', '.join(limits)}"
        )
    ((name, value),) = given.items()
    return name, _arguments.integer(name, value, 2 if name == "num_graphs" else 1)


def spec_of(dataset: Any, strategy: str, shuffle: bool, exclude_keys: Iterable[str]) -> Any:
    """Native BatchSpec of padded batches of a dataset's graphs, without sizes."""
    spec = _transport.BatchSpec()
    spec.strategy = strategy
    spec.selection = dataset._selection()
    spec.shuffle = bool(shuffle)
    spec.exclude_keys = _arguments.columns("exclude_keys", exclude_keys, dataset.info)
    return spec


def largest(loader: Iterable, sample_limit: int) -> dict[str, Any]:
    """num_nodes, num_edges (by type for heterogeneous batches) and num_graphs: the largest of each
    in the first `sample_limit` batches, and one for padding. See FixedSizeOptions.from_loader.

    Raises:
        ValueError: the loader has no batches.
    """
    seen = _LargestSizes()
    epoch = 0
    while seen.num_batches < sample_limit:
        before = seen.num_batches
        for batch in _measured_epoch(loader, epoch):
            seen.add(batch)
            if seen.num_batches == sample_limit:
                break
        epoch += 1
        if seen.num_batches == before or _repeats_itself(loader):
            break
    if not seen.num_batches:
        raise errors.InvalidArgument("the loader has no batches to take sizes from")
    return {
        "num_nodes": _plus_one(seen.nodes),
        "num_edges": _plus_one(seen.edges),
        "num_graphs": seen.graphs + 1,
        "num_rows": seen.rows,
    }


class _LargestSizes:
    """The largest batch seen, by type."""

    def __init__(self) -> None:
        self.num_batches = 0
        self.graphs = 1
        self.nodes: int | dict = 0
        self.edges: int | dict = 0
        self.rows: dict[str, int] = {}

    def add(self, batch: Any) -> None:
        self.num_batches += 1
        for counts in getattr(batch, "counts", ()):  # of a batch of ours
            self.rows = _merge_max(self.rows, {k: max(n, 1) for k, n in counts.rows.items()})
        self.graphs = max(self.graphs, int(getattr(batch, "num_graphs", None) or 1))
        if isinstance(getattr(batch, "node_types", None), (list, tuple)) and batch.node_types:
            nodes = {t: int(batch[t].num_nodes) for t in batch.node_types}
            edges = {tuple(t): int(batch[t].num_edges) for t in batch.edge_types}
            self.nodes = _merge_max(self.nodes or {}, nodes)
            self.edges = _merge_max(self.edges or {}, edges)
        else:
            self.nodes = max(self.nodes, int(batch.num_nodes))
            self.edges = max(self.edges, int(batch.num_edges))


def _merge_max(a: dict, b: dict) -> dict:
    return {**a, **{key: max(a.get(key, 0), count) for key, count in b.items()}}


def _plus_one(counts: int | dict) -> int | dict:
    if isinstance(counts, dict):
        return {key: count + 1 for key, count in counts.items()}
    return counts + 1


def _measured_epoch(loader: Iterable, epoch: int) -> Iterable:
    """One pass over a loader; graphfeed's own ones keep their place."""
    pass_over = getattr(loader, "_stream_epoch", None)
    return pass_over(epoch) if pass_over is not None else loader


def _repeats_itself(loader: Iterable) -> bool:
    """Whether another pass would bring nothing new (or nothing at all)."""
    if isinstance(loader, Sequence) or hasattr(loader, "__next__"):
        return True
    if hasattr(loader, "_stream_epoch"):
        return not loader.draws
    # A plain torch or PyG DataLoader; sampling loaders draw anew even in order.
    sampler = type(getattr(loader, "sampler", None)).__name__
    return type(loader).__name__ == "DataLoader" and sampler == "SequentialSampler"


def _by_type(counts: dict[str, int], types: dict[str, Any], heterogeneous: bool) -> Any:
    if set(counts) == {""} and (heterogeneous or len(types) == 1):
        return counts[""]
    if not heterogeneous:
        return sum(counts.values())
    return {key: counts[name] for name, key in types.items()}
