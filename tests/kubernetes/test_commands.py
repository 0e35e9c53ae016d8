"""What the chart starts is what the programs take: flags exist, configurations are accepted, and the
commands of its jobs do what they say."""

import functools
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import urllib.request

import pytest
import yaml
from chart import ROOT, SETS, containers, objects, of_kind, pods
from server_process import Server

# The chart names these, and the programs do not know them yet: a test fails once they do.
PENDING_FLAGS = {
    "access", "allow-unauthenticated", "config", "follow", "follow-every", "follow-max-lag", "log-format",
    "read-only", "snapshot-keep", "stream-max-age", "tls-cert", "tls-client-ca", "tls-client-cert", "tls-key",
}  # fmt: skip
PENDING_ENVIRONMENT = {"GRAPHFEED_ROOT_CA", "GRAPHFEED_TOKEN_FILE", "GRAPHFEED_CERT", "GRAPHFEED_KEY"}

BIN = pathlib.Path(os.environ["GRAPHFEED_SERVER"]).parent
every_set = pytest.mark.parametrize("name", SETS)


@functools.cache
def flags(*command: str) -> set[str]:
    """That a program, or a command of one, says it has."""
    done = subprocess.run([BIN / command[0], *command[1:], "--help"],
                          capture_output=True, text=True, check=True)
    return set(re.findall(r"(?<![\w-])--([a-z][a-z0-9-]*)", done.stdout))


def words_of(container: dict) -> list[str]:
    words = [*container["command"], *container.get("args", [])]
    if words[:2] == ["/bin/sh", "-ec"]:
        words = shlex.split(words[2].removeprefix("exec "))
    return words


def configurations(name: str) -> dict[str, dict]:
    return {o["metadata"]["name"]: yaml.safe_load(o["data"]["config.yaml"])
            for o in of_kind("ConfigMap", objects(name)) if "config.yaml" in o["data"]}


@every_set
def test_programs_know_the_flags_that_they_are_given(name):
    for maker, pod in pods(objects(name)):
        for container in containers(pod):
            words = words_of(container)
            command = []
            for word in words:
                if word.startswith(("-", "/", '"', "$")) or len(command) == 3 or command[-1:] == ["snapshot"]:
                    break
                command.append(word)
            given = {word[2:] for word in words if word.startswith("--")}
            assert given and given - flags(*command) <= PENDING_FLAGS, f"{maker}: {command}"


@every_set
def test_the_server_knows_the_keys_of_its_configuration(name):
    assert configurations(name)
    for of, config in configurations(name).items():
        assert set(config) - flags("graphfeed-server") <= PENDING_FLAGS, of


def test_flags_that_are_pending_are_not_there_yet():
    assert not PENDING_FLAGS & flags("graphfeed-server"), "take them out of PENDING_FLAGS"


def test_the_environment_is_one_that_clients_read():
    programs = b"".join((BIN / p).read_bytes() for p in ("graphfeed", "graphfeed-worker"))
    given = {entry["name"] for name in SETS for _, pod in pods(objects(name)) for c in containers(pod)
             for entry in c.get("env", [])} | PENDING_ENVIRONMENT  # fmt: skip
    for variable in given - {"POD_NAME"}:
        known = variable.encode() + b"\0" in programs
        assert known != (variable in PENDING_ENVIRONMENT), variable


def accepted(config: dict, folder: pathlib.Path) -> list[str]:
    """A configuration as flags, with places of this machine, without what is pending."""
    ours = {"data-dir", "listen", "metrics-listen", *PENDING_FLAGS}
    result = [f"--{key}={value}" for key, value in config.items() if key not in ours | {"snapshot-dir"}]
    return [*result, f"--snapshot-dir={folder / 'snapshots'}"]


@every_set
def test_the_server_takes_its_configuration_and_answers_probes(name, tmp_path):
    found = objects(name)
    for of, config in configurations(name).items():
        folder = tmp_path / of
        folder.mkdir()
        server = Server(folder / "data", *accepted(config, folder))
        try:
            for _, pod in pods(found):
                for container in containers(pod):
                    for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                        if container["name"] == "server" and kind in container:
                            path = container[kind]["httpGet"]["path"]
                            with urllib.request.urlopen(f"http://{server.metrics}{path}", timeout=10) as answer:
                                assert answer.status == 200
        finally:
            assert server.stop() == 0


