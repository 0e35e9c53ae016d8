"""The popef executor on the fake trains as torch's autograd does on the same batches.

The fake's arithmetic and derivatives are written by hand; torch knows nothing of them. States are
read here from the format that client/worker/popef_state.h documents.
"""

from __future__ import annotations

import json
import os
import pathlib
import struct
import subprocess

import numpy as np
import pytest
import torch

BIN = pathlib.Path(os.environ["GRAPHFEED_POPEF_TESTS"])
WRITER = os.environ["GRAPHFEED_FAKE_POPEF_MODEL"]

NODES, EDGES, FEATURES, HIDDEN, CLASSES = 12, 30, 5, 8, 3
RATE = 0.03


def weights(rng: np.random.Generator) -> dict[str, np.ndarray]:
    shapes = {
        "w_self": (FEATURES, HIDDEN),
        "w_neighbour": (FEATURES, HIDDEN),
        "b_hidden": (HIDDEN,),
        "w_out": (HIDDEN, CLASSES),
        "b_out": (CLASSES,),
    }
    return {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}


def micro_batch(rng: np.random.Generator, graphs: int, real: bool) -> dict[str, np.ndarray]:
    """A graph, or `graphs` of them, whose last row is padding; not real: all rows are."""
    rows = graphs or NODES
    mask = np.arange(rows) < rows - 1 if real else np.zeros(rows, bool)
    batch = {
        "x": rng.normal(0, 1, (NODES, FEATURES)).astype(np.float32),
        "edge_index": rng.integers(0, NODES, (2, EDGES)),
        "y": rng.integers(0, CLASSES, rows),
        "mask": mask,
    }
    if graphs:
        batch["batch"] = np.sort(rng.integers(0, graphs, NODES))
    return batch


def reference(parameters: dict[str, torch.Tensor], batch: dict, graphs: int) -> torch.Tensor:
    x = torch.from_numpy(batch["x"])
    source, target = torch.from_numpy(batch["edge_index"])
    neighbours = torch.zeros_like(x).index_add(0, target, x[source])
    h = x @ parameters["w_self"] + neighbours @ parameters["w_neighbour"] + parameters["b_hidden"]
    h = torch.relu(h)
    if graphs:
        h = h.new_zeros(graphs, HIDDEN).index_add(0, torch.from_numpy(batch["batch"]), h)
    logits = h @ parameters["w_out"] + parameters["b_out"]
    losses = torch.nn.functional.cross_entropy(
        logits, torch.from_numpy(batch["y"]), reduction="none"
    )
    mask = torch.from_numpy(batch["mask"])
    return torch.where(mask, losses, losses.new_zeros(())).sum() / mask.sum().clamp(min=1)


def train_reference(parameters, steps, graphs, iterations, replicas, learning_rate):
    """The mean loss of each step; the parameters change in place."""
    optimizer = torch.optim.SGD(parameters.values(), lr=learning_rate)
    means = []
    for step in steps:
        losses = []
        for i in range(iterations):
            of_replicas = [
                reference(parameters, step[i * replicas + r], graphs) for r in range(replicas)
            ]
            loss = torch.stack(of_replicas).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        means.append(np.mean(losses))
    return means


def read_state(state: bytes) -> dict[str, np.ndarray]:
    assert state[:8] == b"GFPOPEF1"
    position = 8

    def integer() -> int:
        nonlocal position
        position += 8
        return struct.unpack_from("<Q", state, position - 8)[0]

    def text() -> bytes:
        nonlocal position
        size = integer()
        position += size
        return state[position - size : position]

    tensors = {}
    for _ in range(integer()):
        name, dtype = text().decode(), text()
        shape = [integer() for _ in range(integer())]
        assert dtype == b"F32"
        tensors[name] = np.frombuffer(text(), "<f4").reshape(shape)
    assert len(state) - position == 16  # the digest
    return tensors


@pytest.mark.parametrize("graphs", [0, 4])
@pytest.mark.parametrize("iterations, replicas, buffering", [(1, 1, 1), (3, 1, 2), (2, 2, 3)])
def test_losses_and_weights_equal_torch(tmp_path, graphs, iterations, replicas, buffering):
    rng = np.random.default_rng(11)
    initial = weights(rng)
    steps = [
        [micro_batch(rng, graphs, real=rng.random() > 0.15) for _ in range(iterations * replicas)]
        for _ in range(4)
    ] * 3  # three epochs
    shapes = {
        "nodes": NODES, "edges": EDGES, "features": FEATURES, "hidden": HIDDEN, "classes": CLASSES,
        "graphs": graphs, "replicas": replicas, "device_iterations": iterations,
        "buffering": buffering, "learning_rate": RATE,
    }  # fmt: skip
    model = shapes | {"weights": {name: value.ravel().tolist() for name, value in initial.items()}}
    subprocess.run(
        [WRITER, tmp_path / "model.popef"], input=json.dumps(model), text=True, check=True
    )
    columns = [
        {
            name: np.concatenate([batch[name].ravel() for batch in step]).astype(
                np.float64 if name == "x" else np.int64
            ).tolist()
            for name in step[0]
        }
        for step in steps
    ]
    done = subprocess.run(
        [BIN / "popef_losses", tmp_path / "model.popef"],
        input=json.dumps({"shapes": shapes, "steps": columns}),
        text=True,
        check=True,
        stdout=subprocess.PIPE,
        env=os.environ | {"FAKE_POPLAR_DIR": str(tmp_path), "FAKE_POPLAR_DEVICES": "1,2"},
    )
    result = json.loads(done.stdout)
    assert result["runtime"] == "fake-poplar"

    parameters = {
        name: torch.tensor(value, requires_grad=True) for name, value in initial.items()
    }
    expected = train_reference(parameters, steps, graphs, iterations, replicas, RATE)
    assert np.mean(expected[-4:]) < np.mean(expected[:4])
    np.testing.assert_allclose(result["losses"], expected, rtol=2e-5, atol=1e-6)
    state = read_state(bytes.fromhex(result["state"]))
    assert state.pop("learning_rate") == np.float32(RATE)
    assert state.keys() == parameters.keys()
    for name, value in state.items():
        np.testing.assert_allclose(value, parameters[name].detach(), rtol=1e-4, atol=2e-6)
        assert not np.array_equal(value, initial[name])
