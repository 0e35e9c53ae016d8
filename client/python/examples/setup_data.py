"""What the tutorials share: the command line, and bringing a dataset to the server once."""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import graphfeed as gf


def arguments(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--server", required=True, metavar="HOST:PORT", help="a running server")
    parser.add_argument(
        "--data", required=True, type=pathlib.Path, metavar="DIR", help="folder of the datasets"
    )
    return parser


def dataset(client: gf.Client, name: str, bring: Callable[[], Any]) -> gf.Dataset:
    """The dataset, which `bring` brings to the server if it is not there."""
    try:
        return client.dataset(name)
    except gf.NotFound:
        bring()
        return client.dataset(name)


def import_tu(server: str, folder: pathlib.Path, name: str) -> None:
    """Imports a TU dataset (NAME_A.txt and so on) with the command-line tool, which GRAPHFEED_CLI
    names or PATH leads to."""
    tool = os.environ.get("GRAPHFEED_CLI") or shutil.which("graphfeed")
    if tool is None:
        sys.exit("the command `graphfeed` is not in PATH; name it by GRAPHFEED_CLI")
    command = [tool, "import", "tu", folder, "--name", name, "--server", server]
    subprocess.run(command, check=True, stdout=sys.stderr)


def mutag(args: argparse.Namespace, client: gf.Client) -> gf.Dataset:
    """188 molecules, each one mutagenic or not."""
    return dataset(
        client, "mutag", lambda: import_tu(args.server, args.data / "MUTAG", "mutag")
    )


def cora(args: argparse.Namespace, client: gf.Client, name: str, transforms: list) -> gf.Dataset:
    """The citation graph, with transforms that the server runs once, at ingest."""

    def bring() -> None:
        graph = gf.read_planetoid(args.data / "cora" / "raw", "cora")
        client.ingest(name, graph, transforms=transforms)

    return dataset(client, name, bring)
