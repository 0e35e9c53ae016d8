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
PENDING_FLAGS = {"follow", "follow-every", "follow-max-lag", "log-format", "read-only", "snapshot-keep",
                 "stream-max-age"}  # fmt: skip

# As these: then tests of who may do what pass that are expected to fail.
ACCESS_IS_PENDING = True

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
             for entry in c.get("env", [])}  # fmt: skip
    assert given == {"POD_NAME", "GRAPHFEED_ROOT_CA", "GRAPHFEED_TOKEN_FILE"}
    # test_clients_may_have_certificates has these.
    for variable in given - {"POD_NAME"} | {"GRAPHFEED_CERT", "GRAPHFEED_KEY"}:
        assert variable.encode() + b"\0" in programs, variable


def written(config: dict, folder: pathlib.Path, **other) -> pathlib.Path:
    """The file of a configuration, with places of this machine, without what is pending."""
    places = {"/etc/graphfeed": f"{folder}/etc", "/var/lib/graphfeed": f"{folder}/data", "/run/graphfeed": folder}
    moved = {}
    for key, value in (config | other).items():
        for place, ours in places.items():
            value = value.replace(place, str(ours)) if isinstance(value, str) else value
        if key not in PENDING_FLAGS:
            moved[key] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(moved))
    return folder / "config.yaml"


@every_set
def test_the_server_has_nothing_to_say_about_its_configuration(name, tmp_path):
    for config in configurations(name).values():
        done = subprocess.run([BIN / "graphfeed-server", "--check-config", "--config", written(config, tmp_path)],
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        assert done.returncode == 0, done.stderr
        # It would have: what it is asked is more than whether it is YAML.
        done = subprocess.run([BIN / "graphfeed-server", "--check-config", "--config",
                               written(config, tmp_path, **{"plan-memory": "much", "listen": "0.0.0.0"})],
                              capture_output=True, text=True, timeout=60)  # fmt: skip
        assert done.returncode == 2 and "plan-memory" in done.stderr and "listen" in done.stderr


def started(config: dict, folder: pathlib.Path) -> Server:
    """With a configuration, on free ports."""
    return Server(folder / "data/data", f"--config={written(config, folder)}")


@every_set
def test_servers_answer_the_probes(name, tmp_path):
    found = objects(name)
    paths = {container[kind]["httpGet"]["path"] for _, pod in pods(found) for container in containers(pod)
             for kind in ("startupProbe", "livenessProbe", "readinessProbe")
             if container["name"] == "server" and kind in container}  # fmt: skip
    assert paths == {"/healthz", "/readyz"}
    for of, config in configurations(name).items():
        folder = tmp_path / of
        folder.mkdir()
        secrets(folder / "etc")
        server = started(config, folder)
        try:
            for path in paths:
                with urllib.request.urlopen(f"http://{server.metrics}{path}", timeout=10) as answer:
                    assert answer.status == 200
        finally:
            assert server.stop() == 0


HASTE = " --timeout 5 --retry-timeout 2"
TOKENS = {"reader": "reads-0123456789abcdef", "chart": "all-0123456789abcdef"}


def secrets(folder: pathlib.Path) -> None:
    """What Secrets are mounted as below /etc/graphfeed: certificates, tokens, who may do what."""
    (folder / "tls").mkdir(parents=True)
    certificate = ["-keyout", folder / "tls/tls.key", "-out", folder / "tls/tls.crt", "-days", "1", "-nodes",
                   "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=graphfeed",
                   "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]  # fmt: skip
    subprocess.run(["openssl", "req", "-x509", *certificate], check=True, capture_output=True)
    (folder / "tls/ca.crt").write_bytes((folder / "tls/tls.crt").read_bytes())
    (folder / "access").mkdir()
    (folder / "access/access.yaml").write_text(yaml.safe_dump({"principals": [
        {"name": "team", "token": TOKENS["reader"], "roles": ["reader"]},
        {"name": "chart", "token": TOKENS["chart"], "roles": ["reader", "writer", "operator", "worker"]},
    ]}))  # fmt: skip
    (folder / "client").mkdir()
    (folder / "client/token").write_text(TOKENS["chart"] + "\n")


@pytest.fixture
def server(tmp_path):
    running = Server(tmp_path / "data", f"--snapshot-dir={tmp_path / 'snapshots'}")
    yield running
    assert running.stop() == 0


def one(name: str, kind: str, part: str) -> tuple[dict, dict]:
    """A pod of the set's, and its container."""
    ((_, pod),) = [(m, p) for m, p in pods(objects(name)) if m.startswith(f"{kind} ") and part in m]
    return pod, pod["spec"]["containers"][0]


def run(words: list[str], replaced: dict[str, str], environment: dict[str, str] | None = None) -> str:
    """A container's command, with this machine's places for the pod's."""
    for pattern, value in replaced.items():
        words = [re.sub(pattern, value, word) for word in words]
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **(environment or {})},
    )  # fmt: skip
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


@pytest.fixture
def secure(tmp_path):
    """The secure set's writer, and what runs the command of one of its jobs with an environment."""
    (tmp_path / "datasets").mkdir()
    molecules(tmp_path / "datasets")
    secrets(tmp_path / "etc")
    (tmp_path / "reader").write_text(TOKENS["reader"])
    server = started(configurations("secure")["graphfeed-writer"], tmp_path)

    def job(kind: str, part: str, more: str = "", **environment: str) -> str:
        _, container = one("secure", kind, part)
        words = [*container["command"], *container["args"]]
        words = [*words[:-1], words[-1] + more] if kind == "CronJob" else [*words, *more.split()]
        given = {e["name"]: e["value"].replace("/etc/graphfeed", f"{tmp_path}/etc") for e in container["env"]}
        places = {"graphfeed-writer:50051": server.address, r"^/data/": f"{tmp_path}/datasets/"}
        return run(words, places, given | environment)

    yield job
    assert server.stop() == 0


JOBS = [("Job", "ingest"), ("CronJob", "snapshot")]


def test_the_secure_set_s_jobs_may_do_what_they_do(secure, tmp_path):
    for kind, part in JOBS:
        secure(kind, part)
    assert len(list((tmp_path / "data/snapshots").iterdir())) == 1


def test_who_does_not_know_the_secure_set_s_authority_hangs_up(secure):
    with pytest.raises(AssertionError, match="UNAVAILABLE"):
        secure("Job", "ingest", HASTE, GRAPHFEED_ROOT_CA="/etc/ssl/certs/ca-certificates.crt")


@pytest.mark.xfail(ACCESS_IS_PENDING, strict=True, reason="servers take --access and do not read it")
@pytest.mark.parametrize("kind, part", JOBS)
@pytest.mark.parametrize("token, said", [("reader", "PERMISSION_DENIED"), ("", "UNAUTHENTICATED")])
def test_strangers_and_readers_may_not_do_what_the_secure_set_s_jobs_do(
    secure, tmp_path, kind, part, token, said
):
    with pytest.raises(AssertionError, match=said):
        secure(kind, part, HASTE, GRAPHFEED_TOKEN_FILE=str(tmp_path / token) if token else "")
