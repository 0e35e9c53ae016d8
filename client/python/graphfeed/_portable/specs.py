"""What is asked for: specs of batches and of streams, and their messages. The fields of a value
have the names of the message's."""

from __future__ import annotations

import math
from typing import Any, Dict

import numpy as np

from graphfeed import errors
from graphfeed._portable import digests, fields
from graphfeed._portable.codes import decode_ids, encode_ids
from graphfeed._portable.descriptors import messages
from graphfeed._portable.fields import Record

# By name, in the order of the numbers that travel.
STRATEGIES = {
    "plain": 1, "pad_to_max": 2, "stream_pack": 3, "neighbor": 4, "cluster": 5, "pack": 6,
}  # fmt: skip
_OVER_SIZE = {
    "error": 0, "skip": 1, "trim_nodes": 2, "trim_edges": 3, "trim_nodes_and_edges": 4,
}  # fmt: skip
_INCOMPLETE_STEP = {"fill": 0, "drop": 1}
_SUBGRAPH_TYPE = {"directional": 0, "bidirectional": 1, "induced": 2}
_TEMPORAL_STRATEGY = {"uniform": 0, "last": 1}
_NEGATIVE_MODE = {"none": 0, "binary": 1, "triplet": 2}
UNEVEN_SHARDS = {"null": 0, "repeat": 1, "drop": 2}
SIZE_LIMITS = ("num_nodes", "num_bytes", "num_graphs")
DTYPES = {
    "bool": 1, "uint8": 2, "int8": 3, "int16": 4, "int32": 5, "int64": 6, "float16": 7,
    "float32": 8, "float64": 9, "string": 10,
}  # fmt: skip

# The enums of the fields that have one.
_ENUMS = {
    "strategy": STRATEGIES,
    "over_size": _OVER_SIZE,
    "incomplete_step": _INCOMPLETE_STEP,
    "subgraph_type": _SUBGRAPH_TYPE,
    "temporal_strategy": _TEMPORAL_STRATEGY,
    "negative_mode": _NEGATIVE_MODE,
}

_LINKS = {
    "edge_type": fields.text(),
    "sources": fields.ids(),
    "targets": fields.ids(),
    "labels": fields.ids(),
    "negative_mode": fields.enum(_NEGATIVE_MODE, "none"),
    "negative_amount": fields.number(1.0),
    "exclude_seed_edges": fields.boolean(),
    "float_labels": fields.floats(),
}

_SAMPLING = {
    "num_neighbors": fields.lists_by_name(),
    "replace": fields.boolean(),
    "subgraph_type": fields.enum(_SUBGRAPH_TYPE, "directional"),
    "disjoint": fields.boolean(),
    "time_attr": fields.text(),
    "temporal_strategy": fields.enum(_TEMPORAL_STRATEGY, "uniform"),
    "weight_attr": fields.text(),
    "input_type": fields.text(),
    "input_mask": fields.text(),
    "input_time": fields.ids(),
    "links": fields.dict_of_fields("sampling.links", _LINKS),
    "partition": fields.text(),
}


class FixedSizeOptions(Record):
    """See _graphfeed.pyi, as for all that is named so."""

    KINDS = {
        "num_nodes": fields.integers_by_name(),
        "num_edges": fields.integers_by_name(),
        "num_graphs": fields.integer(2),
        "node_pad_value": fields.number(),
        "edge_pad_value": fields.number(),
        "graph_pad_value": fields.number(),
        "pad_graph_defaults": fields.numbers_by_name(),
        "num_rows": fields.integers_by_name(),
    }


class Selection:
    """Which graphs, in which order."""

    def __init__(self) -> None:
        self._kind = "all"
        self._start = self._stop = 0
        self._ids = np.empty(0, np.int64)
        self._batch_sizes: list = []

    @staticmethod
    def all() -> Selection:
        return Selection()

    @staticmethod
    def range(start: int, stop: int) -> Selection:
        result = Selection()
        result._kind = "range"
        result._start, result._stop = fields.check_integer(start), fields.check_integer(stop)
        return result

    @staticmethod
    def ids(ids: Any) -> Selection:
        result = Selection()
        result._kind, result._ids = "ids", fields.read_ids("selection", ids)
        return result

    @property
    def batch_sizes(self) -> list:
        return self._batch_sizes

    @batch_sizes.setter
    def batch_sizes(self, sizes: Any) -> None:
        self._batch_sizes = [fields.check_integer(size) for size in sizes]

    def __str__(self) -> str:
        if self._kind == "all":
            return "all"
        if self._kind == "range":
            return f"{self._start} to {self._stop - 1}"
        return f"{len(self._ids)} ids ({digests.short(self._ids)})"


