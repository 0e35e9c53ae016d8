"""What the chart starts is what the programs take: flags exist, configurations are accepted, and the
commands of its jobs do what they say."""

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest
from chart import ROOT, SETS, containers, objects, of_kind, pods
from mounted_secrets import Secrets
from programs import (
    BIN,
    configurations,
    flags,
    molecules,
    one,
    run,
    started,
    words_of,
    written,
)
from server_process import Server

every_set = pytest.mark.parametrize("name", SETS)
# test_rados.py starts the others, on a cluster.
on_folders = pytest.mark.parametrize("name", [name for name in SETS if "rados" not in name])


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
            assert given and given <= flags(*command), f"{maker}: {command}"


@every_set
def test_the_server_knows_the_keys_of_its_configuration(name):
    assert configurations(name)
    for of, config in configurations(name).items():
        assert set(config) <= flags("graphfeed-server"), of


def test_the_environment_is_one_that_clients_read():
    programs = b"".join((BIN / p).read_bytes() for p in ("graphfeed", "graphfeed-worker"))
    given = {entry["name"] for name in SETS for _, pod in pods(objects(name)) for c in containers(pod)
             for entry in c.get("env", [])}  # fmt: skip
    assert given == {"POD_NAME", "GRAPHFEED_ROOT_CA", "GRAPHFEED_TOKEN_FILE"}
    # test_clients_may_have_certificates has these.
    for variable in given - {"POD_NAME"} | {"GRAPHFEED_CERT", "GRAPHFEED_KEY"}:
        assert variable.encode() + b"\0" in programs, variable


@every_set
def test_the_server_has_nothing_to_say_about_its_configuration(name, tmp_path):
    Secrets(tmp_path / "etc")
    for config in configurations(name).values():
        done = subprocess.run([BIN / "graphfeed-server", "--check-config", "--config", written(config, tmp_path)],
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        assert done.returncode == 0, done.stderr
        # It would have: what it is asked is more than whether it is YAML.
        done = subprocess.run([BIN / "graphfeed-server", "--check-config", "--config",
                               written(config, tmp_path, **{"plan-memory": "much", "listen": "0.0.0.0"})],
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        assert done.returncode == 2 and "plan-memory" in done.stderr and "listen" in done.stderr


@on_folders
def test_servers_answer_the_probes(name, tmp_path, monkeypatch):
    found = objects(name)
    paths = {container[kind]["httpGet"]["path"] for _, pod in pods(found) for container in containers(pod)
             for kind in ("startupProbe", "livenessProbe", "readinessProbe")
             if container["name"] == "server" and kind in container}  # fmt: skip
    assert paths == {"/healthz", "/readyz"}
    Secrets(tmp_path / "etc")
    # What followers and sidecars show their writer, if the set has any.
    for variable, file in (("GRAPHFEED_ROOT_CA", "tls/ca.crt"), ("GRAPHFEED_TOKEN_FILE", "client/token")):
        if name == "secure":
            monkeypatch.setenv(variable, str(tmp_path / "etc" / file))
    servers = []
    try:
        # The writer first, which the others follow.
        for of, config in sorted(configurations(name).items(), key=lambda entry: "follow" in entry[1]):
            folder = tmp_path / of
            folder.mkdir()
            (folder / "etc").symlink_to(tmp_path / "etc")
            other = {"follow": servers[0].address} if "follow" in config else {}
            servers.append(started(config, folder, **other))
            for path in paths:
                answers_within(30, f"http://{servers[-1].metrics}{path}")
    finally:
        assert [server.stop() for server in servers] == [0] * len(servers)


def answers_within(seconds: float, url: str) -> None:
    """A follower is not ready before its first copy."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                assert answer.status == 200
                return
        except urllib.error.HTTPError as error:
            assert error.code == 503 and time.monotonic() < deadline, f"{url}: {error.code}"
        time.sleep(0.2)


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data", f"--snapshot-dir={tmp_path / 'snapshots'}")
    yield running
    assert running.stop() == 0


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
