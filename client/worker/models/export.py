#!/usr/bin/python3
"""Writes a model as a TorchScript file for graphfeed-worker.

    export.py gin --out gin.pt --in-channels 7 --num-graphs 10
    export.py gcn-nodes --out gcn.pt --in-channels 1433 --num-classes 7

Beside the model the file holds `graphfeed.json`, which says what it takes and gives:

    {"version": 1,
     "inputs": [{"name": "x", "dtype": "float32", "shape": [null, 7], "optional": false}, ...],
     "outputs": [{"name": "out", "axis": "graphs", "store": ""}],
     "param_groups": [{"prefix": "conv1.", "weight_decay": 0.0005}]}

Inputs are forward's arguments and fields of a batch: `x`, `movie__x`,
`movie__to__actor__edge_index`. A shape is that of one micro-batch, null any size. Optional inputs
are labels, which inference goes without. Outputs have a row per graph or per node of a store,
padding included; param_groups set an optimizer's options for parameters by the beginning of their
names.
"""

from __future__ import annotations

import argparse
import json
import os

import torch
from graph_models import GcnForGraphs, Gin, GraphTask
from hetero_models import IMDB_NODE_TYPES, imdb_hgt, imdb_sage_gat
from node_models import GcnForNodes

VERSION = 1


def description(model: torch.nn.Module) -> dict:
    """What `graphfeed.json` says of a model."""
    return {"version": VERSION, **model.describe()}


def save(model: torch.nn.Module, path: str | os.PathLike) -> None:
    """Compiles the model and writes it with its description. What is not on disk whole is not
    there."""
    temporary = f"{os.fspath(path)}.tmp"
    extra = {"graphfeed.json": json.dumps(description(model))}
    torch.jit.save(torch.jit.script(model), temporary, _extra_files=extra)
    os.replace(temporary, path)


def _task(args: argparse.Namespace) -> GraphTask:
    return GraphTask(
        args.num_classes, target=args.target, mean=args.target_mean, std=args.target_std
    )


def _gcn(args: argparse.Namespace) -> torch.nn.Module:
    return GcnForGraphs(
        args.in_channels, args.hidden_channels, args.num_graphs, _task(args), args.dropout
    )


def _gin(args: argparse.Namespace) -> torch.nn.Module:
    return Gin(
        args.in_channels, args.hidden_channels, args.num_graphs, _task(args),
        edge_channels=args.edge_channels, num_layers=args.num_layers, dropout=args.dropout,
        pool=args.pool,
    )  # fmt: skip


def _gcn_nodes(args: argparse.Namespace) -> torch.nn.Module:
    return GcnForNodes(
        args.in_channels, args.hidden_channels, args.num_classes, args.dropout,
        as_tutorial=args.as_tutorial, weight_decay=args.weight_decay,
    )  # fmt: skip


def _imdb(make):
    def run(args: argparse.Namespace) -> torch.nn.Module:
        channels = dict.fromkeys(IMDB_NODE_TYPES, args.in_channels)
        return make(
            channels, args.hidden_channels, num_classes=args.num_classes, dropout=args.dropout
        )

    return run


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    models = parser.add_subparsers(dest="model", required=True)

    def add(name: str, make, help: str, hidden: int, classes: int,
            dropout: float = 0.5) -> argparse.ArgumentParser:  # fmt: skip
        command = models.add_parser(name, help=help, description=help)
        command.set_defaults(make=make)
        command.add_argument("--out", required=True, metavar="FILE", help="the file to write")
        command.add_argument("--seed", type=int, default=0, help="of the weights")
        command.add_argument("--hidden-channels", type=int, default=hidden)
        command.add_argument("--num-classes", type=int, default=classes)
        command.add_argument("--dropout", type=float, default=dropout)
        return command

    for name, make, help, hidden, dropout in (
        ("gcn", _gcn, "GCN for graphs (tutorials 3 and 4)", 64, 0.5),
        ("gin", _gin, "graph isomorphism network", 32, 0.0),
    ):
        command = add(name, make, help, hidden, 2, dropout)
        command.add_argument("--in-channels", type=int, required=True, help="features of a node")
        command.add_argument(
            "--num-graphs", type=int, required=True, help="graphs of a batch, padding included"
        )
        command.add_argument(
            "--target", type=int, default=0, help="column of y, with --num-classes 0: a number"
        )
        command.add_argument("--target-mean", type=float, default=0.0)
        command.add_argument("--target-std", type=float, default=1.0)
    command.add_argument("--edge-channels", type=int, default=0, help="features of an edge")
    command.add_argument("--num-layers", type=int, default=3)
    command.add_argument("--pool", choices=("sum", "mean"), default="sum")

    command = add("gcn-nodes", _gcn_nodes, "GCN for nodes (tutorials 1 and 2)", 16, 7)
    command.add_argument("--in-channels", type=int, required=True, help="features of a node")
    command.add_argument("--weight-decay", type=float, default=5e-4, help="of the first layer")
    command.add_argument("--as-tutorial", action="store_true", help="the set-up of tutorial 2")

    for name, make, help in (
        ("imdb-sage-gat", _imdb(imdb_sage_gat), "IMDB: a convolution per edge type (tutorial 6)"),
        ("imdb-hgt", _imdb(imdb_hgt), "IMDB: heterogeneous graph transformer (tutorial 6)"),
    ):
        command = add(name, make, help, 64, 3)
        command.add_argument("--in-channels", type=int, default=3066, help="features of a node")
    return parser


def main(arguments: list | None = None) -> None:
    args = _parser().parse_args(arguments)
    torch.manual_seed(args.seed)
    model = args.make(args)
    save(model, args.out)
    parameters = sum(parameter.numel() for parameter in model.parameters())
    print(f"{args.out}: {args.model}, {parameters} parameters")


if __name__ == "__main__":
    main()