class BatchSpec(Record):
    KINDS = {
        "strategy": fields.enum(STRATEGIES, "pad_to_max"),
        "over_size": fields.enum(_OVER_SIZE, "error"),
        "options": fields.value_of(FixedSizeOptions, optional=True),
        "batch_size": fields.integer(),
        "selection": fields.value_of(Selection),
        "shuffle": fields.boolean(),
        "drop_last": fields.boolean(),
        "incomplete_step": fields.enum(_INCOMPLETE_STEP, "fill"),
        "micro_batches": fields.integer(1),
        "masks": fields.boolean(True),
        "exclude_keys": fields.texts(),
        "follow_batch": fields.texts(),
        "index_dtype": fields.Kind(lambda path, value: read_dtype(value), lambda: "int64"),
        "narrow_columns": fields.texts(),
        "float16_columns": fields.texts(),
        "sampling": fields.dict_of_fields("sampling", _SAMPLING),
        "sample_limit": fields.integer(),
        "algorithm_version": fields.integer(0, fields.UINT32),
        "algorithms": fields.integers_by_name(),
        "ragged": fields.boolean(),
    }


def read_dtype(name: Any) -> str:
    if not isinstance(name, str):
        raise TypeError(f"dtype is {name!r}, not a str")
    if name not in DTYPES:
        raise errors.InvalidArgument(f"dtype {name} is not supported")
    return name


def read_fingerprint(value: Any) -> Any:
    if value is None:
        return None
    if not isinstance(value, bytes):
        raise TypeError(f"fingerprint is {value!r}, not bytes")
    if len(value) != 16:
        raise errors.InvalidArgument(f"fingerprint has {len(value)} bytes, not 16")
    return bytes(value)


class StreamOptions(Record):
    KINDS = {
        "dataset": fields.text(),
        "fingerprint": fields.Kind(lambda path, value: read_fingerprint(value), lambda: None),
        "spec": fields.value_of(BatchSpec),
        "seed": fields.integer(0, fields.UINT64),
        "start_epoch": fields.integer(),
        "start_ordinal": fields.integer(),
        "num_epochs": fields.integer(1),
        "num_shards": fields.integer(1),
        "shard_index": fields.integer(),
        "uneven_shards": fields.enum(UNEVEN_SHARDS, "null"),
        "prefetch": fields.integer(0, fields.UINT32),
        "client_prefetch": fields.integer(2, fields.UINT64),
        "verify_digests": fields.boolean(True),
        "graph_ids": fields.boolean(),
    }


# --- messages ------------------------------------------------------------------------------------


def write_fields(values: Dict[str, Any], message: Any) -> None:
    """Writes each value to the field of its name."""
    by_name = message.DESCRIPTOR.fields_by_name
    for name, value in values.items():
        if name in _ENUMS:
            setattr(message, name, _ENUMS[name][value])
        elif isinstance(value, np.ndarray):
            is_float = value.dtype == np.float32
            setattr(message, name, value.astype("<f4").tobytes() if is_float else encode_ids(value))
        elif isinstance(value, list):
            getattr(message, name).extend(value)
        elif isinstance(value, dict):
            _write_entries(value, by_name[name], message)
        elif value is not None:
            setattr(message, name, value)


def _write_entries(values: Dict[str, Any], field: Any, message: Any) -> None:
    entries = getattr(message, field.name)
    if field.message_type.GetOptions().map_entry:
        for key, value in values.items():
            entries[key] = value
        return
    key_field, value_field = (field.message_type.fields_by_number[n].name for n in (1, 2))
    for key, value in sorted(values.items()):
        entry = entries.add()
        setattr(entry, key_field, key)
        if isinstance(value, np.ndarray):
            getattr(entry, value_field).extend(value.tolist())
        else:
            setattr(entry, value_field, value)


def read_fields(kinds: Dict[str, fields.Kind], message: Any, prefix: str) -> Dict[str, Any]:
    """What a message says of these fields; InvalidArgument for what cannot be."""
    result: Dict[str, Any] = {}
    by_name = message.DESCRIPTOR.fields_by_name
    for name, kind in kinds.items():
        default, value = kind.default(), getattr(message, name)
        path = prefix + name
        if name in _ENUMS:
            result[name] = fields.name_of(_ENUMS[name], value, path)
        elif isinstance(default, np.ndarray):
            result[name] = (
                _floats_of(path, value) if default.dtype == np.float32 else decode_ids(value, path)
            )
        elif isinstance(default, dict):
            result[name] = _read_entries(by_name[name], value, path)
        else:
            result[name] = list(value) if isinstance(default, list) else value
    return result


def _floats_of(path: str, value: bytes) -> np.ndarray:
    if len(value) % 4:
        raise errors.InvalidArgument(f"{path} has {len(value)} bytes; floats have four each")
    return np.frombuffer(value, "<f4").astype(np.float32)


