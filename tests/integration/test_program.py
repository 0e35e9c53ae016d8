"""The server's program: what it says and how it exits."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from server_process import Server


def run(*arguments: str) -> subprocess.CompletedProcess:
    """Runs the program to its end."""
    environment = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "ASAN_OPTIONS")}
    return subprocess.run(
        [os.environ["GRAPHFEED_SERVER"], *arguments],
        capture_output=True, text=True, timeout=60, env=environment,
    )  # fmt: skip


def test_version_and_help_go_to_standard_output():
    for flag, text in (("--version", "graphfeed-server "), ("--help", "--memory-budget BYTES=1G")):
        done = run(flag)
        assert done.returncode == 0
        assert text in done.stdout
        assert done.stderr == ""


@pytest.mark.parametrize("level", ["off", "ERROR", "info"])
def test_why_a_start_failed_is_said_at_every_log_level(tmp_path, level):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run("--data-dir", str(tmp_path), "--listen", address, "--log-level", level)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f'graphfeed-server: UNAVAILABLE: cannot listen on "{address}"' in done.stderr


def test_flags_that_are_wrong_exit_with_two(tmp_path):
    done = run("--data-dir", str(tmp_path), "--log-level", "chatty")
    assert done.returncode == 2
    assert done.stderr.startswith('graphfeed-server: --log-level: "chatty"; trace, debug, info')
    done = run("--data-dir", str(tmp_path), "--listen", "localhost")
    assert done.returncode == 2
    assert '"localhost"; HOST:PORT' in done.stderr


def test_more_memory_than_there_is_is_warned_of(tmp_path):
    with open(tmp_path / "log", "w+") as log:
        server = Server(tmp_path / "data", "--memory-budget", "900T", stderr=log)
        assert server.stop() == 0
        log.seek(0)
        assert "--memory-budget is 900T; the machine or container has " in log.read()


def test_a_unix_socket_is_served_and_announced_by_its_name(tmp_path):
    server = Server(tmp_path / "data", address=f"unix:{tmp_path}/socket")
    assert server.address == f"unix:{tmp_path}/socket"
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(f"{tmp_path}/socket")
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5))
        assert connection.recv(9)[3] == 4, "the answer is a SETTINGS frame"
    assert server.stop() == 0
