"""graphfeed-worker on the stand-in for the Poplar SDK, fed by a real server: it learns what the
TorchScript worker learns from the same batches, also when its device fails on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess

import numpy as np
import pytest
from worker_process import NUM_GRAPHS, Worker, get, losses, molecules

PROGRAM = os.environ.get("GRAPHFEED_FAKE_POPLAR_WORKER", "")
WRITER = os.environ.get("GRAPHFEED_FAKE_POPEF_MODEL", "")
NODES, EDGES, GRAPHS, FEATURES, HIDDEN, CLASSES = 60, 110, 9, 4, 6, 2
RATE = 0.05
BATCHES = 4  # of a step: 2 device iterations of 2 replicas
# PopART gives inputs names of its own.
ANCHORS = {"x": "input", "edge_index": "input/1", "y": "input/2", "mask": "input/3", "batch": "input/4"}
FIELDS = {"mask": "graphs_mask"}
BIND = ",".join(f"{anchor}={FIELDS.get(name, name)}" for name, anchor in ANCHORS.items())


def torch_model(weights: dict):
    import torch

    class Net(torch.nn.Module):
        """What the stand-in's example model is (tests/fake_poplar/example_model.h)."""

        def __init__(self):
            super().__init__()
            for name, value in weights.items():
                setattr(self, name, torch.nn.Parameter(torch.from_numpy(value)))

        def forward(self, x, edge_index, batch, graphs_mask, y):
            neighbours = torch.zeros_like(x).index_add(0, edge_index[1], x[edge_index[0]])
            h = torch.relu(x @ self.w_self + neighbours @ self.w_neighbour + self.b_hidden)
            pooled = torch.zeros(9, h.shape[1]).index_add(0, batch, h)
            logits = pooled @ self.w_out + self.b_out
            each = torch.nn.functional.cross_entropy(logits, y, reduction="none")
            count = torch.clamp(graphs_mask.sum(), min=1)
            return torch.where(graphs_mask, each, torch.zeros_like(each)).sum() / count

    return torch.jit.script(Net())


@pytest.fixture(scope="module")
def files(tmp_path_factory, client):
    client.ingest("molecules", molecules())
    folder = tmp_path_factory.mktemp("popef")
    random = np.random.default_rng(3)
    shapes = {
        "w_self": (FEATURES, HIDDEN), "w_neighbour": (FEATURES, HIDDEN), "b_hidden": (HIDDEN,),
        "w_out": (HIDDEN, CLASSES), "b_out": (CLASSES,),
    }  # fmt: skip
    weights = {name: random.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    model = {
        "nodes": NODES, "edges": EDGES, "graphs": GRAPHS, "features": FEATURES, "hidden": HIDDEN,
        "classes": CLASSES, "replicas": 2, "device_iterations": 2, "learning_rate": RATE,
        "names": ANCHORS, "weights": {name: value.ravel().tolist() for name, value in weights.items()},
    }  # fmt: skip
    for name, more in {"train": {}, "infer": {"trains": False}}.items():
        done = subprocess.run(
            [WRITER, str(folder / f"{name}.popef")], input=json.dumps({**model, **more}), text=True,
            capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    torch_model(weights).save(str(folder / "model.pt"))
    spec = {
        "strategy": "best-pack", "shuffle": True,
        "options": {"num_graphs": GRAPHS, "num_nodes": NODES, "num_edges": EDGES},
    }  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec))
    return folder


@pytest.fixture
def popef(files, server, tmp_path):
    """A function that starts a worker on devices of this test's own."""

    def start(*arguments: str, inject: str = "", model="train.popef", spec="spec.json") -> Worker:
        return Worker(
            files, server.address, "--executor", "popef", "--bind", BIND, *arguments, model=model,
            spec=spec, program=PROGRAM, environment={"FAKE_POPLAR_DIR": str(tmp_path), "FAKE_POPLAR_INJECT": inject},
        )  # fmt: skip

    return start


def numbers(path) -> np.ndarray:
    return np.array([float(row[3]) for row in losses(path)])


def test_the_losses_are_torchscripts(files, server, popef, tmp_path):
    # Incomplete steps are dropped: the device divides by all its micro-batches, null ones too.
    spec = {**json.loads((files / "spec.json").read_text()), "incomplete_step": "drop"}
    (files / "whole.json").write_text(json.dumps(spec))
    (files / "four.json").write_text(json.dumps({**spec, "micro_batches": BATCHES}))
    epochs = ["--epochs", "3"]
    ours = popef(*epochs, "--loss-log", str(tmp_path / "popef.csv"), spec="whole.json").end()
    assert ours["totals"]["null_batches"] == 0
    # Four micro-batches a step; the stand-in adds up the gradients of two replicas, two times.
    torch = Worker(
        files, server.address, *epochs, "--loss-log", str(tmp_path / "torch.csv"), "--optimizer",
        "sgd", "--learning-rate", str(RATE), "--accumulate", "2", model="model.pt", spec="four.json",
    )  # fmt: skip
    assert torch.end()["totals"] == ours["totals"]
    popef_losses, torch_losses = numbers(tmp_path / "popef.csv"), numbers(tmp_path / "torch.csv")
    np.testing.assert_allclose(popef_losses, torch_losses, rtol=2e-4)
    assert popef_losses[-3:].mean() < 0.9 * popef_losses[:3].mean()


