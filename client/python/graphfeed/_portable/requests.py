"""What is asked for, as requests. InvalidArgument for what the wire cannot carry; everything else is
the server's to judge."""

from __future__ import annotations

from typing import Any

from graphfeed import errors
from graphfeed._portable import fields
from graphfeed._portable.descriptors import messages
from graphfeed._portable.specs import (
    SIZE_LIMITS,
    UNEVEN_SHARDS,
    BatchSpec,
    StreamOptions,
    spec_to_message,
)

_COMPACT = 1  # Encoding


def check_shards(options: StreamOptions) -> None:
    most = fields.UINT32[1]
    if not 1 <= options.num_shards <= most:
        raise errors.InvalidArgument(
            f"num_shards is {options.num_shards}; it is between 1 and {most}"
        )
    if not 0 <= options.shard_index < options.num_shards:
        raise errors.InvalidArgument(
            f"shard_index is {options.shard_index}; num_shards is {options.num_shards}"
        )


def stream_request(options: StreamOptions, compact: bool, max_frame_bytes: int) -> Any:
    check_shards(options)
    return messages.StreamBatchesRequest(
        dataset=options.dataset,
        fingerprint=options.fingerprint or b"",
        spec=spec_to_message(options.spec),
        seed=options.seed,
        start_epoch=options.start_epoch,
        start_ordinal=options.start_ordinal,
        num_epochs=options.num_epochs,
        num_shards=options.num_shards,
        shard_index=options.shard_index,
        uneven_shards=UNEVEN_SHARDS[options.uneven_shards],
        prefetch=options.prefetch,
        max_frame_bytes=max_frame_bytes,
        encoding=_COMPACT if compact else 0,
        graph_ids=options.graph_ids,
    )


def batch_request(options: StreamOptions, epoch: int, ordinal: int, max_frame_bytes: int) -> Any:
    return messages.GetBatchRequest(
        dataset=options.dataset,
        fingerprint=options.fingerprint or b"",
        spec=spec_to_message(options.spec),
        seed=options.seed,
        epoch=epoch,
        ordinal=ordinal,
        max_frame_bytes=max_frame_bytes,
        graph_ids=options.graph_ids,
    )


def plan_request(options: StreamOptions) -> Any:
    check_shards(options)
    return messages.DescribePlanRequest(
        dataset=options.dataset,
        spec=spec_to_message(options.spec),
        seed=options.seed,
        epoch=options.start_epoch,
        num_shards=options.num_shards,
        shard_index=options.shard_index,
        uneven_shards=UNEVEN_SHARDS[options.uneven_shards],
    )


def choice_request(dataset: str, spec: BatchSpec, limit: str, at_most: int) -> Any:
    """`limit` is one of SIZE_LIMITS."""
    message = spec_to_message(spec)
    for field in ("options", "batch_size", "sample_limit"):
        message.ClearField(field)
    request = messages.EstimateOptionsRequest(dataset=dataset, spec=message)
    setattr(request.best, check_limit(limit), at_most)
    return request


def check_limit(limit: str) -> str:
    return fields.check_name(dict.fromkeys(SIZE_LIMITS), "limit", limit)
