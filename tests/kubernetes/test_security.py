"""The secure set with real certificates and tokens: who may do what, and what becomes of it when
Secrets change."""

import ssl
import time

import pytest
from mounted_secrets import TOKENS, Secrets
from programs import configurations, molecules, one, run, started

HASTE = " --timeout 5 --retry-timeout 2"


@pytest.fixture
def secure(tmp_path):
    """The secure set's writer, and what runs the command of one of its jobs with an environment."""
    (tmp_path / "datasets").mkdir()
    molecules(tmp_path / "datasets")
    kept = Secrets(tmp_path / "etc")
    (tmp_path / "reader").write_text(TOKENS["reader"])
    server = started(configurations("secure")["graphfeed-writer"], tmp_path)

    def job(kind: str, part: str, more: str = "", **environment: str) -> str:
        _, container = one("secure", kind, part)
        words = [*container["command"], *container["args"]]
        words = [*words[:-1], words[-1] + more] if kind == "CronJob" else [*words, *more.split()]
        given = {e["name"]: e["value"].replace("/etc/graphfeed", f"{tmp_path}/etc") for e in container["env"]}
        places = {"graphfeed-writer:50051": server.address, r"^/data/": f"{tmp_path}/datasets/"}
        return run(words, places, given | environment)

    job.secrets, job.address = kept, server.address
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


@pytest.mark.parametrize("kind, part", JOBS)
@pytest.mark.parametrize("token, said", [("reader", "PERMISSION_DENIED"), ("", "UNAUTHENTICATED")])
def test_strangers_and_readers_may_not_do_what_the_secure_set_s_jobs_do(
    secure, tmp_path, kind, part, token, said
):
    with pytest.raises(AssertionError, match=said):
        secure(kind, part, HASTE, GRAPHFEED_TOKEN_FILE=str(tmp_path / token) if token else "")


def test_secrets_are_exchanged_under_a_running_server(secure, tmp_path):
    def certificate() -> str:
        host, port = secure.address.split(":")
        return ssl.get_server_certificate((host, int(port)))

    def until(true, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < deadline
            time.sleep(0.2)

    (tmp_path / "old").write_text(TOKENS["chart"])
    (tmp_path / "old-ca").write_bytes((tmp_path / "etc/tls/ca.crt").read_bytes())
    secure("Job", "ingest")
    before = certificate()
    # The server looks at tokens, then at its certificate: whoever shows the new one knows them.
    secure.secrets.give_tokens(reader=TOKENS["reader"], chart="new-0123456789abcdef")
    secure.secrets.certify()
    until(lambda: certificate() != before)
    assert certificate().split() == (tmp_path / "etc/tls/tls.crt").read_text().split()
    secure("Job", "ingest")  # the same command: its files are the new ones
    with pytest.raises(AssertionError, match="UNAUTHENTICATED"):
        secure("Job", "ingest", HASTE, GRAPHFEED_TOKEN_FILE=str(tmp_path / "old"))
    with pytest.raises(AssertionError, match="UNAVAILABLE"):
        secure("Job", "ingest", HASTE, GRAPHFEED_ROOT_CA=str(tmp_path / "old-ca"))
