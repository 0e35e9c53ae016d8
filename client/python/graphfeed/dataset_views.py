"""A dataset as notebooks show it, and as PyG has it."""

from __future__ import annotations

from typing import Any

from graphfeed import _html


class DatasetViews:
    """What datasets have of this; `self` is one."""

    info: Any

    def to_pyg(self: Any) -> list:
        """The graphs as a list of torch_geometric Data or HeteroData, all of them in memory; a
        single one is `dataset[i].to_pyg()`.

        Raises:
            ImportError: PyTorch Geometric is not installed.
        """
        return [graph.to_pyg() for graph in self]

    def _repr_html_(self: Any) -> str:
        """What is known of it: nothing is read."""
        info = self.info
        whole = len(self) == info.num_graphs
        facts = [
            ("graphs", _html.number(len(self)) + ("" if whole else f" of {info.num_graphs:,}")),
            ("fingerprint", info.fingerprint),
        ]
        if info.raw_bytes:
            facts.append(("bytes", _html.number(info.raw_bytes)))
        if info.transforms:
            facts.append(("transforms", ", ".join(info.transforms)))
        kinds = [("node", info.node_types, info.num_nodes), ("edge", info.edge_types, info.num_edges)]
        for kind, types, totals in kinds:
            for key, total in zip(types, totals):
                of_type = f" of {_html.key_name(key)}" if info.heterogeneous else ""
                facts.append((f"{kind}s{of_type}", _html.number(total)))
        rows = [_column_row(info, column) for column in info.columns]
        header = ("column", "of", "dtype", "a row's shape", "rows", "values")
        return _html.document(info.full_name, facts, header, rows)


def _column_row(info: Any, column: Any) -> tuple:
    key = info.store_of(column)
    owner = column.level if key is None else f"{column.level} {_html.key_name(key)}"
    values = "" if column.value_range is None else "{} to {}".format(
        *(_html.number(bound) for bound in column.value_range))
    shape = list(column.row_shape) if column.row_shape else ""
    return column.name, owner, column.dtype, shape, _html.number(column.num_rows), values
