"""What becomes of a server whose data folder is moved, read only, full or damaged."""

from __future__ import annotations

import os
import pathlib
import re
import socket
import subprocess
import time

import numpy as np
import pytest
from server_process import Server

import graphfeed as gf

GRAPHS = [
    {"x": np.ones((n, 4), np.float32), "edge_index": np.array([[0, 1], [1, 0]])} for n in (2, 3, 5)
]


# Lets a small disk fill up.
FULL = ("--min-free-disk", "0")


def contents(client) -> list[tuple[str, int, str]]:
    return [(info.name, info.version, str(info.fingerprint)) for info in client.datasets()]


def cli(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [os.environ["GRAPHFEED_CLI"], *arguments], capture_output=True, text=True, timeout=120
    )


@pytest.fixture
def folder(tmp_path):
    data = tmp_path / "data"
    server = Server(data)
    gf.connect(server.address).ingest("d", GRAPHS)
    assert server.stop() == 0
    return data


@pytest.fixture
def disk(tmp_path):
    """A file system of a few megabytes."""
    mounted = tmp_path / "disk"
    mounted.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(mounted)], capture_output=True, text=True
    )
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs: {done.stderr.strip()}")
    yield mounted
    subprocess.run(["umount", "-l", str(mounted)], check=True)


@pytest.mark.parametrize("how", ["moved", "removed"])
def test_a_server_whose_folder_is_gone_says_so_and_ends(folder, tmp_path, how):
    with open(tmp_path / "log", "w+") as log:
        server = Server(folder, stderr=log)
        if how == "moved":
            folder.rename(tmp_path / "elsewhere")
        else:
            subprocess.run(["rm", "-r", str(folder)], check=True)
        assert server.process.wait(timeout=60) == 1
        server.stop()
        log.seek(0)
        assert f"the data folder {folder} was moved, removed or replaced" in log.read()
    if how == "moved":
        server = Server(tmp_path / "elsewhere")
        assert [name for name, *_ in contents(gf.connect(server.address))] == ["d"]
        assert server.stop() == 0


def test_columns_that_an_older_catalogue_lacks_are_said_and_kept(tmp_path):
    data = tmp_path / "data"
    server = Server(data)
    client = gf.connect(server.address)
    client.ingest("a", GRAPHS)
    older = (data / "CATALOG").read_bytes()
    client.ingest("b", GRAPHS)
    assert server.stop() == 0
    newer = (data / "CATALOG").read_bytes()

    def start() -> tuple[list[str], str]:
        with open(tmp_path / "log", "w+") as log:
            server = Server(data, stderr=log)
            names = [name for name, *_ in contents(gf.connect(server.address))]
            assert server.stop() == 0
            log.seek(0)
            return names, log.read()

    names, log = start()
    assert names == ["a", "b"] and "belong to no version" not in log
    (data / "CATALOG").write_bytes(older)
    names, log = start()
    assert names == ["a"] and "belong to no version" in log
    (data / "CATALOG").write_bytes(newer)
    names, log = start()
    assert names == ["a", "b"] and "belong to no version" not in log


@pytest.mark.parametrize("file", ["CATALOG", "CURRENT"])
def test_a_start_does_not_wait_for_what_is_no_file(folder, file):
    (folder / file).unlink()
    os.mkfifo(folder / file)
    process = subprocess.run(
        [os.environ["GRAPHFEED_SERVER"], "--data-dir", str(folder), "--listen", "127.0.0.1:0"],
        stderr=subprocess.PIPE, text=True, timeout=60,
    )
    assert process.returncode == 1
    assert re.search(f"{file}.* (is no|is not a) regular file", process.stderr)


def test_a_server_that_runs_out_of_descriptors_says_so_and_ends(tmp_path):
    with open(tmp_path / "log", "w+") as log:
        server = Server(tmp_path / "data", stderr=log, within=["prlimit", "--nofile=100"])
        host, port = server.address.rsplit(":", 1)
        connections = [socket.create_connection((host, int(port))) for _ in range(120)]
        assert server.process.wait(timeout=60) == 1
        server.stop()
        for connection in connections:
            connection.close()
        log.seek(0)
        assert "file descriptors ran out, of which this process may have 100" in log.read()


def test_a_folder_that_cannot_be_written_is_served(folder, tmp_path):
    mounted = tmp_path / "read_only"
    mounted.mkdir()
    for command in (["--bind", str(folder)], ["-o", "remount,bind,ro"]):
        done = subprocess.run(["mount", *command, str(mounted)], capture_output=True, text=True)
        if done.returncode != 0:
            pytest.skip(f"cannot mount: {done.stderr.strip()}")
    try:
        server = Server(mounted)
        client = gf.connect(server.address)
        assert [name for name, *_ in contents(client)] == ["d"]
        assert len(client.dataset("d")) == 3
        with pytest.raises(gf.Error, match="read only"):
            client.ingest("e", GRAPHS)
        assert cli("verify", "d", "--data-dir", str(mounted)).returncode == 0
        assert server.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(mounted)], check=True)


