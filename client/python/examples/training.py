"""What the training examples share: the models, the loss as a picture, and how a run is told."""

from __future__ import annotations

import argparse
import html
import math
import pathlib
import sys
from collections.abc import Mapping, Sequence

import setup_data
import torch

import graphfeed as gf

MODELS = pathlib.Path(__file__).resolve().parents[2] / "worker" / "models"
sys.path.insert(0, str(MODELS))


def arguments(description: str, epochs: int) -> argparse.ArgumentParser:
    parser = setup_data.arguments(description)
    parser.add_argument("--epochs", type=int, default=epochs)
    parser.add_argument("--checkpoint-dir", type=pathlib.Path, metavar="DIR", help="go on from there")
    parser.add_argument("--metrics-listen", metavar="HOST:PORT", help="serve the worker's metrics")
    parser.add_argument("--report", action="store_true", help="tell the server how the worker does")
    parser.add_argument("--plot", type=pathlib.Path, metavar="FILE", help="the loss, as .svg or .png")
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    return parser


def worker_options(args: argparse.Namespace, run: str) -> dict:
    """Of a worker whose checkpoints are those of `run`."""
    folder = None if args.checkpoint_dir is None else args.checkpoint_dir / run
    return {"checkpoint_dir": folder, "metrics_listen": args.metrics_listen, "report": args.report}


def seeded(seed: int, threads: int) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(threads)


class Curve:
    """The loss of every step."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def __call__(self, step: gf.Step) -> None:
        if step.loss is not None:
            self.losses.append(step.loss)


class Waits:
    """How much of all runs' steps was spent waiting for data, by the workers' own metrics."""

    def __init__(self) -> None:
        self._waited = self._steps = 0.0

    def add(self, worker: gf.Worker) -> None:
        report = worker.metrics.report()
        self._waited += report["data_stall_seconds"]
        self._steps += report["step_seconds_sum"]

    def __str__(self) -> str:
        share = self._waited / max(self._waited + self._steps, 1e-9)
        return f"waiting for data: {share:.1%} of the time of steps"


def plot(path: pathlib.Path, title: str, curves: Mapping[str, Sequence[float]]) -> None:
    """Losses by step: .svg without any library, others by matplotlib."""
    if path.suffix == ".svg":
        path.write_text(_svg(title, curves))
        return
    try:
        import matplotlib.figure
    except ImportError:
        sys.exit(f"{path} needs matplotlib (Debian: python3-matplotlib); a .svg needs nothing")
    figure = matplotlib.figure.Figure()
    axes = figure.subplots()
    for label, losses in curves.items():
        axes.plot(range(1, len(losses) + 1), losses, label=label)
    axes.set(title=title, xlabel="step", ylabel="loss")
    axes.grid(True)
    axes.legend()
    figure.savefig(path)


def _svg(title: str, curves: Mapping[str, Sequence[float]]) -> str:
    width, height, left, top, bottom = 720, 400, 60, 40, 360
    finite = [loss for losses in curves.values() for loss in losses if math.isfinite(loss)]
    highest, lowest = max(finite, default=1.0), min(finite, default=0.0)
    span = (highest - lowest) or 1.0
    steps = max((len(losses) for losses in curves.values()), default=1)

    def at(step: int, loss: float) -> str:
        x = left + (width - left - 20) * step / max(steps - 1, 1)
        return f"{x:.1f},{bottom - (bottom - top) * (loss - lowest) / span:.1f}"

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{left}" y="24" font-size="15">{html.escape(title)}</text>',
        f'<path d="M{left},{top}V{bottom}H{width - 20}" fill="none" stroke="black"/>',
    ]
    for quarter in range(5):
        loss = lowest + span * quarter / 4
        _, y = at(0, loss).split(",")
        parts.append(f'<text x="{left - 6}" y="{y}" text-anchor="end">{loss:.3g}</text>')
    parts.append(f'<text x="{width - 20}" y="{bottom + 18}" text-anchor="end">step {steps}</text>')
    for number, (label, losses) in enumerate(curves.items()):
        color = f"hsl({number * 137 % 360},70%,40%)"
        points = " ".join(at(i, loss) for i, loss in enumerate(losses) if math.isfinite(loss))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{color}"/>')
        parts.append(
            f'<text x="{width - 20}" y="{top + 14 * number}" text-anchor="end" fill="{color}">'
            f"{html.escape(label)}</text>"
        )
    return "\n".join([*parts, "</svg>", ""])
