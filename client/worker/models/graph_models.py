"""Models of whole graphs, small ones in padded or packed batches (tutorials 3 and 4)."""

from __future__ import annotations

from typing import Dict, List, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from layers import (
    GcnConv,
    GinConv,
    masked_cross_entropy,
    masked_mse,
    scatter_mean,
    scatter_sum,
)


class GraphTask(nn.Module):
    """What a model of graphs is to tell: a class (`num_classes`), or a number, column `target` of y
    in units of `std` around `mean` (num_classes 0)."""

    def __init__(
        self,
        num_classes: int = 2,
        *,
        target: int = 0,
        mean: float = 0.0,
        std: float = 1.0,
    ) -> None:
        super().__init__()
        if num_classes < 0 or not std > 0:
            raise ValueError(f"num_classes is {num_classes}, std {std}: at least 0, more than 0")
        self.num_classes = num_classes
        self.target = target
        self.mean = mean
        self.std = std
        self.out_channels = max(num_classes, 1)

    def forward(
        self, out: Tensor, graphs_mask: Optional[Tensor], y: Optional[Tensor]
    ) -> Dict[str, Tensor]:
        """{"out": [num_graphs, C]}: scores of classes, or the number in y's unit; with labels also
        "loss", over the real graphs whose label is known (not NaN)."""
        result = {"out": out if self.num_classes > 0 else out * self.std + self.mean}
        if y is None:
            return result
        if graphs_mask is None:
            graphs_mask = torch.ones(out.shape[0], dtype=torch.bool, device=out.device)
        if self.num_classes > 0:
            result["loss"] = masked_cross_entropy(out, y.reshape(-1), graphs_mask)
        else:
            wanted = (y.reshape(out.shape[0], -1)[:, self.target] - self.mean) / self.std
            known = graphs_mask & torch.logical_not(torch.isnan(wanted))
            result["loss"] = masked_mse(out[:, 0], wanted, known)
        return result

    def label_input(self, num_graphs: int) -> dict:
        if self.num_classes:
            return _input("y", "int64", [num_graphs], optional=True)
        return _input("y", "float32", [num_graphs, None], optional=True)


class GcnForGraphs(nn.Module):
    """The model of tutorials 3 and 4: one GCN layer, the mean over each graph, one linear layer.
    The graphs need self-loops (AddSelfLoops).

    Args:
        in_channels, hidden_channels: features of a node.
        num_graphs: graphs of a batch, padding included: pooling needs a size that is fixed.
        task: what to tell of a graph.
        dropout: of a graph's features, when training.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_graphs: int,
        task: GraphTask,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.conv = GcnConv(in_channels, hidden_channels)
        self.lin = nn.Linear(hidden_channels, task.out_channels)
        self.task = task
        self.num_graphs = num_graphs
        self.dropout = dropout
        self.in_channels = in_channels

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        batch: Tensor,
        graphs_mask: Optional[Tensor] = None,
        y: Optional[Tensor] = None,
    ) -> Dict[str, Tensor]:
        x = self.conv(x, edge_index).relu()
        x = scatter_mean(x, batch, self.num_graphs)
        x = F.dropout(x, self.dropout, self.training)
        return self.task(self.lin(x), graphs_mask, y)

    @torch.jit.unused
    def describe(self) -> dict:
        return _describe_graphs(self, edge_channels=0)


class Gin(nn.Module):
    """A graph isomorphism network: the sums over a graph after every layer, side by side.

    Args:
        in_channels, hidden_channels: features of a node.
        num_graphs: graphs of a batch, padding included.
        task: what to tell of a graph.
        edge_channels: features of an edge; 0: edges have none.
        num_layers: convolutions.
        dropout: before the last layer, when training.
        pool: "sum" or "mean" over a graph's nodes.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_graphs: int,
        task: GraphTask,
        edge_channels: int = 0,
        num_layers: int = 3,
        dropout: float = 0.0,
        pool: str = "sum",
    ) -> None:
        super().__init__()
        if pool not in ("sum", "mean"):
            raise ValueError(f'pool is {pool!r}; it is "sum" or "mean"')
        self.embed = nn.Linear(in_channels, hidden_channels)
        self.convs = nn.ModuleList(
            [GinConv(hidden_channels, edge_channels) for _ in range(num_layers)]
        )
        self.head = nn.Linear((num_layers + 1) * hidden_channels, hidden_channels)
        self.lin = nn.Linear(hidden_channels, task.out_channels)
        self.task = task
        self.num_graphs = num_graphs
        self.dropout = dropout
        self.mean_pool = pool == "mean"
        self.in_channels = in_channels
        self.edge_channels = edge_channels

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        batch: Tensor,
        graphs_mask: Optional[Tensor] = None,
        edge_attr: Optional[Tensor] = None,
        y: Optional[Tensor] = None,
    ) -> Dict[str, Tensor]:
        x = self.embed(x)
        pooled: List[Tensor] = [self.pool(x, batch)]
        for conv in self.convs:
            x = x + conv(x, edge_index, edge_attr).relu()
            pooled.append(self.pool(x, batch))
        out = self.head(torch.cat(pooled, dim=1)).relu()
        out = self.lin(F.dropout(out, self.dropout, self.training))
        return self.task(out, graphs_mask, y)

    def pool(self, x: Tensor, batch: Tensor) -> Tensor:
        if self.mean_pool:
            return scatter_mean(x, batch, self.num_graphs)
        return scatter_sum(x, batch, self.num_graphs)

    @torch.jit.unused
    def describe(self) -> dict:
        return _describe_graphs(self, self.edge_channels)


def _input(name: str, dtype: str, shape: list, optional: bool = False) -> dict:
    return {"name": name, "dtype": dtype, "shape": shape, "optional": optional}


def _describe_graphs(model, edge_channels: int) -> dict:
    inputs = [
        _input("x", "float32", [None, model.in_channels]),
        _input("edge_index", "int64", [2, None]),
        _input("batch", "int64", [None]),
        _input("graphs_mask", "bool", [model.num_graphs], optional=True),
    ]
    if edge_channels:
        inputs.append(_input("edge_attr", "float32", [None, edge_channels]))
    inputs.append(model.task.label_input(model.num_graphs))
    return {"inputs": inputs, "outputs": [{"name": "out", "axis": "graphs", "store": ""}]}
