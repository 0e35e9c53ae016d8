"""What a server tells of itself: its lines, its audits, and what is in neither."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
import time
import urllib.request

import numpy as np
import pytest
from server_process import Server

import graphfeed as gf

GRAPHS = [{"x": np.ones((n, 2), np.float32), "edge_index": np.array([[0, 1], [1, 0]])}
          for n in range(2, 10)]  # fmt: skip
OPTIONS = gf.FixedSizeOptions(12, 20, num_graphs=3)


class Logged:
    """A server whose lines go to a file."""

    def __init__(self, folder, *arguments: str, **options) -> None:
        self.path = folder / "log"
        with open(self.path, "a") as log:
            self.server = Server(folder / "data", *arguments, stderr=log, **options)

    def text(self) -> str:
        return self.path.read_text()

    def lines(self, event: str, **fields) -> list:
        """Those of an event, of `--log-format json`."""
        lines = [json.loads(line) for line in self.text().splitlines()]
        return [line for line in lines if line["event"] == event and fields.items() <= line.items()]

    def wait_for_lines(self, event: str, **fields) -> list:
        """As soon as there is one: they may come after the answer."""
        deadline = time.monotonic() + 30
        while not (lines := self.lines(event, **fields)):
            assert time.monotonic() < deadline, f"no {event} {fields} in:\n{self.text()}"
            time.sleep(0.01)
        return lines

    def wait(self, event: str, **fields) -> dict:
        """The one line."""
        (line,) = self.wait_for_lines(event, **fields)
        return line


@pytest.fixture
def start(tmp_path):
    started = []

    def make(*arguments: str, **options) -> Logged:
        started.append(Logged(tmp_path, *arguments, **options))
        return started[-1]

    yield make
    for logged in started:
        logged.server.stop()


def train(dataset) -> int:
    return len(list(gf.FixedSizeDataLoader(
        dataset, fixed_size_options=OPTIONS, fixed_size_strategy="StreamPack")))  # fmt: skip


def test_a_run_is_told_line_by_line(start):
    log = start("--log-format", "json", "--slow-build", "1h")
    client = gf.connect(log.server.address)
    client.ingest("g", GRAPHS)
    frames = train(client.dataset("g"))
    with pytest.raises(gf.NotFound):
        client.dataset("nobody")
    code = log.server.stop()

    (started,) = log.lines("server.start")
    assert started["version"] == gf.__version__
    assert started["listen"] == log.server.address and started["metrics"] == log.server.metrics
    assert started["store"] == "rocksdb" and started["storage_format"] >= 1
    assert (started["datasets"], started["versions"], started["tls"]) == (0, 0, "off")
    assert started["config.slow-build"] == "1h" and started["config.log-format"] == "json"
    assert "config.memory-budget" not in started, "it is the default"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", started["time"])

    ingest = log.wait("call.end", method="Ingest")
    assert ingest["level"] == "info" and ingest["code"] == "OK" and ingest["dataset"] == "g@1"
    assert ingest["principal"] == "anonymous" and ingest["peer"].startswith("ipv4:127.0.0.1:")
    assert ingest["received_bytes"] > 300 and "frames" not in ingest
    stream = log.wait("call.end", method="StreamBatches")
    assert stream["level"] == "info" and stream["dataset"] == "g@1"
    assert stream["frames"] == frames > 0 and stream["sent_bytes"] > 1000 and stream["ms"] > 0
    missing = log.wait("call.end", method="GetDataset", dataset="nobody")
    assert (missing["level"], missing["code"]) == ("info", "NOT_FOUND")
    assert missing["message"] == 'there is no dataset "nobody"'
    assert len({line["request_id"] for line in (ingest, stream, missing)}) == 3
    assert not log.lines("call.end", code="OK", method="GetDataset"), "that is for debugging"

    (drain,), (stop,) = log.lines("server.drain"), log.lines("server.stop")
    assert code == 0 and drain["signal"] == 15 and not stop["failed"]
    assert stop["dropped_lines"] == 0 and stop["seconds"] > 0


def test_a_line_for_each_call_when_debugging(start):
    log = start("--log-format", "json", "--log-level", "debug")
    client = gf.connect(log.server.address)
    client.ingest("g", GRAPHS)
    client.dataset("g")
    assert log.wait("call.end", method="GetDataset", code="OK")["level"] == "debug"


def test_levels_keep_back_what_is_below_them(start):
    log = start("--log-level", "error", "--log-format", "json")
    gf.connect(log.server.address).ingest("g", GRAPHS)
    log.server.stop()
    assert [line for line in log.text().splitlines() if '"error"' not in line] == []


def test_a_hangup_changes_the_level_and_tells_what_takes_a_restart(start, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("log-level: error\nslow-build: 1h\n")
    log = start("--log-format", "json", f"--config={config}")
    client = gf.connect(log.server.address)
    for name in ("g", "h"):
        client.ingest(name, GRAPHS)
    train(client.dataset("g"))  # the server may see that end later
    config.write_text("log-level: info\nslow-build: 2h\n")
    log.server.process.send_signal(signal.SIGHUP)
    told = log.wait("config.unused")
    assert (told["level"], told["setting"]) == ("warn", "--slow-build")
    frames = train(client.dataset("h"))
    assert log.wait("call.end", method="StreamBatches", dataset="h@1")["frames"] == frames
    config.write_text("log-level: error\nslow-build: 2h\nno-such-setting: 1\n")
    log.server.process.send_signal(signal.SIGHUP)
    log.wait("audit", action="reload", result="INVALID_ARGUMENT")
    train(client.dataset("h"))
    log.server.stop()
    ended = log.lines("call.end", method="StreamBatches", dataset="h@1")
    assert len(ended) == 2, "what was in force stays"


def test_text_is_for_people(start):
    log = start()
    with pytest.raises(gf.NotFound):
        gf.connect(log.server.address).dataset("no body".replace(" ", "-"))
    log.server.stop()
    lines = log.text().splitlines()
    assert any(re.match(r"\S+Z info  server\.start version=\S+ listen=127\.0\.0\.1:\d+ ", line) for line in lines)
    assert any('message="there is no dataset \\"no-body\\""' in line for line in lines)


def snapshot(server, **environment) -> subprocess.CompletedProcess:
    return subprocess.run(
        [os.environ["GRAPHFEED_CLI"], "snapshot", "s", "--server", server.address],
        capture_output=True, text=True, timeout=60, env={**os.environ, **environment},
    )  # fmt: skip


# --- audits ---------------------------------------------------------------------------------------


def test_what_changes_something_is_audited_before_the_client_knows(start, tmp_path):
    audit = tmp_path / "audit"
    log = start("--audit-log", str(audit), "--log-format", "json", "--log-level", "off",
                "--snapshot-dir", str(tmp_path / "snapshots"))  # fmt: skip
    client = gf.connect(log.server.address)

    def last() -> dict:
        return json.loads(audit.read_text().splitlines()[-1])

    client.ingest("g", GRAPHS)
    entry = last()
    assert (entry["event"], entry["action"], entry["dataset"], entry["result"]) == ("audit", "ingest", "g@1", "OK")
    assert entry["principal"] == "anonymous" and entry["peer"].startswith("ipv4:127.0.0.1:")
    assert snapshot(log.server).returncode == 0
    assert (last()["action"], last()["result"]) == ("snapshot", "OK")
    with pytest.raises(gf.Error):
        client.partition("g", 2)
    assert (last()["action"], last()["dataset"]) == ("partition", "g") and last()["result"] != "OK"
    assert last()["message"]
    client.delete("g@1")
    assert (last()["action"], last()["dataset"], last()["result"]) == ("delete", "g@1", "OK")
    assert stat.S_IMODE(audit.stat().st_mode) == 0o600
    assert log.text() == "", "the level is off"


def test_a_file_of_audits_that_cannot_be_had_is_said_at_once(tmp_path):
    done = subprocess.run(
        [os.environ["GRAPHFEED_SERVER"], "--data-dir", str(tmp_path / "data"), "--audit-log", str(tmp_path)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == f'graphfeed-server: --audit-log: "{tmp_path}"; cannot be opened: Is a directory\n'


# --- requests -------------------------------------------------------------------------------------

TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

ASK = """
import pickle, sys, graphfeed as gf
try:
    gf.connect(sys.argv[1]).dataset("nobody")
