"""The server's program: what it says and how it exits."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import time

import numpy as np
import pytest
from server_process import Server

import graphfeed as gf


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


def refused_store(libraries: pathlib.Path) -> str:
    """Why a server does not start with a store in RADOS, with the librados of a folder."""
    done = subprocess.run(
        [os.environ["GRAPHFEED_SERVER"], "--store", "rados://pool", "--listen", "127.0.0.1:0"],
        capture_output=True, text=True, timeout=60,
        env={**os.environ, "LD_LIBRARY_PATH": str(libraries)},
    )  # fmt: skip
    assert done.returncode == 1
    return done.stderr


WITHOUT_RADOS = "GRAPHFEED_WITHOUT_RADOS" in os.environ


def test_a_build_without_stores_in_rados_says_so(tmp_path):
    if not WITHOUT_RADOS:
        pytest.skip("this one has them")
    assert refused_store(tmp_path) == (
        "graphfeed-server: FAILED_PRECONDITION: this graphfeed was built without stores in RADOS; "
        "build it with librados-dev and without GRAPHFEED_RADOS=OFF\n"
    )


@pytest.mark.skipif(WITHOUT_RADOS, reason="this build has no stores in RADOS")
def test_a_librados_that_is_missing_or_too_old_is_named(tmp_path):
    library = tmp_path / "librados.so.2"
    library.touch()  # found before the machine's own, and none
    said = refused_store(tmp_path)
    assert "FAILED_PRECONDITION: stores in RADOS need librados.so.2 (Debian: librados2): " in said
    (tmp_path / "old.c").write_text("int rados_version(void) { return 1; }\n")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, tmp_path / "old.c"], check=True)
    assert "librados.so.2 of this machine is too old: it has no rados_" in refused_store(tmp_path)


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


# --- partitions -----------------------------------------------------------------------------------


@pytest.fixture
def hard(tmp_path):
    """A data folder with a graph that METIS has to work on for long."""
    folder = tmp_path / "hard"
    server = Server(folder)
    rng = np.random.default_rng(1)
    edge_index = rng.integers(0, 200_000, (2, 3_000_000))
    graph = {"x": np.zeros((200_000, 1), np.float32), "edge_index": edge_index}
    gf.connect(server.address).ingest("g", graph)
    assert server.stop() == 0
    return folder


def partition(server: Server, name: str = "g") -> subprocess.Popen:
    """The command, running."""
    return subprocess.Popen(
        [os.environ["GRAPHFEED_CLI"], "partition", name, "--parts", "1000",
         "--server", server.address],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def partitioning(server: Server) -> list[int]:
    """The processes that the server has for partitions."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            number, rest = stat.read_text().split(" (graphfeed-parti) ")
        except (OSError, ValueError):  # gone, or another program
            continue
        if int(rest.split()[1]) == server.process.pid:
            found.append(int(number))
    return found


def wait_until(condition) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it does not come to be"
        time.sleep(0.01)


def cpu_seconds(process: int) -> float:
    fields = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_partition(server: Server) -> tuple[subprocess.Popen, int]:
    command = partition(server)
    wait_until(lambda: partitioning(server))
    (process,) = partitioning(server)
    wait_until(lambda: cpu_seconds(process) > 0.5)  # reading the graph takes less
    return command, process


def exists(process: int) -> bool:
    return pathlib.Path(f"/proc/{process}").exists()


def test_a_shutdown_ends_a_partition(hard):
    server = Server(hard, "--drain-timeout", "60s")
    command, process = start_partition(server)
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 40
    assert not exists(process)
    assert "UNAVAILABLE: the server is shutting down" in command.communicate(timeout=60)[1]
    assert command.returncode == 1


def test_a_client_that_goes_away_ends_its_partition(hard):
    server = Server(hard)
    command, process = start_partition(server)
    command.kill()
    command.communicate()
    wait_until(lambda: not exists(process))
    client = gf.connect(server.address)
    assert [info.version for info in client.datasets()] == [1]
    assert client.partition("g", 1).version == 2
    assert server.stop() == 0


def test_a_partition_ends_with_its_server(hard):
    server = Server(hard)
    command, process = start_partition(server)
    server.kill()
    wait_until(lambda: not exists(process))
    command.communicate(timeout=60)


def test_a_partition_beyond_its_memory_is_refused(hard):
    server = Server(hard, "--partition-memory", "64Mi")
    client = gf.connect(server.address)
    with pytest.raises(gf.ResourceExhausted, match="takes more memory than the 67108864 bytes .*--partition-memory"):
        client.partition("g", 1000)
    with pytest.raises(gf.ResourceExhausted, match="takes more memory"):
        client.partition("g", 1000)
    assert partitioning(server) == []
    assert [info.version for info in client.datasets()] == [1]
    assert server.stop() == 0


def test_a_deleted_version_is_read_to_its_end_however_old_the_stream_gets(start_server):
    server = start_server(None, "--stream-max-age", "3s")
    client = gf.connect(server.address)
    graph = {"x": np.ones((2000, 3), np.float32), "edge_index": np.array([[0, 1], [1, 0]])}
    client.ingest("gone", [graph] * 300)
    batches = iter(gf.DataLoader(client.dataset("gone"), batch_size=1))
    next(batches)
    client.delete("gone@1")
    time.sleep(4)  # it is deleted before its stream is too old, and read after that
    assert 1 + sum(1 for _ in batches) == 300


def refusal(*flags: str) -> str:
    """What a server says that does not start for what its settings say."""
    done = subprocess.run(
        [os.environ["GRAPHFEED_SERVER"], "--listen", "127.0.0.1:0", *flags],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    return done.stderr


def test_settings_are_read_from_regular_files_alone(start_server, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    data = f"--data-dir={tmp_path / 'none'}"
    for path in (tmp_path, pipe):
        assert f'--config: "{path}"; cannot be read: no regular file' in refusal("--config", str(path))
        assert f'--access: "{path}"; cannot be read' in refusal(data, "--access", str(path))
    assert "which is not anonymous, server" in refusal(data, "--access", str(named(tmp_path, "server")))
    assert "--follow-deletes off" in refusal(data, "--follow=127.0.0.1:1", "--pin=a@1")

    config = tmp_path / "config.yaml"
    config.write_text("log-level: info\n")
    server = start_server(None, f"--config={config}")
    config.unlink()
    config.mkdir()  # as a mount of a file that is not there
    server.process.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert gf.connect(server.address).datasets() == []
    assert server.stop() == 0


def named(folder: pathlib.Path, name: str) -> pathlib.Path:
    """An access file with one principal."""
    path = folder / "access.yaml"
    path.write_text(
        f"principals: [{{name: {name}, token: a-token-of-some-length, roles: reader, datasets: '*'}}]\n"
    )
    return path


def test_clients_make_no_snapshots_that_the_server_removes(start_server, tmp_path):
    server = start_server(None, f"--snapshot-dir={tmp_path / 'snapshots'}")
    done = subprocess.run(
        [os.environ["GRAPHFEED_CLI"], "snapshot", "auto-20200101T000000Z", "--server", server.address],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.returncode != 0 and "--snapshot-every" in done.stderr