def fill(disk: pathlib.Path) -> pathlib.Path:
    filler = disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    return filler


def test_a_full_disk_is_said_heals_and_holds_up_no_shutdown(disk):
    data = disk / "data"
    server = Server(data, *FULL)
    client = gf.connect(server.address)
    client.ingest("d", GRAPHS)
    before = contents(client)
    filler = fill(disk)
    for _ in range(2):
        with pytest.raises(gf.ResourceExhausted, match="the disk is full"):
            client.ingest("e", GRAPHS)
        with pytest.raises(gf.ResourceExhausted, match="the disk is full"):
            client.delete("d@1")
    assert contents(client) == before
    filler.unlink()
    client.ingest("e", GRAPHS)
    filler = fill(disk)
    with pytest.raises(gf.ResourceExhausted, match="the disk is full"):
        client.delete("e@1")
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 30  # the drain time-out
    with pytest.raises(RuntimeError, match="ended with 1"):
        Server(data, *FULL)
    filler.unlink()
    server = Server(data, *FULL)
    assert [name for name, *_ in contents(gf.connect(server.address))] == ["d", "e"]
    assert server.stop() == 0


def test_a_copy_onto_a_full_disk_is_said_and_goes_on_when_there_is_room(disk, tmp_path):
    writer = Server(tmp_path / "writer")
    gf.connect(writer.address).ingest("d", GRAPHS)
    replica = Server(disk / "data", *FULL)
    filler = fill(disk)
    copy = ["sync", "--from", writer.address, "--server", replica.address]
    for _ in range(2):
        done = cli(*copy)
        assert done.returncode == 1 and "the disk is full" in done.stderr
    assert contents(gf.connect(replica.address)) == []
    filler.unlink()
    assert cli(*copy).returncode == 0
    assert contents(gf.connect(replica.address)) == contents(gf.connect(writer.address))
    assert writer.stop() == 0 and replica.stop() == 0


def test_a_partition_on_a_full_disk_is_said_and_made_when_there_is_room(disk):
    server = Server(disk / "data", *FULL)
    client = gf.connect(server.address)
    rng = np.random.default_rng(0)
    client.ingest("one", {"num_nodes": 3000, "edge_index": rng.integers(0, 3000, (2, 9000))})
    filler = fill(disk)
    for _ in range(2):
        with pytest.raises(gf.ResourceExhausted, match="the disk is full"):
            client.partition("one", 8)
    assert [version for _, version, _ in contents(client)] == [1]
    filler.unlink()
    client.partition("one", 8)
    assert server.stop() == 0


def test_commands_that_read_make_no_store_and_copies_of_damage_do_not_exist(folder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "is no data folder" in cli("verify", "d", "--data-dir", str(empty)).stderr
    assert list(empty.iterdir()) == []
    largest = max(folder.glob("*.sst"), key=lambda path: path.stat().st_size)
    content = bytearray(largest.read_bytes())
    content[10] ^= 1
    largest.write_bytes(content)
    copy = tmp_path / "copy"
    done = cli("restore", str(folder), "--data-dir", str(copy))
    assert done.returncode == 1
    assert "DATA_LOSS" in done.stderr
    assert not copy.exists() and not (tmp_path / "copy.tmp").exists()
    # Without a name all versions are looked at, and each that is damaged is named.
    server = Server(folder)
    gf.connect(server.address).ingest("e", GRAPHS[:2])
    assert server.stop() == 0
    done = cli("verify", "--data-dir", str(folder))
    assert done.returncode == 1 and done.stdout.startswith("e@1: ")
    assert "DATA_LOSS: 1 of 2 versions: " in done.stderr and "d@1" in done.stderr


def test_an_ingest_ends_when_less_is_free_than_is_to_be_kept(disk):
    server = Server(disk / "data", "--min-free-disk", "8M")
    client = gf.connect(server.address)
    client.ingest("d", GRAPHS)
    before = contents(client)
    taken = disk / "taken"
    rng = np.random.default_rng(0)

    def graphs(take_after: int):
        for i in range(64):
            if i == take_after:
                taken.write_bytes(bytes(9 << 20))
            yield {"x": rng.random((8192, 4), np.float32), "edge_index": np.zeros((2, 1), np.int64)}

    with pytest.raises(gf.ResourceExhausted, match=r"the disk is low: \d+ bytes .* --min-free-disk keeps 8388608"):
        client.ingest("e", graphs(take_after=16))
    assert contents(client) == before
    with pytest.raises(gf.ResourceExhausted, match="the disk is low"):
        client.ingest("e", GRAPHS)
    taken.unlink()
    client.ingest("e", GRAPHS)
    assert [name for name, *_ in contents(client)] == ["d", "e"]
    assert server.stop() == 0