except gf.NotFound as error:
    again = pickle.loads(pickle.dumps(error))
    assert (again.request_id, str(again)) == (error.request_id, str(error))
    print(error.request_id, error.message, str(error), sep="\\n")
"""


@pytest.mark.parametrize("client", ["native", "python"])
def test_an_error_shows_the_request_by_which_its_line_is_found(start, client):
    log = start("--log-format", "json")
    done = subprocess.run(
        [sys.executable, "-c", ASK, log.server.address], capture_output=True, text=True, timeout=60,
        env={**os.environ, "GRAPHFEED_CLIENT": client, "TRACEPARENT": TRACE},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    request, message, shown = done.stdout.splitlines()
    assert message == 'there is no dataset "nobody"'
    assert shown == f"{message} [request {request}]"
    line = log.wait("call.end", request_id=request)
    assert line["message"] == message and line["traceparent"] == TRACE


def test_the_command_line_shows_it_and_passes_no_trace_that_is_none(start):
    log = start("--log-format", "json")
    done = subprocess.run(
        [os.environ["GRAPHFEED_CLI"], "describe", "nobody", "--server", log.server.address],
        capture_output=True, text=True, timeout=60, env={**os.environ, "TRACEPARENT": "a\nb" * 20},
    )  # fmt: skip
    assert done.returncode == 1
    request = re.fullmatch(r'graphfeed: NOT_FOUND: there is no dataset "nobody" \[request (\w+)\]\n', done.stderr)
    assert request, done.stderr
    assert "traceparent" not in log.wait("call.end", request_id=request[1])


# --- secrets --------------------------------------------------------------------------------------

TOKEN = "a-token-that-nobody-may-read-0123456789"
WRONG = "another-token-that-nobody-may-read-9876"


@pytest.fixture
def secured(start, tmp_path):
    access = tmp_path / "access.yaml"
    access.write_text(
        f"""
