"""A Ceph cluster for all tests of the folder, and servers on it."""

from __future__ import annotations

import itertools
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import ceph_cluster  # noqa: E402
from server_process import Server  # noqa: E402

_numbers = itertools.count()


def pytest_collection_modifyitems(config, items) -> None:
    if lacking := ceph_cluster.missing():
        print(f"\n*** CEPH IS NOT TESTED: there is no {lacking} ***\n", file=sys.__stderr__)
        for item in items:
            item.add_marker(pytest.mark.skip(reason=f"there is no {lacking}"))


@pytest.fixture(scope="session")
def ceph():
    with ceph_cluster.running() as cluster:
        yield cluster


@pytest.fixture
def space() -> str:
    """A namespace of the pool that nobody has used."""
    return f"space{next(_numbers)}"


@pytest.fixture
def tell(capfd):
    """A function that prints what the test has measured, also if it passes."""

    def say(text: str) -> None:
        with capfd.disabled():
            print(f"\n{text}", file=sys.stderr, flush=True)

    return say


@pytest.fixture
def start():
    """A function that starts a server on a store."""
    started = []

    def run(store: str | pathlib.Path, *arguments: str, **options) -> Server:
        started.append(Server(store, "--drain-timeout", "5s", *arguments, **options))
        return started[-1]

    yield run
    for server in started:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def command():
    """A function that runs `graphfeed` and returns what it prints, or fails with what it says."""

    def run(*arguments: object) -> str:
        done = subprocess.run(
            [os.environ["GRAPHFEED_CLI"], *map(str, arguments)], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run
