"""What the documents say is tried out."""

import json
import os
import pathlib
import re
import subprocess

import numpy as np
import pytest
from shared_data import shared_dir

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
