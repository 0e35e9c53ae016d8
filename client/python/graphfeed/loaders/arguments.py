"""What loaders take by name besides their own arguments, for signatures and type checkers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypedDict

from graphfeed.dataset import Dataset


class TorchArguments(TypedDict, total=False):
    """What torch's and PyG's loaders take and ours need not: accepted, with a hint that it has no
    effect."""

    num_workers: int
    prefetch_factor: int | None
    persistent_workers: bool
    pin_memory: bool
    timeout: float
    worker_init_fn: Any
    multiprocessing_context: Any
    is_sorted: bool
    filter_per_worker: bool | None


class LoaderArguments(TorchArguments, total=False):
    """What every loader takes by name besides its own arguments; Loader has what they mean."""

    drop_last: bool
    follow_batch: Iterable[str] | None
    exclude_keys: Iterable[str] | None
    num_shards: int
    shard_index: int
    uneven_shards: str
    index_dtype: Any
    narrow_columns: Iterable[str]
    float16_columns: Iterable[str]
    prefetch: int
    fingerprint: str | bytes | None


class PaddingArguments(TypedDict, total=False):
    """What every fixed-size loader takes besides; FixedSizeLoader has what they mean."""

    add_pad_masks: bool
    options: Any
    incomplete_step: str
    micro_batches: int


class FixedSizeArguments(LoaderArguments, PaddingArguments, total=False):
    """What every fixed-size loader takes by name."""


def split(arguments: FixedSizeArguments) -> tuple[PaddingArguments, LoaderArguments]:
    """The arguments of the padding, and all others, also those that no loader takes."""
    padding = {name: arguments[name] for name in PaddingArguments.__annotations__
               if name in arguments}
    return padding, {name: arguments[name] for name in arguments if name not in padding}


def require_dataset(dataset: Any) -> Dataset:
    """`dataset`; TypeError, which says what to do, for anything else than one of ours."""
    if not isinstance(dataset, Dataset):
        raise TypeError(
            f"dataset is a {type(dataset).__name__}; loaders read a graphfeed Dataset "
            "(client.dataset(name)), into which client.ingest brings graphs"
        )
    return dataset
