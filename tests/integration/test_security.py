"""Who may do what: tokens, certificates, roles, grants; what changes while a server runs."""

from __future__ import annotations

import datetime
import fcntl
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import grpc
import numpy as np
import pytest

import graphfeed as gf

READER, WRITER, OPERATOR, WORKER, NARROW = (
    f"{name}-token-0123456789" for name in ("reader", "writer", "operator", "worker", "narrow")
)
ACCESS = f"""
principals:
  - {{name: reader, token: {READER}, roles: reader, datasets: ["*"]}}
  - {{name: writer, token: {WRITER}, roles: [writer], datasets: ["*"]}}
  - {{name: operator, token: {OPERATOR}, roles: [operator], datasets: ["*"]}}
  - {{name: worker, token: {WORKER}, roles: [worker], datasets: ["*"]}}
  - {{name: narrow, token: {NARROW}, roles: [reader, writer, operator, worker], datasets: ["team-a-*"]}}
  - {{name: second, token: second-token-0123456789, roles: reader, datasets: [mol]}}
  - {{name: host, certificate: trainer.example, roles: [reader], datasets: ["*"]}}
"""


def graphs(count: int = 20):
    for i in range(count):
        n = 2 + i % 5
        yield {
            "x": np.full((n, 3), i, np.float32),
            "edge_index": np.array([[0, 1], [1, 0]]),
            "y": np.array([i % 2]),
        }


class Authority:
    """Makes certificates with the command openssl."""

    def __init__(self, folder: pathlib.Path, name: str) -> None:
        self.folder, self.name = folder, name
        folder.mkdir(exist_ok=True)
        self.certificate = folder / f"{name}.pem"
        self._run(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", self._key, "-out", self.certificate, "-subj", f"/CN={name}", "-days", "2",
        )  # fmt: skip

    @property
    def _key(self) -> pathlib.Path:
        return self.folder / f"{self.name}.key"

    @staticmethod
    def _run(*arguments) -> None:
        subprocess.run(
            ["openssl", *map(str, arguments)], check=True, capture_output=True, timeout=60
        )

    def issue(
        self, name: str, names: str = "", days: int = 2, start: datetime.datetime | None = None
    ) -> tuple[str, str]:
        """The files of a certificate for `name` and of its key. Negative days: it has expired;
        valid from `start` on, where that is given."""
        base = f"{self.folder}/{self.name}-{name}"
        key, request, extensions, certificate, database, serial, config = (
            pathlib.Path(f"{base}.{ending}")
            for ending in ("key", "csr", "ext", "crt", "db", "serial", "cnf")
        )
        self._run(
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", key, "-out", request, "-subj", f"/CN={name}",
        )  # fmt: skip
        extensions.write_text(f"subjectAltName={names or 'DNS:' + name}\n")
        if days > 0 and start is None:
            self._run(
                "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self._key,
                "-CAcreateserial", "-days", days, "-extfile", extensions, "-out", certificate,
            )  # fmt: skip
        else:  # x509 of this release takes neither: its own authority does
            ends = "20200201000000Z" if start is None else "20990101000000Z"
            begins = "20200101000000Z" if start is None else start.strftime("%Y%m%d%H%M%SZ")
            database.write_text("")
            serial.write_text("01")
            config.write_text(
                f"[ca]\ndefault_ca=a\n[a]\ndatabase={database}\nserial={serial}\n"
                f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
            )
            self._run(
                "ca", "-batch", "-config", config, "-in", request, "-cert", self.certificate,
                "-keyfile", self._key, "-startdate", begins, "-enddate", ends,
                "-extfile", extensions, "-out", certificate, "-notext",
            )  # fmt: skip
        return str(certificate), str(key)


def server_certificate(authority: Authority) -> list[str]:
    return tls_flags(authority, "server", "DNS:localhost,IP:127.0.0.1")


def tls_flags(authority: Authority, name: str, names: str = "") -> list[str]:
    certificate, key = authority.issue(name, names)
    return [f"--tls-cert={certificate}", f"--tls-key={key}"]


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "authority")


@pytest.fixture
def access(tmp_path) -> pathlib.Path:
    path = tmp_path / "access.yaml"
    path.write_text(ACCESS)
    return path


@pytest.fixture
def guarded(start_server, tmp_path, access):
    """A server that asks for tokens, with a dataset of each team."""
    server = start_server(
        tmp_path / "data", f"--access={access}", f"--snapshot-dir={tmp_path / 'snapshots'}",
        f"--audit-log={tmp_path / 'audits'}",
    )  # fmt: skip
    with connect(server, WRITER) as client:
        for name in ("team-a-mol", "team-b-mol"):
            client.ingest(name, graphs())
    return server


