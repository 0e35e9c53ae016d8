"""Models of a heterogeneous graph (tutorial 6): one convolution per edge type, and a transformer.

The encoders take any types. A compiled model's inputs have names of their own, so what binds them
to a dataset is a class: ImdbModel. For another dataset write one like it.
"""

from __future__ import annotations

from typing import Dict, List, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from layers import (
    GatConv,
    HgtRelation,
    SageConv,
    masked_cross_entropy,
    scatter_softmax,
    scatter_sum,
    seeds_mask,
)

EdgeType = Tuple[str, str, str]

IMDB_NODE_TYPES = ("movie", "director", "actor")
IMDB_EDGE_TYPES: Tuple[EdgeType, ...] = (
    ("movie", "to", "director"),
    ("movie", "to", "actor"),
    ("director", "to", "movie"),
    ("actor", "to", "movie"),
)


class HeteroConv(nn.Module):
    """A convolution for each edge type; what comes to a node over several types is added."""

    def __init__(self, edge_types: List[EdgeType], convs: List[nn.Module]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(convs)
        self.keys: List[str] = ["__".join(edge_type) for edge_type in edge_types]
        self.sources: List[str] = [edge_type[0] for edge_type in edge_types]
        self.targets: List[str] = [edge_type[2] for edge_type in edge_types]

    def forward(self, x: Dict[str, Tensor], edges: Dict[str, Tensor]) -> Dict[str, Tensor]:
        result: Dict[str, Tensor] = {}
        for i, conv in enumerate(self.convs):
            source, target = self.sources[i], self.targets[i]
            out = conv(x[source], x[target], edges[self.keys[i]])
            result[target] = result[target] + out if target in result else out
        return result


class HeteroGnn(nn.Module):
    """Layers of SAGE for some edge types and GAT for the others, as the tutorial's HeteroConv.

    Args:
        in_channels: features of a node by type.
        hidden_channels: features of all types after a layer.
        kinds: "sage" or "gat" by edge type.
        num_layers: of convolutions.
    """

    def __init__(
        self,
        in_channels: Dict[str, int],
        hidden_channels: int,
        kinds: Dict[EdgeType, str],
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        unknown = sorted(set(kinds.values()) - {"sage", "gat"})
        if unknown:
            raise ValueError(f'kinds has {unknown}; each edge type is "sage" or "gat"')
        layers = []
        for layer in range(num_layers):
            channels = in_channels if layer == 0 else dict.fromkeys(in_channels, hidden_channels)
            convs = [
                (SageConv if kind == "sage" else GatConv)(
                    channels[source], channels[target], hidden_channels
                )
                for (source, _, target), kind in kinds.items()
            ]
            layers.append(HeteroConv(list(kinds), convs))
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Dict[str, Tensor], edges: Dict[str, Tensor]) -> Dict[str, Tensor]:
        for layer in self.layers:
            x = layer(x, edges)
            for key in list(x.keys()):
                x[key] = x[key].relu()
        return x


class HgtConv(nn.Module):
    """Hu et al.'s heterogeneous graph transformer: the edges of all types that lead to a node share
    one softmax."""

    def __init__(
        self, node_types: List[str], edge_types: List[EdgeType], channels: int, heads: int
    ) -> None:
        super().__init__()
        self.heads = heads
        self.node_types: List[str] = list(node_types)
        self.keys: List[str] = ["__".join(edge_type) for edge_type in edge_types]
        self.sources: List[str] = [edge_type[0] for edge_type in edge_types]
        self.targets: List[str] = [edge_type[2] for edge_type in edge_types]
        self.key_query_value = nn.ModuleList([nn.Linear(channels, 3 * channels) for _ in node_types])
        self.out = nn.ModuleList([nn.Linear(channels, channels) for _ in node_types])
        self.skip = nn.Parameter(torch.ones(len(node_types)))
        self.relations = nn.ModuleList([HgtRelation(channels, heads) for _ in edge_types])

    def forward(self, x: Dict[str, Tensor], edges: Dict[str, Tensor]) -> Dict[str, Tensor]:
        key: Dict[str, Tensor] = {}
        query: Dict[str, Tensor] = {}
        value: Dict[str, Tensor] = {}
        for i, lin in enumerate(self.key_query_value):
            name = self.node_types[i]
            parts = lin(x[name]).reshape(x[name].shape[0], 3, self.heads, -1)
            key[name], query[name], value[name] = parts[:, 0], parts[:, 1], parts[:, 2]

        scores: Dict[str, List[Tensor]] = {}
        messages: Dict[str, List[Tensor]] = {}
        index: Dict[str, List[Tensor]] = {}
        for name in self.node_types:
            scores[name], messages[name], index[name] = [], [], []
        for i, relation in enumerate(self.relations):
            source, target, edge_index = self.sources[i], self.targets[i], edges[self.keys[i]]
            scores[target].append(relation.scores(query[target], key[source], edge_index))
            messages[target].append(relation(value[source], edge_index))
            index[target].append(edge_index[1])

        result: Dict[str, Tensor] = {}
        for i, out in enumerate(self.out):
            name = self.node_types[i]
            if len(index[name]) > 0:
                size = x[name].shape[0]
                at = torch.cat(index[name])
                weights = scatter_softmax(torch.cat(scores[name]), at, size)
                found = scatter_sum(torch.cat(messages[name]) * weights.unsqueeze(2), at, size)
                gate = self.skip[i].sigmoid()
                found = out(F.gelu(found.reshape(size, -1)))
                result[name] = gate * found + (1 - gate) * x[name]
            else:
                result[name] = x[name]
        return result


class Hgt(nn.Module):
    """A linear layer per node type, then transformer layers.

    Args:
        in_channels: features of a node by type.
        hidden_channels: features of all types within; a multiple of `heads`.
        edge_types: all of them.
        heads, num_layers: of the transformer.
    """

    def __init__(
        self,
        in_channels: Dict[str, int],
        hidden_channels: int,
        edge_types: List[EdgeType],
        heads: int = 2,
        num_layers: int = 2,
    ) -> None:
        super().__init__()
        if hidden_channels % heads:
            raise ValueError(f"hidden_channels {hidden_channels} is no multiple of heads {heads}")
        self.node_types: List[str] = list(in_channels)
        self.embed = nn.ModuleList([nn.Linear(n, hidden_channels) for n in in_channels.values()])
        self.layers = nn.ModuleList(
            [
                HgtConv(list(in_channels), list(edge_types), hidden_channels, heads)
                for _ in range(num_layers)
            ]
        )

    def forward(self, x: Dict[str, Tensor], edges: Dict[str, Tensor]) -> Dict[str, Tensor]:
        embedded: Dict[str, Tensor] = {}
        for i, lin in enumerate(self.embed):
            name = self.node_types[i]
            embedded[name] = lin(x[name]).relu()
        for layer in self.layers:
            embedded = layer(embedded, edges)
        return embedded


class ImdbModel(nn.Module):
    """Tells the class of IMDB's movies from an encoder's features of them. The loss is over the
    seeds of a sampled batch: its first movies, as many as `movie__input_id` has numbers that are
    not -1.

    Args:
        encoder: HeteroGnn or Hgt over IMDB's types.
        in_channels: features of a node by type.
        hidden_channels: the encoder's.
        num_classes: of movies.
        dropout: of all node features, and of the encoder's, when training.
    """

    def __init__(
        self,
        encoder: nn.Module,
        in_channels: Dict[str, int],
        hidden_channels: int,
        num_classes: int = 3,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.lin = nn.Linear(hidden_channels, num_classes)
        self.dropout = dropout
        self.in_channels: Dict[str, int] = dict(in_channels)

    def forward(
        self,
        movie__x: Tensor,
        director__x: Tensor,
        actor__x: Tensor,
        movie__to__director__edge_index: Tensor,
        movie__to__actor__edge_index: Tensor,
        director__to__movie__edge_index: Tensor,
        actor__to__movie__edge_index: Tensor,
        movie__y: Optional[Tensor] = None,
        movie__input_id: Optional[Tensor] = None,
    ) -> Dict[str, Tensor]:
        x = {"movie": movie__x, "director": director__x, "actor": actor__x}
        for key in list(x.keys()):
            x[key] = F.dropout(x[key], self.dropout, self.training)
        edges = {
            "movie__to__director": movie__to__director__edge_index,
            "movie__to__actor": movie__to__actor__edge_index,
            "director__to__movie": director__to__movie__edge_index,
            "actor__to__movie": actor__to__movie__edge_index,
        }
        movies = self.encoder(x, edges)["movie"]
        out = self.lin(F.dropout(movies, self.dropout, self.training))
        result = {"out": out}
        if movie__y is not None and movie__input_id is not None:
            real = seeds_mask(movie__input_id)
            num_seeds = real.shape[0]
            result["loss"] = masked_cross_entropy(out[:num_seeds], movie__y[:num_seeds], real)
        return result

    @torch.jit.unused
    def describe(self) -> dict:
        def tensor(name: str, dtype: str, shape: list, optional: bool = False) -> dict:
            return {"name": name, "dtype": dtype, "shape": shape, "optional": optional}

        features = [
            tensor(f"{name}__x", "float32", [None, self.in_channels[name]])
            for name in IMDB_NODE_TYPES
        ]
        edges = [
            tensor(f"{'__'.join(edge_type)}__edge_index", "int64", [2, None])
            for edge_type in IMDB_EDGE_TYPES
        ]
        labels = [
            tensor("movie__y", "int64", [None], optional=True),
            tensor("movie__input_id", "int64", [None], optional=True),
        ]
        return {
            "inputs": features + edges + labels,
            "outputs": [{"name": "out", "axis": "nodes", "store": "movie"}],
        }


def imdb_sage_gat(in_channels: Dict[str, int], hidden_channels: int, **options) -> ImdbModel:
    """The tutorial's: SAGE between movies and directors, GAT between movies and actors."""
    kinds = {t: "sage" if "director" in t else "gat" for t in IMDB_EDGE_TYPES}
    encoder = HeteroGnn(in_channels, hidden_channels, kinds)
    return ImdbModel(encoder, in_channels, hidden_channels, **options)


def imdb_hgt(
    in_channels: Dict[str, int], hidden_channels: int, heads: int = 2, **options
) -> ImdbModel:
    """The same with the heterogeneous graph transformer."""
    encoder = Hgt(in_channels, hidden_channels, list(IMDB_EDGE_TYPES), heads)
    return ImdbModel(encoder, in_channels, hidden_channels, **options)
