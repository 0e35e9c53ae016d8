"""Datasets on their way in."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

import numpy as np

from graphfeed import _finalizing, errors
from graphfeed._portable import fields, forks
from graphfeed._portable.answers import read_answer
from graphfeed._portable.blocks import ColumnBlock, GraphBlock, split_graphs, split_rows
from graphfeed._portable.channels import Channel
from graphfeed._portable.codes import encode_ids
from graphfeed._portable.datasets import LEVELS, DatasetInfo, dataset_from_message
from graphfeed._portable.descriptors import messages, method

_TRANSFORMS = (
    "normalize_features", "add_self_loops", "to_undirected", "remove_isolated_nodes", "subgraph",
)  # fmt: skip


def _as_is(path: str, value: Any) -> Any:
    return value


class IngestSpec(fields.Record):
    KINDS = {
        "name": fields.text(),
        "collection": fields.boolean(True),
        "heterogeneous": fields.boolean(),
        "node_types": fields.texts(),
        "edge_types": fields.Kind(_as_is, list),
        "kinds": fields.Kind(_as_is, dict),
        "num_nodes": fields.integers(),
        "num_edges": fields.integers(),
        "transforms": fields.Kind(_as_is, list),
    }

    def to_message(self) -> Any:
        message = messages.IngestBegin(
            name=self.name,
            collection=self.collection,
            heterogeneous=self.heterogeneous,
            node_types=self.node_types,
            num_nodes=self.num_nodes,
            num_edges=self.num_edges,
        )
        for source, relation, target in self.edge_types:
            for node_type in (source, target):
                if node_type not in self.node_types:
                    raise errors.InvalidArgument(
                        f"edge_types: node type {node_type} is not in node_types"
                    )
            message.edge_types.add(source=source, relation=relation, target=target)
        for column, level in self.kinds.items():
            message.kinds[column] = LEVELS[fields.check_name(LEVELS, "level", level)]
        for name, options in self.transforms:
            _add_transform(message.transforms.add(), name, options)
        return message


def _add_transform(message: Any, name: str, options: Dict[str, Any]) -> None:
    fields.check_name(dict.fromkeys(_TRANSFORMS), "transform", name)
    part = getattr(message, name)
    part.SetInParent()
    if name == "normalize_features":
        part.columns.extend(options.get("columns", ["x"]))
    elif name == "add_self_loops":
        part.fill_value = options.get("fill_value", 1.0)
    elif name == "subgraph":
        for node_type, nodes in sorted(options["nodes"].items()):
            if isinstance(nodes, np.ndarray):
                part.nodes.add(type=node_type, ids=encode_ids(fields.read_ids(name, nodes)))
            else:
                part.nodes.add(type=node_type, leading=nodes)


class IngestStream:
    """Leaves nothing behind when it is dropped or cancelled before it is committed. Not for several
    threads at once."""

    def __init__(self, channel: Channel, spec: IngestSpec) -> None:
        self._made_under = forks.generation()
        self._collection = spec.collection
        self._num_graphs = 0
        self._failed: Optional[errors.Error] = None
        self._committed = False
        begin = messages.IngestRequest(begin=spec.to_message())
        self._call: Any = channel.start_up(method("Ingest"))
        self._call.write(begin)

    def __del__(self) -> None:
        if getattr(self, "_call", None) is not None:
            self.cancel()

    def append(
        self, num_graphs: int, num_nodes: Any, num_edges: Any, columns: List[ColumnBlock]
    ) -> None:
        self._check_open()
        # A block that cannot be sent ends the ingest, too.
        try:
            if self._collection:
                block = GraphBlock(num_graphs, num_nodes, num_edges, columns)
                split_graphs(block, self._num_graphs, self._send)
            else:
                split_rows(columns, self._send)
        except errors.Error as error:
            self._failed = error
            raise
        self._num_graphs += num_graphs

    def commit(self) -> DatasetInfo:
        self._check_open()
        self._committed = True
        call, self._call = self._call, None
        try:
            commit = messages.IngestCommit(num_graphs=self._num_graphs)
            call.write(messages.IngestRequest(commit=commit))
            response = call.finish(messages.DatasetInfo)
        finally:
            call.close()
        return read_answer(dataset_from_message, response)

    def cancel(self) -> None:
        call, self._call = self._call, None
        if call is None or self._made_under != forks.generation():
            return
        if not _finalizing.is_finalizing():  # else cancelled when the end began
            call.close()

    def _send(self, block: Any) -> None:
        self._call.write(messages.IngestRequest(block=block))

    def _check_open(self) -> None:
        forks.check_own(self._made_under, "the ingest")
        _finalizing.check_not_finalizing()
        if self._committed:
            raise errors.FailedPrecondition("the ingest has been committed")
        if self._call is None:
            raise errors.Cancelled("the ingest was cancelled")
        if self._failed is not None:
            failed = self._failed
            raise errors.from_status(failed.code, failed.message, failed.request_id)