def _read_entries(field: Any, entries: Any, path: str) -> Dict[str, Any]:
    if field.message_type.GetOptions().map_entry:
        return dict(sorted(entries.items()))
    key_field, value_field = (field.message_type.fields_by_number[n].name for n in (1, 2))
    result: Dict[str, Any] = {}
    for entry in entries:
        key, value = getattr(entry, key_field), getattr(entry, value_field)
        if key in result:
            raise errors.InvalidArgument(f'{path}: type "{key}" given twice')
        result[key] = value if isinstance(value, (int, float)) else np.array(value, np.int64)
    return dict(sorted(result.items()))


def selection_to_message(selection: Selection) -> Any:
    message = messages.Selection()
    if selection._kind == "range":
        message.range.start, message.range.stop = selection._start, selection._stop
    elif selection._kind == "ids":
        message.ids = encode_ids(selection._ids)
    message.batch_sizes = encode_ids(selection._batch_sizes)
    return message


def _selection_from_message(message: Any) -> Selection:
    result, kind = Selection(), message.WhichOneof("kind")
    if kind == "range":
        start, stop = message.range.start, message.range.stop
        if start < 0 or stop < start:
            raise errors.InvalidArgument(
                f"selection.range: [{start}, {stop}); 0 <= start <= stop is required"
            )
        result = Selection.range(start, stop)
    elif kind == "ids":
        result = Selection.ids(decode_ids(message.ids, "selection.ids"))
    result.batch_sizes = decode_ids(message.batch_sizes, "selection.batch_sizes").tolist()
    return result


def options_to_message(options: FixedSizeOptions) -> Any:
    message = messages.FixedSizeOptions()
    write_fields(vars(options), message)
    return message


def options_from_message(message: Any) -> FixedSizeOptions:
    result = FixedSizeOptions()
    result.__dict__.update(read_fields(FixedSizeOptions.KINDS, message, "options."))
    return result


def _sampling_to_message(sampling: Dict[str, Any], message: Any) -> None:
    message.SetInParent()
    write_fields({k: v for k, v in sampling.items() if k != "links"}, message)
    if sampling["links"] is not None:
        message.links.SetInParent()
        write_fields(sampling["links"], message.links)


def _sampling_from_message(message: Any) -> Dict[str, Any]:
    kinds = {name: kind for name, kind in _SAMPLING.items() if name != "links"}
    sampling = read_fields(kinds, message, "sampling.")
    links = None
    if message.HasField("links"):
        links = read_fields(_LINKS, message.links, "sampling.links.")
        if len(links["sources"]) != len(links["targets"]):
            raise errors.InvalidArgument(
                f"sampling.links.targets: {len(links['targets'])} ids; sampling.links.sources has "
                f"{len(links['sources'])}"
            )
        links["negative_amount"] = links["negative_amount"] or 1.0
        if not (math.isfinite(links["negative_amount"]) and links["negative_amount"] >= 0):
            raise errors.InvalidArgument(
                f"sampling.links.negative_amount: {links['negative_amount']}; a finite number "
                "above 0"
            )
    return {name: links if name == "links" else sampling[name] for name in _SAMPLING}


_OWN_WAYS = ("options", "selection", "masks", "index_dtype", "sampling")


def spec_to_message(spec: BatchSpec) -> Any:
    message = messages.BatchSpec()
    write_fields({k: v for k, v in vars(spec).items() if k not in _OWN_WAYS}, message)
    if spec.options is not None:
        message.options.CopyFrom(options_to_message(spec.options))
    message.selection.CopyFrom(selection_to_message(spec.selection))
    message.no_masks = not spec.masks
    message.index_dtype = DTYPES[spec.index_dtype]
    if spec.sampling is not None:
        _sampling_to_message(spec.sampling, message.sampling)
    return message


def spec_from_message(message: Any) -> BatchSpec:
    if message.strategy == 0:
        raise errors.InvalidArgument("strategy: not set")
    spec = BatchSpec()
    kinds = {name: kind for name, kind in BatchSpec.KINDS.items() if name not in _OWN_WAYS}
    spec.__dict__.update(read_fields(kinds, message, ""))
    if message.HasField("options"):
        spec.__dict__["options"] = options_from_message(message.options)
    spec.__dict__["selection"] = _selection_from_message(message.selection)
    spec.__dict__["masks"] = not message.no_masks
    if message.index_dtype not in (0, DTYPES["int32"], DTYPES["int64"]):
        raise errors.InvalidArgument(f"index_dtype: {message.index_dtype}; INT64 or INT32")
    narrow = message.index_dtype == DTYPES["int32"]
    spec.__dict__["index_dtype"] = "int32" if narrow else "int64"
    if message.HasField("sampling"):
        spec.__dict__["sampling"] = _sampling_from_message(message.sampling)
    spec.__dict__["micro_batches"] = spec.micro_batches or 1
    return spec
