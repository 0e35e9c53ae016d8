"""The service's unit, without installing it: where it may write is where its settings and the documents
say that things go."""

import configparser
import os
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest
from chroots import ROOT
from server_process import Server

import graphfeed as gf

UNIT = ROOT / "packaging/graphfeed-server.service"
SETTINGS = ROOT / "packaging/graphfeed-server.default"


def service() -> configparser.SectionProxy:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(UNIT)
    return unit["Service"]


def flags() -> dict[str, str]:
    """That the settings' comments tell of."""
    return dict(re.findall(r"--([a-z-]+) (\S+)", SETTINGS.read_text()))


def test_all_that_is_written_goes_where_the_unit_lets_it():
    unit = service()
    assert unit["ProtectSystem"] == "strict" and "ReadWritePaths" not in unit
    places = [pathlib.PurePath(folder, unit[key]) for key, folder in (
        ("StateDirectory", "/var/lib"), ("LogsDirectory", "/var/log"), ("RuntimeDirectory", "/run"))]  # fmt: skip
    told = flags()
    socket = re.search(r"unix:(\S+)", SETTINGS.read_text())[1]
    for path in (told["snapshot-dir"], told["audit-log"], socket):
        assert any(pathlib.PurePath(path).is_relative_to(place) for place in places), path
        assert path in (ROOT / "docs/installing.md").read_text()
    # Links between two mounts fail.
    data = re.search(r"--data-dir (\S+)", unit["ExecStart"])[1]
    assert pathlib.PurePath(told["snapshot-dir"]).is_relative_to(data)


def test_systemd_takes_the_unit(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("there is no systemd-analyze: ./run install packages")
    local = tmp_path / UNIT.name
    local.write_text(UNIT.read_text().replace("/usr/bin/graphfeed-server", "/bin/true"))
    checked = subprocess.run(["systemd-analyze", "verify", "--man=no", local], capture_output=True, text=True)
    assert checked.returncode == 0 and not checked.stderr.strip(), checked.stderr


def test_snapshots_below_the_data_are_links_and_audits_are_written(tmp_path):
    data = tmp_path / "data"
    (tmp_path / "log").mkdir()
    told = flags()
    given = [f"--snapshot-dir={told['snapshot-dir'].replace('/var/lib/graphfeed', str(data))}",
             f"--audit-log={told['audit-log'].replace('/var/log/graphfeed', str(tmp_path / 'log'))}"]  # fmt: skip
    for start in ("fresh", "again"):
        server = Server(data, *given)
        try:
            if start == "fresh":
                with gf.connect(server.address) as client:
                    ring = {"x": np.zeros((5, 300), np.float32), "edge_index": np.zeros((2, 5), np.int64)}
                    client.ingest("rings", [ring] * 50)
            snapshot = [os.environ["GRAPHFEED_CLI"], "snapshot", start, "--server", server.address]
            subprocess.run(snapshot, check=True)
        finally:
            assert server.stop() == 0
    for name in ("fresh", "again"):
        chunks = [f for f in (data / "snapshots" / name).rglob("*.sst")]
        assert chunks and all(f.stat().st_nlink > 1 for f in chunks)
    audits = (tmp_path / "log/audit.log").read_text()
    assert audits.count("action=snapshot") == 2 and "action=ingest" in audits
