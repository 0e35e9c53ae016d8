"""Arguments that torch's loaders take and ours need not: told kindly, or refused with the
replacement."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from graphfeed import _warn, errors
from graphfeed.options import FixedSizeOptions

_F = TypeVar("_F", bound="Callable[..., None]")

# Accepted without effect: why.
_NEEDLESS = {
    "num_workers": "the server makes batches ahead; see prefetch",
    "prefetch_factor": "the server makes batches ahead; see prefetch",
    "persistent_workers": "there are no worker processes",
    "worker_init_fn": "there are no worker processes",
    "multiprocessing_context": "there are no worker processes",
    "pin_memory": "batches arrive in reused, aligned host buffers",
    "is_sorted": "neighbours are put in order at ingest",
    "filter_per_worker": "features are gathered at the server",
    "timeout": "connect(retry_timeout=) says how long a server is waited for",
}

# Refused: what to do instead.
_REPLACED = {
    "collate_fn": "batches are collated at the server; change a batch where it is consumed, or the "
    "graphs with transforms at ingest",
    "sampler": "give the order as dataset[index_array]",
    "generator": "give seed=",
    "transform": "change a batch where it is consumed, or the graph with transforms at ingest",
    "transform_sampler_output": "batches are sampled and gathered at the server in one go",
    "neighbor_sampler": "the server samples; num_neighbors, replace, subgraph_type and the like "
    "say how",
    "custom_cls": "batches are graphfeed Batches",
}


def check_assignment(loader: str, name: str) -> None:
    """AttributeError for attributes that torch's and PyG's loaders have and ours would ignore."""
    if name in _REPLACED:
        raise AttributeError(f"{loader} has no {name}: {_REPLACED[name]}")
    if name in _NEEDLESS:
        raise AttributeError(f"{loader} has no {name}: {_NEEDLESS[name]}")


def check(loader: str, arguments: Mapping[str, Any]) -> None:
    """Warns of arguments that have no effect. TypeError for those that cannot be honoured."""
    for name, value in arguments.items():
        if name in _REPLACED:
            if value is not None:
                raise TypeError(f"{loader} takes no {name}: {_REPLACED[name]}")
        elif name in _NEEDLESS:
            if value:
                _warn.warn(f"{name} has no effect: {_NEEDLESS[name]}")
        else:
            raise TypeError(f"{loader} got an unexpected keyword argument {name!r}")


def data_is_dataset(init: _F) -> _F:
    """A loader's constructor that also takes its dataset as PyG's keyword `data`."""

    @functools.wraps(init)
    def taking_data(self: Any, *args: Any, **kwargs: Any) -> None:
        if "data" in kwargs:
            if args or "dataset" in kwargs:
                raise TypeError(f"{type(self).__name__} got the dataset twice, also as data=")
            kwargs["dataset"] = kwargs.pop("data")
        init(self, *args, **kwargs)

    return taking_data  # type: ignore[return-value]


def seed_was_fourth(init: _F) -> _F:
    """A constructor whose arguments stand in the order of PyG's, and which also takes those of
    former versions of this package, which had the seed before the fourth."""

    @functools.wraps(init)
    def taking_seed(self: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > 3 and "seed" not in kwargs and _is_former_seed(args[3], args[4:]):
            kwargs["seed"] = args[3]
            args = (*args[:3], *args[4:])
        init(self, *args, **kwargs)

    return taking_seed  # type: ignore[return-value]


def _is_former_seed(fourth: Any, others: tuple) -> bool:
    if fourth is None:
        return bool(others) and isinstance(others[0], FixedSizeOptions)
    return hasattr(fourth, "__index__") and not isinstance(fourth, bool)


def micro_batches(options: Any, micro_batches_given: int) -> int:
    """Batches of a step from an object (or dict) with PopTorch's fields: device_iterations *
    (replication_factor // input_group_size) * gradient_accumulation. Without one, as given."""
    if options is None:
        return micro_batches_given
    iterations = _field(options, "device_iterations")
    replicas = _field(options, "replication_factor")
    group = _field(options, "input_group_size")
    training = getattr(options, "Training", None)
    accumulation = _field(training if training is not None else options, "gradient_accumulation")
    if replicas % group:
        raise errors.InvalidArgument(
            f"replication_factor {replicas} is no multiple of input_group_size {group}"
        )
    result = iterations * (replicas // group) * accumulation
    if micro_batches_given not in (1, result):
        raise errors.InvalidArgument(
            f"micro_batches is {micro_batches_given}, but the options ask for {result}"
        )
    return result


def device_iterations(options: Any) -> int:
    """PopTorch's field: steps of the optimizer in one step of the host."""
    return _field(options, "device_iterations")


def _field(options: Any, name: str) -> int:
    value = options.get(name, 1) if isinstance(options, Mapping) else getattr(options, name, 1)
    if not hasattr(value, "__index__") or isinstance(value, bool) or value < 1:
        raise errors.InvalidArgument(f"options.{name} is {value!r}; it must be an integer >= 1")
    return int(value)
