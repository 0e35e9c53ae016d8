"""The wheel without native module on Debian 11: Python 3.9, grpcio 1.30, protobuf 3.12, torch 1.7."""

import json
import pathlib
import re
import shutil

import pytest
from chroots import ROOT

import graphfeed as gf

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def installed(bullseye, wheels):
    bullseye.run("apt-get update -q && apt-get install -qy --no-install-recommends python3-venv "
                 "python3-numpy python3-grpcio python3-protobuf python3-torch", timeout=1800)
    bullseye.copy(wheels[1], HERE / "use_client.py")
    bullseye.run("python3 -m venv --system-site-packages /srv/env && "
                 f"/srv/env/bin/pip install --no-index /srv/{wheels[1].name}")
    return bullseye


def test_it_streams_from_a_server_outside(installed, server):
    found = json.loads(installed.run(f"/srv/env/bin/python /srv/use_client.py {server.address}"))
    assert found["python"] == [3, 9] and found["transport"] == "python"
    assert found["file"].startswith("/srv/env/") and found["graphs"] == 50


def test_it_trains_on_mutag(installed, server, client, mutag):
    """The example as it stands, with the models beside it."""
    client.ingest("mutag", gf.read_tu(mutag), if_exists="same")
    for folder in ("client/python/examples", "client/worker/models"):
        shutil.copytree(ROOT / folder, installed.root / "srv" / folder, dirs_exist_ok=True)
    # Debian 11's torch aborts when a process ends that has computed a gradient, without us too.
    (installed.root / "srv/run.py").write_text(
        "import os, runpy, sys\n"
        "sys.path.insert(0, os.path.dirname(sys.argv[1]))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "sys.stdout.flush()\n"
        "os._exit(0)\n")
    said = installed.run(
        "/srv/env/bin/python /srv/run.py /srv/client/python/examples/train_mutag.py "
        f"--server {server.address} --data /srv --epochs 40 --splits 1", timeout=1800)
    print("\n" + said)
    accuracy, first, last = re.search(
        r"split 0: test accuracy ([\d.]+)%, loss ([\d.]+) -> ([\d.]+)", said).groups()
    assert float(accuracy) > 67 and float(last) < 0.8 * float(first)
