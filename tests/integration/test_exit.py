"""The server's program ends soon after SIGTERM, whoever was connected."""

import exit_times
import pytest


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    exit_times.fill(folder)
    return folder


@pytest.mark.parametrize("kind", exit_times.KINDS)
def test_a_server_exits_at_once(kind, data_dir):
    # What this catches takes 9 s and more; a machine that is busy takes a while for everything.
    assert exit_times.exit_time(kind, data_dir) < exit_times.DRAIN_SECONDS + 7
