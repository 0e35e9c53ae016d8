"""What the documents say is tried out."""

import json
import os
import pathlib
import re
import subprocess
from typing import Optional

import numpy as np
import pytest
from shared_data import shared_dir

import graphfeed as gf

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_the_schema_of_imdb_imports_all_of_it(client, server, tmp_path):
    data = shared_dir("data")
    if data is None:
        pytest.skip("the datasets are absent")
    source = data / "imdb"
    text = (ROOT / "docs" / "importing.md").read_text()
    (schema,) = [b for b in re.findall(r"```json\n(.*?)```", text, re.S) if "director_x" in b]
    assert json.loads(schema)
    for file in source.glob("*.npy"):
        (tmp_path / file.name).symlink_to(file)
    (tmp_path / "schema.json").write_text(schema)
    subprocess.run(
        [os.environ["GRAPHFEED_CLI"], "import", "npy", str(tmp_path), "--server", server.address,
         "--name", "imdb-of-the-document"],
        check=True, capture_output=True,
    )  # fmt: skip
    dataset = client.dataset("imdb-of-the-document")
    for mask in ("train_mask", "val_mask", "test_mask"):
        expected = np.load(source / f"movie_{mask}.npy")
        np.testing.assert_array_equal(dataset[0]["movie"][mask], expected)


def test_the_snippets_about_workers_run(client, tmp_path, monkeypatch):
    """All of them, one after the other, with a dataset and a model at hand."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("prometheus_client")
    torch.set_num_threads(1)
    monkeypatch.syspath_prepend(str(ROOT / "client" / "worker" / "models"))
    from graph_models import GcnForGraphs, GraphTask

    monkeypatch.chdir(tmp_path)
    graphs = [
        {"x": np.full((n, 3), n, np.float32), "edge_index": np.tile(np.arange(n), (2, 1)),
         "y": np.array([n % 2])}
        for n in range(2, 22)
    ]  # fmt: skip
    client.ingest("documented-graphs", graphs)
    model = GcnForGraphs(3, 8, num_graphs=10, task=GraphTask(2))
    names = {
        "client": client,
        "dataset": client.dataset("documented-graphs"),
        "graphs": graphs,
        "model": model,
        "optimizer": torch.optim.Adam(model.parameters()),
        "torch": torch,
        "F": torch.nn.functional,
        "Optional": Optional,
        "json": json,
    }
    text = (ROOT / "docs" / "workers.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(snippets) == 7
    for i, snippet in enumerate(snippets):
        path = tmp_path / f"snippet{i}.py"  # TorchScript reads the source
        path.write_text(snippet)
        exec(compile(snippet, str(path), "exec"), names)
        if "known" in snippet:
            assert names["loss"] == 0
    assert (tmp_path / "run").is_dir() and names["worker"].position == (2, 0)
    assert client.dataset("mutag-loops").info.transforms
    assert isinstance(names["metrics"], gf.WorkerMetrics)


def test_the_snippet_about_heterogeneous_graphs_runs(client):
    text = (ROOT / "client" / "python" / "README.md").read_text()
    (snippet,) = [s for s in re.findall(r"```python\n(.*?)```", text, re.S) if '"buys"' in s]
    names = {"client": client, "gf": gf, "np": np}
    exec(compile(snippet, "client/python/README.md", "exec"), names)
    dataset, batch = names["dataset"], names["batch"]
    assert dataset.info.heterogeneous and not dataset.info.collection
    assert batch["item"].input_id.tolist() == [0, 1] and batch["user"].x.shape == (3, 4)
    assert batch["user", "buys", "item"].edge_index.shape == (2, 3)
    client.ingest("shops", [names["shop"]] * 4)
    assert len(client.dataset("shops")) == 4


def test_the_commands_about_models_run(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(ROOT / "client" / "worker" / "models"))
    import export

    monkeypatch.chdir(tmp_path)
    text = (ROOT / "docs" / "workers.md").read_text()
    commands = re.findall(r"^    /usr/bin/python3 (client/worker/models/export.py .*)$", text, re.M)
    assert len(commands) == 3
    for command in commands:
        export.main(command.split()[1:])
    assert len(list(tmp_path.glob("*.pt"))) == 3