@pytest.mark.parametrize("inject", ["run.main=IPU_RESET@6", "run.main=application@7", "run.main=IPU_RESET@7x2"])
def test_a_reset_repeats_what_was_lost(popef, tmp_path, inject):
    run = ["--epochs", "3", "--checkpoint-steps", "4"]
    popef(*run, "--loss-log", str(tmp_path / "undisturbed.csv")).end()
    worker = popef(*run, "--loss-log", str(tmp_path / "reset.csv"), inject=inject)
    out, err = worker.process.communicate(timeout=120)
    assert worker.process.returncode == 0, err
    end = json.loads(out.splitlines()[-1])
    assert end["totals"]["samples"] == 3 * NUM_GRAPHS
    assert "the device is reset" in err
    undisturbed = {row[:3]: row[3] for row in losses(tmp_path / "undisturbed.csv")}
    with_reset = losses(tmp_path / "reset.csv")
    # Some steps are run twice, and each time have the loss that they have.
    assert len(with_reset) > len(undisturbed)
    assert {row[:3]: row[3] for row in with_reset} == undisturbed
    assert all(undisturbed[row[:3]] == row[3] for row in with_reset)


@pytest.mark.parametrize(
    "inject",
    ["run.main=LINK_RESET@4", "run.main=unrecoverable@4", "run.main=unknown@4",
     "run.main=application@4x2"],
)  # fmt: skip
def test_other_errors_end_the_worker_and_its_checkpoint_stays(popef, tmp_path, inject):
    run = ["--epochs", "3", "--checkpoint-steps", "1", "--checkpoint-dir", str(tmp_path / "run")]
    failed = popef(*run, inject=inject)
    out, err = failed.process.communicate(timeout=120)
    assert failed.process.returncode == 1
    assert json.loads(out.splitlines()[-1])["how"] == "failed"
    assert "injected" in err
    end = popef(*run).end()
    assert end["totals"]["samples"] == 3 * NUM_GRAPHS


def test_sigterm_ends_the_wait_for_a_device(popef):
    holder = popef("--epochs", "100000")
    try:
        holder.until("epoch")
        waiting = popef("--epochs", "1", "--attach-timeout", "600", "--metrics-listen", "127.0.0.1:0")
        waiting.until("listening")
        waiting.process.send_signal(signal.SIGTERM)
        assert waiting.end()["how"] == "stopped"
    finally:
        holder.process.kill()
        holder.process.communicate()


def test_it_says_what_it_runs_on(popef):
    worker = popef("--epochs", "100000", "--metrics-listen", "127.0.0.1:0")
    try:
        address = worker.until("listening")["metrics"]
        worker.until("epoch")
        text = get(address, "/metrics")[1]
        assert 'runtime="fake-poplar"' in text
        worker.process.send_signal(signal.SIGTERM)
        assert worker.end()["how"] == "stopped"
    finally:
        worker.process.kill()


def test_predictions_of_a_packed_epoch_are_in_order(files, server, popef, tmp_path):
    end = popef(
        "--task", "infer", "--predictions", str(tmp_path / "popef"), model="infer.popef"
    ).end()
    assert end["totals"]["samples"] == NUM_GRAPHS
    (name,) = [path.name[:-4] for path in (tmp_path / "popef").glob("*.npy") if ".ids" not in path.name]
    np.testing.assert_array_equal(np.load(tmp_path / "popef" / f"{name}.ids.npy"), np.arange(NUM_GRAPHS))
    logits = np.load(tmp_path / "popef" / f"{name}.npy")
    assert logits.shape == (NUM_GRAPHS, CLASSES)
    assert len(np.unique(logits[:, 0])) > NUM_GRAPHS // 2


def test_another_number_of_micro_batches_is_refused(files, popef):
    spec = json.loads((files / "spec.json").read_text())
    (files / "three.json").write_text(json.dumps({**spec, "micro_batches": 3}))
    worker = popef("--epochs", "1")
    worker.end()
    arguments = [word.replace("spec.json", "three.json") for word in worker.process.args]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "micro_batches is 3; a step of the model takes 4" in done.stderr
