#!/usr/bin/python3
"""Takes the weights out of a checkpoint of graphfeed-worker (TorchScript).

    weights.py CHECKPOINT --out FILE

Writes what torch.load reads: a dict of tensors by their names, parameters and buffers, as
module.load_state_dict takes it.
"""

from __future__ import annotations

import argparse
import io
import json
import pathlib

import torch

MAGIC = b"graphfeed checkpoint 1\n"


def read(path: pathlib.Path) -> tuple[dict, dict[str, torch.Tensor]]:
    """The header (docs/workers.md) and the weights."""
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise SystemExit(f"{path} is no checkpoint of graphfeed-worker")
    begin = len(MAGIC) + 8
    length = int.from_bytes(data[len(MAGIC) : begin], "little")
    header = json.loads(data[begin : begin + length])
    if header["runtime"] != "torchscript":
        raise SystemExit(f"{path} is of {header['runtime']}, not of torchscript")
    archive = torch.jit.load(io.BytesIO(data[begin + length : -8]))
    named = [*archive.named_parameters(recurse=False), *archive.named_buffers(recurse=False)]
    return header, {name: value.detach() for name, value in named}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--out", required=True, metavar="FILE")
    args = parser.parse_args()
    header, weights = read(args.checkpoint)
    torch.save(weights, args.out)
    print(f"{args.out}: {len(weights)} tensors, step {header['totals']['steps']}")


if __name__ == "__main__":
    main()
