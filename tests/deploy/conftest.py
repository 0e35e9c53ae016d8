"""One busy server, and Prometheus, for all tests."""

import time

import pytest
import yaml
from busy_server import PROMETHEUS, RULES, Busy
from prometheus import Prometheus


@pytest.fixture(scope="session")
def busy(tmp_path_factory):
    running = Busy(tmp_path_factory.mktemp("busy"))
    yield running
    assert running.stop() == 0
    assert not running.errors, running.errors


@pytest.fixture(scope="session")
def prometheus(busy, tmp_path_factory):
    """Has scraped both servers, as the example of a configuration says, and evaluated the rules, for
    long enough that rates have values."""
    (servers, _) = yaml.safe_load(PROMETHEUS.read_text())["scrape_configs"]
    servers["static_configs"][0]["targets"] = [busy.server.metrics, busy.follower.metrics]
    running = Prometheus(
        tmp_path_factory.mktemp("prometheus"), rules=RULES, interval="1s", scrape_configs=[servers]
    )
    try:
        deadline = time.monotonic() + 60
        while running.query("count(count_over_time(graphfeed_in_sync[1m]) >= 6) == 2") is None:
            assert time.monotonic() < deadline, "Prometheus has scraped nothing"
            time.sleep(0.2)
        yield running
    finally:
        running.close()
