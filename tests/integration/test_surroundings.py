"""What a server does when the machine around it is not as it should be: ports that are taken."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest


@pytest.mark.parametrize("flag", ["--listen", "--metrics-listen"])
def test_a_port_that_is_taken_is_named_and_nothing_is_served(tmp_path, flag):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = subprocess.run(
            [os.environ["GRAPHFEED_SERVER"], "--data-dir", str(tmp_path / "data"),
             "--listen", "127.0.0.1:0", f"{flag}={address}"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert address in done.stderr and "UNAVAILABLE" in done.stderr
    assert done.stdout == ""  # nobody is told that it listens
