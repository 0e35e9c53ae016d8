"""A real server for every test of the Python package.

With GRAPHFEED_TEST_OVER=rados the tests' common server keeps its data in the Ceph cluster of
GRAPHFEED_TEST_CEPH (tests/support/ceph_cluster.py). With GRAPHFEED_TEST_OVER=local the tests' common server is none: it is a data folder that the tests'
process serves to itself. Servers that tests start themselves stay what they are; what asks for the
common server's process is skipped.

GRAPHFEED_SERVER and GRAPHFEED_CLI name the programs; PYTHONPATH leads to the built package. The
recorded cases and real datasets lie in GRAPHFEED_SHARED_DIR (default: beside the project).
"""

from __future__ import annotations

import itertools
import os
import pathlib
import sys

import pytest

import graphfeed as gf

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
from over_local import is_core, reason_to_skip  # noqa: E402
from server_process import LocalFolder, Server  # noqa: E402

OVER_LOCAL = os.environ.get("GRAPHFEED_TEST_OVER") == "local"
OVER_RADOS = os.environ.get("GRAPHFEED_TEST_OVER") == "rados"


PORTABLE = os.environ.get("GRAPHFEED_CLIENT") == "python"

# With the client in Python: what takes long and looks at what lies above both clients. Only with
# GRAPHFEED_LONG=1 where GRAPHFEED_CORE=1 asks for less (ctest does).
ABOVE = (
    "python/worker/", "test_readers", "test_planetoid", "test_large_graphs", "test_stateful_torch",
    "test_receive_memory", "test_exits.py::test_a_process_ends_quietly_with_its_code[early break",
    "test_resume.py::test_torch_workers", "test_resume.py::test_a_training_run",
    "test_training_examples", "test_tutorials", "test_documents", "test_package", "test_floor",
)  # fmt: skip


def left_out(item) -> bool:
    """Whether a test is not for each time, since another run of the suite has it."""
    if "GRAPHFEED_LONG" in os.environ:
        return False
    if OVER_LOCAL or OVER_RADOS:
        return not is_core(item.path.stem)
    return os.environ.get("GRAPHFEED_CORE") == "1" and any(part in item.nodeid for part in ABOVE)


def pytest_collection_modifyitems(config, items) -> None:
    config.hook.pytest_deselected(items=[item for item in items if left_out(item)])
    items[:] = [item for item in items if not left_out(item)]
    for item in items:
        if OVER_LOCAL and (reason := reason_to_skip(item.name)):
            item.add_marker(pytest.mark.skip(reason=f"over local: {reason}"))
        module = item.path.stem
        if (PORTABLE and module == "test_local") or (OVER_LOCAL and module == "test_portable"):
            item.add_marker(pytest.mark.skip(reason="the portable client has no server within it"))


def require_server() -> None:
    if "GRAPHFEED_SERVER" not in os.environ:
        pytest.fail("GRAPHFEED_SERVER must name the graphfeed-server program (ctest sets it)")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for all tests; they use datasets of their own."""
    require_server()
    if OVER_LOCAL:
        yield LocalFolder(tmp_path_factory.mktemp("data"))
        return
    data = tmp_path_factory.mktemp("data")
    if OVER_RADOS:
        conf = os.environ["GRAPHFEED_TEST_CEPH"] + "/ceph.conf"
        data = f"rados://graphfeed/{data.parent.name}?conf={conf}&id=feed"
    running = Server(data)
    yield running
    assert running.stop() == 0, "the server must stop cleanly"


@pytest.fixture
def start_server(tmp_path):
    """A function that starts further servers, each with an empty folder unless told."""
    require_server()
    started = []

    def start(data_dir: pathlib.Path | None = None, *arguments: str, **options) -> Server:
        folder = data_dir or tmp_path / f"data{len(started)}"
        folder.mkdir(exist_ok=True)
        started.append(Server(folder, *arguments, **options))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.kill()


@pytest.fixture(scope="session")
def client(server) -> gf.Client:
    return gf.connect(server.address)


_numbers = itertools.count()


@pytest.fixture
def ingest(client):
    """A function that ingests graphs under a fresh name and returns the dataset."""

    def run(graphs, **options) -> gf.Dataset:
        info = client.ingest(f"test-{next(_numbers)}", graphs, **options)
        return client.dataset(info.name)

    return run
