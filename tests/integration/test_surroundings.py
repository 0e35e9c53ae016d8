"""What a server and its clients do when the machine around them changes: ports that are taken, a
clock that is set, names that get another address."""

from __future__ import annotations

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from server_process import Server

import graphfeed as gf

GRAPHS = [
    {"x": np.full((3, 4), n, np.float32), "edge_index": np.array([[0, 1], [1, 0]])}
    for n in range(400)
]


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


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


@pytest.fixture
def clock(tmp_path):
    """The beginning of a command whose clock is set by `clock.set("+2d")`."""
    found = sorted(pathlib.Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed: A CLOCK THAT IS SET IS NOT TESTED")
    offset = tmp_path / "clock"

    class Clock:
        within = ("env", f"LD_PRELOAD={found[0]}", f"FAKETIME_TIMESTAMP_FILE={offset}",
                  "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1")  # fmt: skip

        @staticmethod
        def set(by: str) -> None:
            temporary = offset.with_suffix(".new")
            temporary.write_text(f"{by}\n")
            temporary.rename(offset)

    Clock.set("+0")
    return Clock


# What is said when the clock is set so, in their order.
JUMPS = {"+2d": "the clock has jumped by 4", "-3d": "the clock has jumped by -1", "+0": "by 7"}


def test_a_clock_that_is_set_changes_nothing_and_removes_nothing(clock, tmp_path):
    log = open(tmp_path / "log", "w+")
    server = Server(
        tmp_path / "data", "--keep-for=1h", "--keep-used=0s", "--ingest-idle-timeout=30s",
        "--snapshot-dir", str(tmp_path / "snapshots"), "--snapshot-every=1s", "--snapshot-keep=3",
        within=clock.within, stderr=log,
    )  # fmt: skip
    client = gf.connect(server.address)
    for _ in range(3):
        client.ingest("d", GRAPHS)
    snapshots = tmp_path / "snapshots"
    wait_for(lambda: snapshots.exists() and any(snapshots.iterdir()), "no snapshot")
    read, failed, enough = [], [], threading.Event()

    def stream() -> None:
        try:
            while not enough.is_set():
                for batch in gf.DataLoader(client.dataset("d@3"), batch_size=8, prefetch=2):
                    read.append(int(batch.x[0, 0]))
        except gf.Error as error:
            failed.append(error)

    reader = threading.Thread(target=stream)
    reader.start()
    for by in ("+2d", "-3d", "+0"):
        clock.set(by)
        wait_for(lambda: JUMPS[by] in (tmp_path / "log").read_text(), f"nobody tells of {by}")
        made = set(snapshots.iterdir())
        before = len(read)
        wait_for(lambda: len(read) > before + 50 or failed, f"the stream stands still at {by}")
        wait_for(lambda: set(snapshots.iterdir()) - made, f"no snapshot at {by}")
        assert [i.version for i in client.datasets() if i.name == "d"] == [1, 2, 3]
        client.ingest("e", GRAPHS[:2])
    enough.set()
    reader.join()
    assert failed == []
    clock.set("-1d")
    start = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - start < 25  # the drain time-out is 30 s
    assert ": --keep-for removes nothing for 1h" in (tmp_path / "log").read_text()


READ = """
import sys
import graphfeed as gf
dataset = gf.connect(sys.argv[1]).dataset("d")
for batch in gf.DataLoader(dataset, batch_size=1, prefetch=1):
    print(int(batch.x[0, 0]), flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def name(tmp_path):
    """`name.within`: the beginning of a command for which the host "feed.test" has the address that
    was last set."""
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.2 feed.test\n")
    bind = f'mount --bind "{hosts}" /etc/hosts && exec "$@"'
    within = ("unshare", "--mount", "sh", "-c", bind, "sh")
    if shutil.which("unshare") is None or subprocess.run([*within, "true"], check=False).returncode:
        pytest.skip("mounts of its own are not permitted: NAMES THAT CHANGE ARE NOT TESTED")

    class Name:
        def set(self, address: str) -> None:
            hosts.write_text(f"{address} feed.test\n")  # the same file: it is mounted

    made = Name()
    made.within = within
    return made


def test_a_name_that_gets_another_address_is_asked_again(name, tmp_path):
    """By a stream that goes on there, and by a follower."""
    old = Server(tmp_path / "data", address="127.0.0.2:0")
    gf.connect(old.address).ingest("d", GRAPHS)
    port = old.address.rsplit(":", 1)[1]
    replica = Server(
        tmp_path / "replica", "--follow", f"feed.test:{port}", "--follow-every=200ms",
        within=name.within,
    )  # fmt: skip
    mine = gf.connect(replica.address)
    wait_for(lambda: [info.name for info in mine.datasets()] == ["d"], "nothing was copied")
    reader = subprocess.Popen(
        [*name.within, sys.executable, "-c", READ, f"feed.test:{port}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
    )  # fmt: skip
    read = [int(reader.stdout.readline())]
    assert old.stop() == 0
    new = Server(tmp_path / "data", address=f"127.0.0.3:{port}")
    name.set("127.0.0.3")
    gf.connect(new.address).ingest("e", GRAPHS[:2])
    for _ in GRAPHS[1:]:
        reader.stdin.write("\n")
        read.append(int(reader.stdout.readline()))
    out, _ = reader.communicate("\n", timeout=60)
    assert (reader.returncode, out, read) == (0, "", list(range(len(GRAPHS))))
    wait_for(lambda: len(mine.datasets()) == 2, "the follower did not find the new address")
    assert replica.stop() == 0 and new.stop() == 0
