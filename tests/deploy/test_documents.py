"""What the documents tell to type is typed: certificates, and the chart's Secrets made of them."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml
from busy_server import ROOT
from server_process import Server

import graphfeed as gf


def blocks(page: str, heading: str) -> list[str]:
    """The commands below a heading."""
    text = (ROOT / "docs" / page).read_text()
    (section,) = re.findall(rf"^##+ {heading}\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```sh\n(.*?)^```", section, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("certificates")
    make, _ = blocks("security.md", "Certificates to try it with")
    done = subprocess.run(["sh", "-ec", make], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def test_certificates_that_are_made_as_written_are_taken(certificates, tmp_path, monkeypatch):
    _, use = blocks("security.md", "Certificates to try it with")
    monkeypatch.chdir(certificates)
    serve, ls = (line.split() for line in use.splitlines())
    assert serve[:3] == ["graphfeed-server", "--data-dir", "data"] and serve[3] == "--listen"
    server = Server(tmp_path / "data", *serve[5:])
    try:
        address = "localhost:" + server.address.rpartition(":")[2]
        words = [address if word == "localhost:50051" else word for word in ls]
        assert words[0] == "graphfeed" and address in words
        done = subprocess.run([os.environ["GRAPHFEED_CLI"], *words[1:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        # The same from Python, at the address; and not without a certificate.
        with gf.connect(server.address, root_ca="ca.crt", cert="trainer.crt", key="trainer.key") as client:
            assert client.datasets() == []
        with (pytest.raises(gf.errors.Unavailable),
              gf.connect(server.address, root_ca="ca.crt", retry_timeout=1) as client):  # fmt: skip
            client.datasets()
    finally:
        assert server.stop() == 0


def test_the_chart_s_secrets_are_made_as_written(certificates):
    (commands,) = blocks("kubernetes.md", "Security")
    commands = commands.replace("\\\n", " ").splitlines()
    made = {}
    for line in commands[1:]:
        words = line.split()
        assert words[:7] == ["kubectl", "--namespace", "graphs", "create", "secret", "generic", words[6]]
        given = [words[i + 1].split("=")[0] for i, w in enumerate(words) if w in ("--from-file", "--from-literal")]
        made[words[6]] = set(given)
    secure = yaml.safe_load((ROOT / "deploy/helm/graphfeed/ci/secure-values.yaml").read_text())
    assert made == {
        secure["tls"]["secretName"]: {"tls.crt", "tls.key", "ca.crt"},
        secure["access"]["secretName"]: {"access.yaml"},
        secure["clientCredentials"]["secretName"]: {secure["clientCredentials"]["kind"]},
    }
    if shutil.which("kubectl") is None:
        pytest.skip("the commands were read, but not run: there is no kubectl")
    (certificates / "access.yaml").write_text("principals: []\n")
    for line in commands[1:]:
        done = subprocess.run(["sh", "-ec", f"token=secret; {line} --dry-run=client --output yaml"],
                              cwd=certificates, capture_output=True, text=True)  # fmt: skip
        assert done.returncode == 0, done.stderr
        secret = yaml.safe_load(done.stdout)
        assert set(secret["data"]) == made[secret["metadata"]["name"]]
        assert secret.get("type", "Opaque") == ("kubernetes.io/tls" if "tls.crt" in secret["data"] else "Opaque")


def defaults() -> dict[str, str]:
    """Of the server's flags."""
    said = subprocess.run([os.environ["GRAPHFEED_SERVER"], "--help"], capture_output=True, text=True).stdout
    return dict(re.findall(r"^ +--([a-z-]+) [A-Z]+=(\S+)", said, re.MULTILINE))


def test_the_memory_of_the_defaults_is_what_is_said():
    def gib(name: str) -> float:
        number, unit = re.fullmatch(r"(\d+)([MG])", defaults()[name]).groups()
        return int(number) / {"M": 1024, "G": 1}[unit]

    ingest = gib("ingest-memory") + min(64 / 1024, gib("ingest-memory"))
    process = 100e6 / 2**30
    reads = sum(gib(f"{name}-memory") for name in ("slab", "plan", "request")) + gib("memory-budget") + process
    writes = reads + int(defaults()["max-ingests"]) * ingest + gib("partition-memory")
    text = (ROOT / "docs/operations.md").read_text()
    assert f"By default that is {writes:.1f} GiB at most" in text
    assert f"at most {writes:.1f} GiB with the defaults" in text
    assert f"; {reads + ingest:.1f} GiB where clients change nothing" in text
    assert f"{gib('slab-memory') / 2:.1f} GiB more over a Unix socket" in text


PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "client/python/README.md", *sorted(ROOT.glob("docs/*.md"))]


def anchors(page: pathlib.Path) -> set[str]:
    """Of a page's headings, as they are made by who shows it."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    words = [re.sub(r"\[([^]]*)]\([^)]*\)", r"\1", heading).lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).strip().replace(" ", "-") for heading in words}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    for link in links:
        if link.startswith(("http://", "https://")):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or target.suffix != ".md" or anchor in anchors(target), link
