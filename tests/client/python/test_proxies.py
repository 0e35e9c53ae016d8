"""Proxies of the environment: used, but for the hosts that no_proxy names."""

import os
import socket
import subprocess
import sys
import threading

import pytest

ASK = """
import sys, graphfeed as gf
client = gf.connect(sys.argv[1], timeout=5, use_proxy=sys.argv[2] == "True")
try:
    client.datasets()
    print("answered")
except gf.Unavailable:
    print("unavailable")
"""


@pytest.fixture
def proxy():
    """(its address, a list that counts connections); it ends them without an answer."""
    listener = socket.create_server(("127.0.0.1", 0))
    seen = []

    def run():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            seen.append(connection.recv(7))
            connection.close()

    threading.Thread(target=run, daemon=True).start()
    yield "http://127.0.0.1:%d" % listener.getsockname()[1], seen
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


NAMED, NUMBER = "localhost", "127.0.0.1"


@pytest.mark.parametrize(
    "host, no_proxy, use_proxy, answered",
    [
        (NAMED, None, True, False),
        (NAMED, "localhost", True, True),
        (NAMED, "example.org, LOCALHOST", True, True),
        (NAMED, "host", True, True),
        (NAMED, "*", True, True),
        (NAMED, "example.org", True, False),
        (NUMBER, "127.0.0.1", True, True),
        (NUMBER, "localhost", True, False),
        (NAMED, None, False, True),
        (NUMBER, None, False, True),
    ],
)
def test_the_proxy_is_asked_unless_it_is_not_to_be(
    host, no_proxy, use_proxy, answered, proxy, server
):
    address, seen = proxy
    names = ("grpc_proxy", "https_proxy", "http_proxy", "no_grpc_proxy", "no_proxy")
    environment = {key: value for key, value in os.environ.items() if key not in names}
    environment["http_proxy"] = address
    if no_proxy is not None:
        environment["no_proxy"] = no_proxy
    endpoint = f"{host}:{server.address.rpartition(':')[2]}"
    asked = subprocess.run(
        [sys.executable, "-c", ASK, endpoint, str(use_proxy)],
        capture_output=True, text=True, env=environment, timeout=60,
    )  # fmt: skip
    assert asked.stdout.split() == ["answered" if answered else "unavailable"], asked.stderr
    if not answered:
        assert seen and seen[0] == b"CONNECT"
    listed = subprocess.run(
        [os.environ["GRAPHFEED_CLI"], "ls", "--server", endpoint, "--timeout", "5",
         *([] if use_proxy else ["--no-proxy"])],
        capture_output=True, text=True, env=environment, timeout=60,
    )  # fmt: skip
    assert (listed.returncode == 0) == answered
