"""Layers and losses for batches of one fixed shape, of plain torch operations.

All of them compile with torch.jit.script, keep to the sizes that they are given, and never turn a
masked row into a NaN: whatever lies in padding, losses and gradients are those of the real rows.
Indices may be int64 or int32.
"""

from __future__ import annotations

import math
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def scatter_sum(values: Tensor, index: Tensor, size: int) -> Tensor:
    """[size, ...]: the sum of the rows of `values` [n, ...] that have each index [n]."""
    shape = [size] + list(values.shape[1:])
    return torch.zeros(shape, dtype=values.dtype, device=values.device).index_add(0, index, values)


def scatter_count(index: Tensor, size: int) -> Tensor:
    """float32 [size]: how often each index occurs, and at least 1: a divisor."""
    ones = torch.ones(index.shape[0], dtype=torch.float32, device=index.device)
    return scatter_sum(ones, index, size).clamp(min=1.0)


def scatter_mean(values: Tensor, index: Tensor, size: int) -> Tensor:
    """[size, C]: likewise the mean; 0 where there is none."""
    return scatter_sum(values, index, size) / scatter_count(index, size).unsqueeze(1)


def scatter_softmax(scores: Tensor, index: Tensor, size: int) -> Tensor:
    """[n, H]: softmax of `scores` [n, H] among the rows of the same index."""
    wide = index.long().unsqueeze(1).expand_as(scores)
    highest = torch.zeros([size, scores.shape[1]], dtype=scores.dtype, device=scores.device)
    highest = highest.scatter_reduce(0, wide, scores.detach(), "amax", include_self=False)
    weights = (scores - highest.index_select(0, index)).exp()
    # Of every index that occurs the sum is at least 1.
    return weights / scatter_sum(weights, index, size).index_select(0, index)


def masked_cross_entropy(out: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """The mean over the rows of `out` [n, C] where `mask` [n] holds; 0 where it holds nowhere.
    `labels` int [n] may be anything in the other rows."""
    labels = torch.where(mask, labels.long(), torch.full_like(labels, -100, dtype=torch.long))
    total = F.cross_entropy(out, labels, ignore_index=-100, reduction="sum")
    return total / mask.sum().clamp(min=1)


def masked_mse(out: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """The mean square over the rows of `out` [n] where `mask` [n] holds; 0 where it holds nowhere.
    `labels` [n] may be NaN in the other rows: 0 * NaN would be NaN, a choice is not."""
    difference = out - torch.where(mask, labels, out.detach())
    return difference.square().sum() / mask.sum().clamp(min=1)


def seeds_mask(input_id: Tensor) -> Tensor:
    """bool [batch_size]: the seeds of a sampled batch that are real; its first nodes are seeds."""
    return input_id >= 0


class GcnConv(nn.Module):
    """Kipf & Welling's graph convolution. Adds no self-loops: their number depends on the graph,
    and the shape would too. They are added when the dataset is stored (AddSelfLoops)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(in_channels, out_channels, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        nn.init.xavier_uniform_(self.lin.weight)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        source, target = edge_index[0], edge_index[1]
        scale = scatter_count(target, x.shape[0]).rsqrt()
        norm = scale.index_select(0, source) * scale.index_select(0, target)
        messages = self.lin(x).index_select(0, source) * norm.unsqueeze(1)
        return scatter_sum(messages, target, x.shape[0]) + self.bias


class GinConv(nn.Module):
    """Xu et al.'s graph isomorphism convolution; with edge features Hu et al.'s form of it. Rows
    are normalised each by itself: statistics over a batch would be those of its padding too."""

    def __init__(self, channels: int, edge_channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(channels, channels),
            nn.LayerNorm(channels),
            nn.ReLU(),
            nn.Linear(channels, channels),
        )
        self.edge_lin = nn.Linear(edge_channels, channels) if edge_channels else None

    def forward(self, x: Tensor, edge_index: Tensor, edge_attr: Optional[Tensor]) -> Tensor:
        messages = x.index_select(0, edge_index[0])
        if self.edge_lin is not None:
            assert edge_attr is not None, "the model was made with edge_channels: edge_attr is missing"
            messages = (messages + self.edge_lin(edge_attr)).relu()
        return self.mlp(x + scatter_sum(messages, edge_index[1], x.shape[0]))


class SageConv(nn.Module):
    """Hamilton et al.'s convolution with the mean of the neighbours, from one node type to
    another."""

    def __init__(self, source_channels: int, target_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin_source = nn.Linear(source_channels, out_channels)
        self.lin_target = nn.Linear(target_channels, out_channels, bias=False)

    def forward(self, source_x: Tensor, target_x: Tensor, edge_index: Tensor) -> Tensor:
        size = target_x.shape[0]
        messages = self.lin_source(source_x).index_select(0, edge_index[0])
        return scatter_mean(messages, edge_index[1], size) + self.lin_target(target_x)


class GatConv(nn.Module):
    """Velickovic et al.'s convolution with attention, one head, from one node type to another,
    without self-loops."""

    def __init__(self, source_channels: int, target_channels: int, out_channels: int) -> None:
        super().__init__()
        self.lin_source = nn.Linear(source_channels, out_channels, bias=False)
        self.lin_target = nn.Linear(target_channels, out_channels, bias=False)
        self.attention_source = nn.Linear(out_channels, 1, bias=False)
        self.attention_target = nn.Linear(out_channels, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(out_channels))
        for lin in (self.lin_source, self.lin_target, self.attention_source, self.attention_target):
            nn.init.xavier_uniform_(lin.weight)

    def forward(self, source_x: Tensor, target_x: Tensor, edge_index: Tensor) -> Tensor:
        source, target, size = edge_index[0], edge_index[1], target_x.shape[0]
        values = self.lin_source(source_x)
        of_source = self.attention_source(values).index_select(0, source)
        of_target = self.attention_target(self.lin_target(target_x)).index_select(0, target)
        weights = scatter_softmax(F.leaky_relu(of_source + of_target, 0.2), target, size)
        return scatter_sum(values.index_select(0, source) * weights, target, size) + self.bias


class HgtRelation(nn.Module):
    """What one edge type adds to the heterogeneous graph transformer's attention: scores and
    messages of its edges."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.key_weight = nn.Parameter(torch.empty(heads, channels // heads, channels // heads))
        self.value_weight = nn.Parameter(torch.empty(heads, channels // heads, channels // heads))
        self.prior = nn.Parameter(torch.ones(heads))
        self.scale = 1.0 / math.sqrt(channels // heads)
        nn.init.xavier_uniform_(self.key_weight)
        nn.init.xavier_uniform_(self.value_weight)

    def scores(self, query: Tensor, key: Tensor, edge_index: Tensor) -> Tensor:
        """[E, H] of queries and keys [n, H, D]."""
        key = torch.einsum("nhd,hde->nhe", key, self.key_weight).index_select(0, edge_index[0])
        query = query.index_select(0, edge_index[1])
        return (query * key).sum(dim=2) * self.prior * self.scale

    def messages(self, value: Tensor, edge_index: Tensor) -> Tensor:
        """[E, H, D]."""
        value = torch.einsum("nhd,hde->nhe", value, self.value_weight)
        return value.index_select(0, edge_index[0])

    def forward(self, value: Tensor, edge_index: Tensor) -> Tensor:
        return self.messages(value, edge_index)
