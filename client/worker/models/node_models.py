"""Models of the nodes of one large graph (tutorials 1 and 2)."""

from __future__ import annotations

from typing import Dict, Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from layers import GcnConv, masked_cross_entropy, seeds_mask


class GcnForNodes(nn.Module):
    """Two GCN layers that tell a node's class. The graph needs self-loops (AddSelfLoops).

    The loss is over the nodes of `train_mask`, or with `input_id` over the seeds of a sampled batch
    (its first nodes; -1 is none); with both over the seeds that are in the mask.

    Args:
        in_channels, hidden_channels, num_classes: features of a node, and classes.
        dropout: of each layer's input, when training.
        as_tutorial: the set-up that tutorial 2 prints: no dropout of the input, and a ReLU of the
            scores, which keeps half of them from learning.
        weight_decay: of the first layer.
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        num_classes: int,
        dropout: float = 0.5,
        as_tutorial: bool = False,
        weight_decay: float = 5e-4,
    ) -> None:
        super().__init__()
        self.conv1 = GcnConv(in_channels, hidden_channels)
        self.conv2 = GcnConv(hidden_channels, num_classes)
        self.dropout = dropout
        self.as_tutorial = as_tutorial
        self.weight_decay = weight_decay
        self.in_channels = in_channels

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor,
        y: Optional[Tensor] = None,
        train_mask: Optional[Tensor] = None,
        input_id: Optional[Tensor] = None,
    ) -> Dict[str, Tensor]:
        if not self.as_tutorial:
            x = F.dropout(x, self.dropout, self.training)
        x = self.conv1(x, edge_index).relu()
        x = F.dropout(x, self.dropout, self.training)
        out = self.conv2(x, edge_index)
        if self.as_tutorial:
            out = out.relu()
        result = {"out": out}
        if y is not None and (train_mask is not None or input_id is not None):
            mask = torch.ones(out.shape[0], dtype=torch.bool, device=out.device)
            if train_mask is not None:
                mask = train_mask
            if input_id is not None:
                real = seeds_mask(input_id)
                result["loss"] = masked_cross_entropy(
                    out[: real.shape[0]], y[: real.shape[0]], real & mask[: real.shape[0]]
                )
            else:
                result["loss"] = masked_cross_entropy(out, y, mask)
        return result

    @torch.jit.unused
    def describe(self) -> dict:
        described = {
            "inputs": [
                {"name": "x", "dtype": "float32", "shape": [None, self.in_channels], "optional": False},
                {"name": "edge_index", "dtype": "int64", "shape": [2, None], "optional": False},
                {"name": "y", "dtype": "int64", "shape": [None], "optional": True},
                {"name": "train_mask", "dtype": "bool", "shape": [None], "optional": True},
                {"name": "input_id", "dtype": "int64", "shape": [None], "optional": True},
            ],
            "outputs": [{"name": "out", "axis": "nodes", "store": ""}],
        }
        if self.weight_decay and not self.as_tutorial:
            described["param_groups"] = [{"prefix": "conv1.", "weight_decay": self.weight_decay}]
        return described
