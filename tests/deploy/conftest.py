"""One busy server, and Prometheus, for all tests."""

import time

import pytest
from busy_server import RULES, Busy
from prometheus import Prometheus


@pytest.fixture(scope="session")
def busy(tmp_path_factory):
    running = Busy(tmp_path_factory.mktemp("busy"))
    yield running
    assert running.stop() == 0
    assert not running.errors, running.errors


@pytest.fixture(scope="session")
def prometheus(busy, tmp_path_factory):
    """Has scraped the server, and evaluated the rules, for long enough that rates have values."""
    running = Prometheus(
        tmp_path_factory.mktemp("prometheus"), busy.server.metrics, rules=RULES, interval="1s"
    )
    try:
        deadline = time.monotonic() + 60
        while running.query("min(count_over_time(graphfeed_ready[1m])) >= 6") is None:
            assert time.monotonic() < deadline, "Prometheus has scraped nothing"
            time.sleep(0.2)
        yield running
    finally:
        running.close()
