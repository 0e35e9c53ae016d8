"""`graphfeed top` in a terminal (tmux) and without one, over real servers to which workers report."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
import uuid

import pytest

import graphfeed as gf


class Worker(threading.Thread):
    """Reports five times a second until it is stopped, to one server; it says nothing more then."""

    def __init__(self, address: str, name: str, stall: float, **fields) -> None:
        super().__init__(daemon=True)
        self._client = gf.connect(address)
        self._fields = {"worker": name, "runtime": "python", "trains": True, "dataset": "mutag@1",
                        "interval_ms": 200, "start_ms": int(time.time() * 1000), **fields}  # fmt: skip
        self._stall = stall
        self._stopped = threading.Event()
        self.start()

    def run(self) -> None:
        begin = time.monotonic()
        for sequence in range(1, 10**6):
            seconds = time.monotonic() - begin
            steps = int(100 * seconds)
            report = {
                **self._fields, "sequence": sequence, "steps": steps, "ordinal": steps,
                "real_nodes": 3 * steps, "padding_nodes": steps, "loss": 0.5, "has_loss": True,
                "data_stall_seconds": self._stall * seconds,
            }  # fmt: skip
            try:
                self._client._report_worker(report)
            except (gf.Unavailable, gf.DeadlineExceeded):
                pass  # some tests kill servers
            if self._stopped.wait(0.2):
                return

    def stop(self) -> None:
        self._stopped.set()
        self.join()


@pytest.fixture
def workers(start_server):
    """Two replicas, and three workers that report to the one or to the other."""
    servers = [start_server(), start_server()]
    running = [
        Worker(servers[0].address, "fed", 0.02, job="night"),
        Worker(servers[1].address, "starving", 0.8),
        Worker(servers[0].address, "leaving", 0.3),
    ]
    yield servers, running
    for worker in running:
        worker.stop()


def top(servers, *flags: str) -> list[str]:
    return [os.environ["GRAPHFEED_CLI"], "top", "--server",
            ",".join(server.address for server in servers), *flags]  # fmt: skip


def environment() -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "ASAN_OPTIONS")}


def run(command: list[str], **options) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=environment(), **options
    )


def eventually(condition, seconds: float = 30):
    """What `condition` returns as soon as that is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def wait_for_reports(servers) -> None:
    """Until the servers know of all three workers."""
    client = gf.connect([server.address for server in servers])
    eventually(lambda: len(client.workers()) == 3)


class Terminal:
    """A terminal of tmux in which a command runs, of 130 columns and 12 lines."""

    def __init__(self, command: list[str]) -> None:
        self._name = f"graphfeed-{uuid.uuid4().hex}"
        shell = " ".join(command) + '; echo "exit $?"; exec sleep 600'
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "130", "-y", "12", shell)

    def _tmux(self, *arguments: str) -> str:
        done = run(["tmux", "-L", self._name, *arguments])
        assert done.returncode == 0, done.stderr
        return done.stdout

    def lines(self) -> list[str]:
        return self._tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def history(self) -> int:
        """Lines that have left the screen at its top."""
        return int(self._tmux("display-message", "-p", "#{history_size}"))

    def press(self, key: str) -> None:
        self._tmux("send-keys", key)

    def close(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def terminal():
    opened = []

    def start(command: list[str]) -> Terminal:
        opened.append(Terminal(command))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


def row(lines: list[str], name: str) -> tuple[int, list[str]]:
    """The line of a worker, and its cells; (-1, []) without."""
    for number, line in enumerate(lines):
        if line.split()[:1] == [name]:
            return number, line.split()
    return -1, []


def test_a_terminal_shows_who_starves_and_who_has_stopped(workers, terminal):
    servers, running = workers
    screen = terminal(top(servers, "--interval", "0.3"))

    def all_run():
        lines = screen.lines()
        shown = [row(lines, name) for name in ("starving", "leaving", "fed")]
        return all(cells[-1:] == ["running"] for _, cells in shown) and (lines, shown)

    lines, shown = eventually(all_run)
    assert lines[0].startswith("3 workers, ") and "data stall" in lines[0]
    assert lines[2].split() == [
        "WORKER", "JOB", "RUNTIME", "PHASE", "DATASET", "STEPS/S", "DATA", "STALL", "PADDING",
        "LOSS", "POSITION", "AGE", "STATE",
    ]  # fmt: skip
    eventually(lambda: row(screen.lines(), "starving")[0] == 3)  # the starving first
    assert row(screen.lines(), "fed")[1][1:5] == ["night", "python", "train", "mutag@1"]
    assert row(screen.lines(), "fed")[1][8:11] == ["25.00", "%", "0.5"]

    # In place: positions go on, and nothing has scrolled.
    before = row(screen.lines(), "fed")[1][11]
    eventually(lambda: row(screen.lines(), "fed")[1][11] != before)

    running[2].stop()
    eventually(lambda: row(screen.lines(), "leaving")[1][-1] == "gone")
    lines = screen.lines()
    assert lines[0].startswith("2 workers, 1 gone, ")
    assert [row(lines, name)[0] for name in ("starving", "fed", "leaving")] == [3, 4, 5]
    assert screen.history() == 0

    screen.press("C-c")
    lines = eventually(lambda: [line for line in screen.lines() if "exit" in line])
    assert lines[-1].endswith("exit 0")
    assert row(screen.lines(), "fed")[0] == 4, "the table stays"


def test_servers_that_go_are_told_and_the_rest_is_shown(workers, terminal):
    servers, _ = workers
    screen = terminal(top(servers, "--interval", "0.3"))
    eventually(lambda: row(screen.lines(), "fed")[0] >= 3 and row(screen.lines(), "starving")[0] >= 3)
    servers[0].kill()
    eventually(lambda: row(screen.lines(), "fed")[0] < 0)
    assert row(screen.lines(), "starving")[0] == 3
    servers[1].kill()
    eventually(lambda: screen.lines()[1].startswith("graphfeed: "))
    assert row(screen.lines(), "starving")[0] == 4, "what was known last stays"
    screen.press("C-c")
    eventually(lambda: [line for line in screen.lines() if line.endswith("exit 0")])


def test_json_is_a_line_for_each_look_until_interrupted(workers):
    servers, _ = workers
    wait_for_reports(servers)
    command = top(servers, "--json", "--interval", "0.2")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    looks = [json.loads(process.stdout.readline()) for _ in range(3)]
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    assert looks[0]["time_ms"] < looks[1]["time_ms"] < looks[2]["time_ms"]
    found = {worker["worker"]: worker for worker in looks[2]["workers"]}
    assert found["fed"]["job"] == "night" and found["fed"]["state"] == "running"
    assert found["fed"]["real_nodes"] == 3 * found["fed"]["steps"]


def test_once_looks_once(workers):
    servers, _ = workers
    wait_for_reports(servers)
    done = run(top(servers, "--once"))
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    assert row(done.stdout.split("\n"), "starving")[1][-1] == "running"
    assert len(json.loads(run(top(servers, "--once", "--json")).stdout)["workers"]) == 3


def test_without_a_server_it_fails():
    done = run([os.environ["GRAPHFEED_CLI"], "top", "--server", "127.0.0.1:1"])
    assert done.returncode == 1
    assert done.stderr.startswith("graphfeed: UNAVAILABLE: ")
