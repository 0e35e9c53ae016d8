"""One dataset for all tests of workers."""

import pytest

torch = pytest.importorskip("torch")
from worker_parts import graphs  # noqa: E402


@pytest.fixture(scope="session")
def rings(client):
    client.ingest("worker-rings", graphs())
    return client.dataset("worker-rings")
