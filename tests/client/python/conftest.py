"""Single graphs at a server, for all tests of sampled loaders."""

import numpy as np
import pytest
from sampled_graphs import HOMOGENEOUS, TYPED


@pytest.fixture(scope="session")
def homogeneous(client):
    client.ingest("sampled-homogeneous", HOMOGENEOUS)
    return client.dataset("sampled-homogeneous")


@pytest.fixture(scope="session")
def typed(client):
    client.ingest("sampled-typed", TYPED)
    return client.dataset("sampled-typed")


@pytest.fixture(params=["homogeneous", "typed"])
def graph(request, homogeneous, typed):
    """(dataset, its graph, arguments that name 17 seeds, the seeds' store of a batch)."""
    if request.param == "homogeneous":
        return homogeneous, HOMOGENEOUS, {"input_nodes": np.arange(3, 20)}, lambda batch: batch
    seeds = ("movie", np.arange(3, 20))
    return typed, TYPED, {"input_nodes": seeds}, lambda batch: batch["movie"]