@pytest.mark.skipif("config" in PENDING_FLAGS, reason="--config is pending")
@every_set
def test_the_server_checks_its_configuration(name, tmp_path):
    for of, config in configurations(name).items():
        file = tmp_path / f"{of}.yaml"
        moved = config | {"data-dir": str(tmp_path / "data")}
        # Files of secrets are not here.
        for key in [k for k in moved if k.startswith("tls-") or k == "access"]:
            del moved[key]
        if not moved["listen"].startswith("unix:"):
            moved["allow-unauthenticated"] = "on"
        file.write_text(yaml.safe_dump(moved))
        done = subprocess.run([BIN / "graphfeed-server", "--config", file, "--check-config"],
                              capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data", f"--snapshot-dir={tmp_path / 'snapshots'}")
    yield running
    assert running.stop() == 0


def one(name: str, kind: str, part: str) -> tuple[dict, dict]:
    """A pod of the set's, and its container."""
    ((_, pod),) = [(m, p) for m, p in pods(objects(name)) if m.startswith(f"{kind} ") and part in m]
    return pod, pod["spec"]["containers"][0]


def run(words: list[str], replaced: dict[str, str]) -> str:
    """A container's command, with this machine's places for the pod's."""
    for pattern, value in replaced.items():
        words = [re.sub(pattern, value, word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"})
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def molecules(folder: pathlib.Path) -> pathlib.Path:
    """A dataset in the TU format, named MUTAG, with MUTAG's columns: 30 rings."""
    folder = folder / "MUTAG"
    folder.mkdir()
    edges, indicator, node_labels, edge_labels, first = [], [], [], [], 1
    for graph in range(30):
        nodes = 5 + graph % 8
        indicator += [graph + 1] * nodes
        node_labels += [n % 7 for n in range(nodes)]
        for n in range(nodes):
            edges += [(first + n, first + (n + 1) % nodes), (first + (n + 1) % nodes, first + n)]
            edge_labels += [n % 4] * 2
        first += nodes
    for name, lines in (("A", [f"{a}, {b}" for a, b in edges]), ("graph_indicator", indicator),
                        ("node_labels", node_labels), ("edge_labels", edge_labels),
                        ("graph_labels", [1 - 2 * (g % 2) for g in range(30)])):
        (folder / f"MUTAG_{name}.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder


def test_the_jobs_ingest_train_and_keep_snapshots(server, tmp_path):
    (tmp_path / "datasets").mkdir()
    molecules(tmp_path / "datasets")
    to_server = {r"^graphfeed(-writer)?:50051$": server.address,
                 r"graphfeed-writer:50051": server.address}
    _, ingest = one("workers", "Job", "ingest")
    for _ in range(2):  # a second time stores nothing
        said = run(words_of(ingest), {**to_server, r"^/data/": f"{tmp_path}/datasets/"})
        assert "mutag@1: 30 graphs" in said, said

    _, snapshot = one("secure", "CronJob", "snapshot")
    run([*snapshot["command"], *snapshot["args"]], to_server)
    (kept,) = (tmp_path / "snapshots").iterdir()
    assert re.fullmatch(r"\d{8}-\d{6}", kept.name)

    export = ["gin", "--out", tmp_path / "gin.pt", "--in-channels", "7", "--edge-channels", "4",
              "--num-graphs", "16"]  # fmt: skip
    subprocess.run([sys.executable, ROOT / "client/worker/models/export.py", *export], check=True)
    pod, worker = one("workers", "Job", "worker-sharded")
    (spec,) = [o for o in of_kind("ConfigMap", objects("workers"))
               if o["metadata"]["name"] == pod["spec"]["volumes"][0]["configMap"]["name"]]
    (tmp_path / "spec.json").write_text(spec["data"]["spec.json"])
    words = words_of(worker)
    words += ["--json"]
    at = words.index("--model-sha256")  # that of nobody's model
    assert words[at + 1] == "0" * 64
    del words[at:at + 2]
    (tmp_path / "checkpoints").mkdir()
    for shard in ("0", "1"):
        said = run(words, {
            **to_server, r"^/etc/graphfeed/run/": f"{tmp_path}/", r"^/model/": f"{tmp_path}/",
            r"^/checkpoints/": f"{tmp_path}/checkpoints/", r"^0\.0\.0\.0:9465$": "127.0.0.1:0",
            r"\$\(JOB_COMPLETION_INDEX\)": shard, r"\$\(POD_NAME\)": f"pod-{shard}",
        })  # fmt: skip
        events = [json.loads(line) for line in said.splitlines()]
        assert events[-1]["event"] == "end" and len([e for e in events if e["event"] == "epoch"]) == 10
    assert sorted(p.name for p in (tmp_path / "checkpoints").iterdir()) == ["sharded-0", "sharded-1"]