def connect(server, token=None, **arguments) -> gf.Client:
    return gf.connect(server.address, token=token, retry_timeout=0, **arguments)


def stream(client, name: str) -> int:
    return sum(1 for _ in gf.DataLoader(client.dataset(name), batch_size=4))


def report(client) -> None:
    now = int(time.time() * 1000)
    client._report_worker(
        {"worker": "w", "job": "j", "dataset": "team-b-mol", "start_ms": now, "sequence": 1,
         "interval_ms": 60000}
    )  # fmt: skip


def snapshot(client) -> str:
    """By the command line; what it prints. Raises the error whose name is in what it says."""
    token = client._connection.settings.security.get("token", "")
    done = subprocess.run(
        [os.environ["GRAPHFEED_CLI"], "snapshot", f"s{time.time_ns()}",
         "--server", client.endpoints[0], "--retry-timeout=0"],
        env={**os.environ, "GRAPHFEED_TOKEN": token}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    for code in ("PERMISSION_DENIED", "UNAUTHENTICATED"):
        if code in done.stderr:
            raise getattr(gf.errors, code.title().replace("_", ""))(done.stderr)
    assert done.returncode == 0, done.stderr
    return done.stdout


ALLOWED = {
    READER: {"list", "describe", "stream", "workers"},
    WRITER: {"ingest", "delete"},
    OPERATOR: {"snapshot", "workers"},
    WORKER: {"report", "workers"},
}
CALLS = {
    "list": lambda c: c.datasets(),
    "describe": lambda c: c.dataset("team-b-mol").info,
    "stream": lambda c: stream(c, "team-b-mol"),
    "workers": lambda c: c.workers(),
    "ingest": lambda c: c.ingest("team-b-new", graphs(3)),
    "delete": lambda c: c.delete("team-b-mol@1"),
    "snapshot": snapshot,
    "report": report,
}


def raised(call, client) -> str:
    try:
        call(client)
    except gf.Error as error:
        return type(error).__name__
    return ""


@pytest.mark.parametrize("token", ALLOWED, ids=lambda token: token.split("-")[0])
def test_a_role_may_do_its_own_and_nothing_else(guarded, token):
    client = connect(guarded, token)
    for name, call in CALLS.items():
        expected = "" if name in ALLOWED[token] else "PermissionDenied"
        assert raised(call, client) == expected, name
    assert client.server_info().version


@pytest.mark.parametrize("token", [None, "wrong-token-0123456789", READER[:-1], READER + "0"])
def test_nobody_else_is_served(guarded, token):
    client = connect(guarded, token)
    for name, call in CALLS.items():
        assert raised(call, client) == "Unauthenticated", name
    with pytest.raises(gf.errors.Unauthenticated) as caught:
        client.datasets()
    assert token is None or token not in str(caught.value)
    assert "team" not in str(caught.value)


def test_what_has_no_grant_is_not_even_named(guarded):
    client = connect(guarded, NARROW)
    assert [info.name for info in client.datasets()] == ["team-a-mol"]
    assert stream(client, "team-a-mol") == 5
    for name in ("team-b-mol", "team-b-mol@1", "there-is-none"):
        with pytest.raises(gf.errors.PermissionDenied, match="has no grant for the dataset"):
            client.dataset(name).info  # noqa: B018
    for call in ("stream", "delete", "ingest"):
        assert raised(CALLS[call], client) == "PermissionDenied", call
    said = snapshot(client)
    assert "team-a" in said and "team-b" not in said
    report(connect(guarded, WORKER))
    assert [worker.worker for worker in connect(guarded, READER).workers()] == ["w"]
    assert client.workers() == []
    client.ingest("team-a-new", graphs(3))


def test_a_token_file_is_read_for_each_call(guarded, tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text(f"{READER}\n")
    client = gf.connect(guarded.address, token_file=file, retry_timeout=0)
    assert client.datasets()
    file.write_text(WORKER)
    assert raised(CALLS["list"], client) == "PermissionDenied"
    monkeypatch.setenv("GRAPHFEED_TOKEN_FILE", str(file))
    assert gf.connect(guarded.address).workers() == []
    with pytest.raises(ValueError, match="token_file"):
        gf.connect(guarded.address, token_file=tmp_path / "absent").datasets()
    with pytest.raises(ValueError, match="one of them is enough"):
        gf.connect(guarded.address, token="a", token_file=file).datasets()


def test_the_command_line_shows_its_token(guarded, tmp_path):
    def run(*flags, **environment):
        return subprocess.run(
            [os.environ["GRAPHFEED_CLI"], "ls", "--server", guarded.address, *flags],
            env={**os.environ, **environment}, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    refused = run()
    assert refused.returncode != 0 and "wants a token" in refused.stderr
    assert "team-b-mol" in run(GRAPHFEED_TOKEN=READER).stdout
    file = tmp_path / "token"
    file.write_text(NARROW)
    narrow = run("--token-file", str(file))
    assert "team-a-mol" in narrow.stdout and "team-b" not in narrow.stdout


def test_tls_with_and_without_the_right_authority(start_server, tmp_path, authority):
    server = start_server(tmp_path / "data", *server_certificate(authority))
    client = connect(server, root_ca=authority.certificate)
    client.ingest("mol", graphs())
    assert stream(client, "mol") == 5
    other = Authority(tmp_path / "other", "other")
    for hint, arguments in {
        "may want root_ca": {},
        "does not come from those in root_ca": {"root_ca": other.certificate},
    }.items():
        with pytest.raises(gf.errors.Unavailable, match=hint):
            connect(server, **arguments).datasets()
    port = server.address.rsplit(":", 1)[1]
    by_name = gf.connect(f"localhost:{port}", root_ca=authority.certificate, retry_timeout=0)
    assert by_name.datasets()
    plain = start_server(tmp_path / "plain")
    with pytest.raises(gf.errors.Unavailable, match="speaks without TLS"):
        connect(plain, root_ca=authority.certificate).datasets()
    elsewhere = start_server(tmp_path / "elsewhere", *tls_flags(authority, "elsewhere.example"))
    with pytest.raises(gf.errors.Unavailable, match="is for other names"):
        connect(elsewhere, root_ca=authority.certificate).datasets()


@pytest.mark.parametrize("what", ["root_ca", "cert", "token_file"])
def test_a_folder_is_not_taken_for_a_file(tmp_path, authority, what):
    files = {"root_ca": authority.certificate, "cert": authority.certificate, "key": authority.certificate}
    folder = {**(files if what != "token_file" else {}), what: tmp_path}
    with pytest.raises(ValueError, match=f'{what}: "{tmp_path}" cannot be read: Is a directory'):
        gf.connect("127.0.0.1:1", **folder).datasets()


def test_client_certificates(start_server, tmp_path, authority, access):
    server = start_server(
        tmp_path / "data", *server_certificate(authority), f"--access={access}",
        f"--tls-client-ca={authority.certificate}",
    )  # fmt: skip

    def client(cert_and_key, token=None):
        cert, key = cert_and_key
        return connect(server, token, root_ca=authority.certificate, cert=cert, key=key)

    known = authority.issue("trainer.example")
    assert client(known).datasets() == []
    assert raised(CALLS["ingest"], client(known)) == "PermissionDenied"
    client(known, WRITER).ingest("mol", graphs(3))  # a token decides, where one is shown
    assert raised(CALLS["list"], client(known, "wrong-token-0123456789")) == "Unauthenticated"
    stranger = authority.issue("stranger.example")
    assert raised(CALLS["list"], client(stranger)) == "Unauthenticated"
    forged = Authority(tmp_path / "forger", "authority").issue("trainer.example")
    assert raised(CALLS["list"], client(forged)) == "Unavailable"
    expired = authority.issue("trainer.example.old", "DNS:trainer.example", days=-1)
    assert raised(CALLS["list"], client(expired)) == "Unavailable"
    without = connect(server, READER, root_ca=authority.certificate)
    assert raised(CALLS["list"], without) == "Unavailable"


def test_a_token_instead_of_a_certificate(start_server, tmp_path, authority, access):
    server = start_server(
        tmp_path / "data", *server_certificate(authority), f"--access={access}",
        f"--tls-client-ca={authority.certificate}", "--tls-client-cert=request",
    )  # fmt: skip
    assert connect(server, READER, root_ca=authority.certificate).datasets() == []
    assert raised(CALLS["list"], connect(server, root_ca=authority.certificate)) == "Unauthenticated"
    cert, key = authority.issue("trainer.example")
    assert connect(server, root_ca=authority.certificate, cert=cert, key=key).datasets() == []


def test_certificates_are_replaced_while_it_runs(start_server, tmp_path, authority):
    flags = server_certificate(authority)
    cert, key = (pathlib.Path(flag.split("=", 1)[1]) for flag in flags)
    own = [tmp_path / "server.crt", tmp_path / "server.key"]
    own[0].write_bytes(cert.read_bytes())
    own[1].write_bytes(key.read_bytes())
    server = start_server(tmp_path / "data", f"--tls-cert={own[0]}", f"--tls-key={own[1]}")
    roots = tmp_path / "roots.pem"
    roots.write_bytes(authority.certificate.read_bytes())
    client = connect(server, root_ca=roots)
    client.ingest("mol", graphs())
    batches = iter(gf.DataLoader(client.dataset("mol"), batch_size=1))
    next(batches)
    successor = Authority(tmp_path / "successor", "successor")
    new_cert, new_key = successor.issue("server", "IP:127.0.0.1")
    # One after the other: until the second has come, what is there does not fit and is not used.
    for own_file, new_file in zip(own, (new_cert, new_key)):
        server.process.send_signal(signal.SIGHUP)
        for _ in range(20):
            assert connect(server, root_ca=roots).datasets()
            time.sleep(0.1)
        own_file.write_bytes(pathlib.Path(new_file).read_bytes())
    wait_for(
        lambda: raised(CALLS["list"], connect(server, root_ca=successor.certificate)) == "",
        "the new certificate is not shown",
    )
    roots.write_bytes(successor.certificate.read_bytes())
    assert client.datasets()  # the same client
    assert sum(1 for _ in batches) == 19  # its stream has gone on


def test_what_could_not_be_used_is_tried_again(start_server, tmp_path, authority):
    """A certificate that is put there before its time."""
    own = [tmp_path / "server.crt", tmp_path / "server.key"]

    def put(certificate_and_key):  # the key first: what is between them does not fit
        for own_file, file in reversed(list(zip(own, certificate_and_key))):
            own_file.write_bytes(pathlib.Path(file).read_bytes())

    put(authority.issue("server", "IP:127.0.0.1"))
    audits = tmp_path / "audits"
    server = start_server(tmp_path / "data", f"--tls-cert={own[0]}", f"--tls-key={own[1]}",
                          f"--audit-log={audits}")  # fmt: skip
    successor = Authority(tmp_path / "successor", "successor")
    soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=15)
    put(successor.issue("server", "IP:127.0.0.1", start=soon))
    wait_for(lambda: "not valid yet" in audits.read_text(), "it is not looked at")
    assert connect(server, root_ca=authority.certificate).datasets() == []
    wait_for(
        lambda: raised(CALLS["list"], connect(server, root_ca=successor.certificate)) == "",
        "it is not tried again",
    )
    assert audits.read_text().count("not valid yet") == 1


def test_an_old_authority_may_stand_beside_its_successor(start_server, tmp_path, authority):
    bundle = tmp_path / "authorities.pem"
    old = pathlib.Path(authority.issue("an-old-one", days=-1)[0]).read_text()
    bundle.write_text(old + authority.certificate.read_text())
    server = start_server(
        tmp_path / "data", *server_certificate(authority), f"--tls-client-ca={bundle}"
    )
    cert, key = authority.issue("trainer.example")
    assert connect(server, root_ca=authority.certificate, cert=cert, key=key).datasets() == []


def test_the_server_says_what_it_cannot_use(tmp_path, authority, access):
    cert, key = authority.issue("server")
    other_key = authority.issue("other")[1]
    old = authority.issue("old", days=-1)
    access.write_text("principals: [{name: a, token: short, roles: [king], datasets: []}]\n")

    def problems(*flags) -> str:
        done = subprocess.run(
            [os.environ["GRAPHFEED_SERVER"], "--check-config", f"--data-dir={tmp_path}", *flags],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == (2 if done.stderr else 0)
        return done.stderr

    assert problems() == ""
    assert problems(f"--tls-cert={cert}", f"--tls-key={key}") == ""
    assert "needs it" in problems(f"--tls-cert={cert}")
    assert "not the key of --tls-cert" in problems(f"--tls-cert={cert}", f"--tls-key={other_key}")
    assert "has expired" in problems(f"--tls-cert={old[0]}", f"--tls-key={old[1]}")
    assert "cannot be read" in problems("--tls-cert=/absent", f"--tls-key={key}")
    assert "needs --tls-cert" in problems(f"--tls-client-ca={cert}")
    said = problems(f"--access={access}")
    assert ":1: token: of 5 bytes" in said and 'roles: "king"; reader, writer' in said
    follow = ("--follow=127.0.0.1:1", f"--follow-root-ca={cert}")
    assert problems(*follow) == ""
    assert "--follow: token_file: \"/absent\"" in problems(*follow, "--follow-token-file=/absent")
    assert f'--audit-log: "{tmp_path}"; cannot be opened: Is a dir' in problems(f"--audit-log={tmp_path}")
    assert "cannot be opened: No such" in problems("--audit-log=/absent/audits")
    assert problems(f"--audit-log={tmp_path / 'audits'}") == ""
    assert not (tmp_path / "audits").exists()
    all_of_it = problems(f"--access={access}", "--audit-log=/absent/audits", f"--tls-cert={cert}",
                         f"--tls-key={other_key}", *follow, "--follow-token-file=/absent")  # fmt: skip
    for flag in ("--tls-cert", "access.yaml:1: token", "--follow: token_file", "--audit-log"):
        assert flag in all_of_it, flag
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("absent/audits")
    (tmp_path / "empty").touch()
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(tmp_path / "sock"))
    assert "No such device or address" in problems(f"--audit-log={tmp_path / 'sock'}")
    assert "cannot be opened: No such file" in problems(f"--audit-log={tmp_path / 'link'}")
    (tmp_path / "absent").mkdir()
    assert problems(f"--audit-log={tmp_path / 'link'}") == ""
    assert "token: of 0 bytes" in problems(*follow, f"--follow-token-file={tmp_path / 'fifo'}")
    assert "File too large" in problems(*follow, "--follow-token-file=/dev/zero")
    assert "holds no PEM" in problems(follow[0], f"--follow-root-ca={tmp_path / 'empty'}")
    # What is wrong with files is said beside what is wrong with flags.
    both = problems(f"--access={access}", "--keep-for=3", f"--tls-cert={cert}").splitlines()
    for flag in ('--keep-for: "3"', "access.yaml:1: token", '--tls-key: ""; --tls-cert needs it'):
        assert sum(flag in line for line in both) == 1, flag
    assert sum("--tls-" in line for line in both) == 1
    assert "nobody is asked who they are" in problems("--listen=0.0.0.0:0")
    tls = ("--listen=0.0.0.0:0", f"--tls-cert={cert}", f"--tls-key={key}", f"--tls-client-ca={cert}")
    assert problems(*tls) == ""
    assert "nobody is asked who they are" in problems(*tls, "--tls-client-cert=request")
    # A name is no socket.
    assert "nobody is asked who they are" in problems("--listen=unixbox:0")
    # Of a store its place, as far as this program has such stores.
    assert "--store: " in problems("--data-dir=", "--store=rados://pool?config=x")
    assert '"rodos" is none of' in problems("--data-dir=", "--store=rodos://pool")
    assert problems("--listen=0.0.0.0:0", "--allow-unauthenticated=on") == ""


def test_a_pipe_of_audits_holds_nobody_up(start_server, tmp_path):
    pipe = tmp_path / "audits"
    os.mkfifo(pipe)
    command = [os.environ["GRAPHFEED_SERVER"], f"--data-dir={tmp_path / 'data'}",
               "--listen=127.0.0.1:0", f"--audit-log={pipe}"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "--audit-log" in done.stderr, "nobody reads it"
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        client = gf.connect(start_server(tmp_path / "data", f"--audit-log={pipe}").address)
        fcntl.fcntl(reader, fcntl.F_SETPIPE_SZ, 4096)
        for i in range(40):  # more than a pipe holds
            client.ingest(f"d{i}", graphs(2))
        assert b"ingest" in os.read(reader, 4096)
    finally:
        os.close(reader)


def test_reflection_is_for_this_host_alone(start_server, tmp_path):
    """Whether the service is described: by the status of a call of reflection."""

    def reflects(server) -> bool:
        address = f"127.0.0.1:{server.address.rsplit(':', 1)[1]}"
        method = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
        with grpc.insecure_channel(address) as channel:
            # ServerReflectionRequest.list_services = ""
            call = channel.stream_stream(method)(iter([b"\x3a\x00"]), timeout=20)
            try:
                return b"graphfeed.v1.GraphFeed" in next(call)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.UNIMPLEMENTED
                return False

    assert reflects(start_server(tmp_path / "a"))
    assert not reflects(start_server(tmp_path / "b", "--reflection=off"))
    public = ("--allow-unauthenticated=on", "--listen=0.0.0.0:0")
    assert not reflects(start_server(tmp_path / "c", *public))
    assert reflects(start_server(tmp_path / "d", *public, "--reflection=on"))


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