principals:
  - name: ann
    token: {TOKEN}
    roles: [reader, writer]
    datasets: ["g*"]
"""
    )
    audit = tmp_path / "audit"
    log = start("--access", str(access), "--audit-log", str(audit), "--log-format", "json", "--log-level", "trace")
    return log, audit


def scrape(server) -> str:
    with urllib.request.urlopen(f"http://{server.metrics}/metrics", timeout=10) as answer:
        return answer.read().decode()


def test_refusals_are_audited_and_counted_and_no_token_is_told(secured):
    log, audit = secured
    assert 'graphfeed_tenant_rpcs_total{tenant="ann"} 0' in scrape(log.server), "known from the start"
    client = gf.connect(log.server.address, token=TOKEN)
    client.ingest("g", GRAPHS)
    frames = train(client.dataset("g"))
    with pytest.raises(gf.PermissionDenied):
        client.dataset("h")
    assert snapshot(log.server, GRAPHFEED_TOKEN=TOKEN).returncode != 0
    for token in (WRONG, None):
        with pytest.raises(gf.Unauthenticated):
            gf.connect(log.server.address, token=token).datasets()

    entries = [json.loads(line) for line in audit.read_text().splitlines()]
    seen = [(e["principal"], e["action"], e["method"], e["result"]) for e in entries]
    assert ("ann", "ingest", "Ingest", "OK") in seen
    assert ("ann", "call", "GetDataset", "PERMISSION_DENIED") in seen
    assert ("ann", "snapshot", "CreateSnapshot", "PERMISSION_DENIED") in seen
    assert seen.count(("unknown", "call", "ListDatasets", "UNAUTHENTICATED")) >= 2
    refused = log.wait("call.end", code="PERMISSION_DENIED", method="CreateSnapshot")
    assert refused["level"] == "warn" and "operator" in refused["message"]

    metrics = scrape(log.server)
    for reason in ("missing", "token", "role", "dataset"):
        assert re.search(rf'graphfeed_auth_failures_total{{reason="{reason}"}} [1-9]', metrics), reason
    assert 'graphfeed_auth_failures_total{reason="certificate"} 0' in metrics
    assert f'graphfeed_tenant_frames_sent_total{{tenant="ann"}} {frames}\n' in metrics
    assert f'graphfeed_dataset_frames_sent_total{{dataset="g"}} {frames}\n' in metrics
    assert 'graphfeed_tenant_open_streams{tenant="ann"} 0' in metrics
    # GetDataset of "h", which it has no grant for, and a snapshot, which it has no role for.
    assert 'graphfeed_tenant_refused_rpcs_total{tenant="ann"} 2' in metrics
    assert re.search(r'graphfeed_tenant_refused_rpcs_total{tenant="unknown"} [1-9]', metrics)
    assert 'graphfeed_dataset_refused_rpcs_total{dataset="g"} 0' in metrics
    assert 'dataset="h"' not in metrics, "what is asked for is no label"

    log.server.stop()
    for text in (log.text(), audit.read_text(), metrics):
        assert TOKEN not in text and WRONG not in text
        assert TOKEN.encode().hex() not in text.replace(" ", "")


# --- what must not hold a server up ---------------------------------------------------------------


def test_a_server_whose_lines_nobody_reads_serves_and_stops(tmp_path):
    server = Server(tmp_path / "data", "--log-level", "debug", stderr=subprocess.PIPE)
    client = gf.connect(server.address)
    name = "n" * 60
    for _ in range(400):  # more than a pipe holds: 64 KiB
        with pytest.raises(gf.NotFound):
            client.dataset(name)
    assert server.stop() == 0
    server.process.stderr.close()


def test_a_slow_build_is_warned_of(start):
    log = start("--log-format", "json", "--slow-build", "1ms")
    client = gf.connect(log.server.address)
    rng = np.random.default_rng(1)
    large = [{"x": rng.random((200_000, 32), np.float32), "edge_index": np.array([[0, 1], [1, 0]])} for _ in range(2)]
    client.ingest("large", large)
    list(gf.FixedSizeDataLoader(client.dataset("large"), fixed_size_options=gf.FixedSizeOptions(200_001, 20, num_graphs=2)))
    slow = log.wait_for_lines("build.slow")
    assert slow[0]["level"] == "warn" and slow[0]["dataset"] == "large@1"
    assert slow[0]["ms"] >= 1 and re.fullmatch("[0-9a-f]{32,64}", slow[0]["spec_digest"])
    assert slow[0]["ordinal"] >= 0


def test_a_follower_says_whom_it_is_in_sync_with(start, tmp_path):
    sources = [Server(tmp_path / name) for name in ("writer", "second")]
    try:
        addresses = [source.address for source in sources]
        follower = start("--follow", ",".join(addresses), "--follow-every=100ms", "--log-format=json")
        follower.wait("follow.in_sync", source=addresses[0])
        sources[0].stop()
        follower.wait("follow.in_sync", source=addresses[1])
        sources[1].stop()
        assert follower.wait("follow.failed")["source"] == addresses[0]
    finally:
        for source in sources:
            source.stop()
