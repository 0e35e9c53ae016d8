"""The images, built and used as an ordinary user over a read-only root."""

import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import ceph_cluster
import pytest
from images import NAMES, PACKAGES, version

# Compressed they are a third of it. The base has 170 MB here, Debian's own slim one 75.
LARGEST = {"server": 260e6, "server-rados": 320e6, "cli": 250e6, "worker-cpu": 1.4e9}
ON_A_FREE_PORT = ["--data-dir", "/var/lib/graphfeed/data", "--listen", "127.0.0.1:0"]
EXPORT = pathlib.Path(__file__).parents[2] / "client/worker/models/export.py"


@pytest.fixture(scope="module")
def built(engine):
    result = {}
    for target in LARGEST:
        result[target], watch = engine.build(target)
        print(f"\n{target}: {result[target].bytes / 1e6:.0f} MB, built in {watch}")
    return result


@pytest.fixture
def volume(tmp_path):
    """A folder of the images' user."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(folder, 0o755)
    folder = tmp_path / "volume"
    folder.mkdir()
    os.chown(folder, 10001, 10001)
    return folder


@pytest.mark.parametrize("target", LARGEST)
def test_an_image_is_described(built, target):
    config = built[target].config
    assert config["User"] == "10001:10001"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.title"] == NAMES[target]
    assert labels["org.opencontainers.image.version"] == version()
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert ("NONE" in config["Healthcheck"]["Test"]) == (target == "cli")
    assert built[target].bytes < LARGEST[target]


@pytest.mark.parametrize("target", LARGEST)
def test_an_image_has_the_bill_of_its_packages_and_nothing_to_build_with(built, target):
    image = built[target]
    bill = json.loads((image.root / f"usr/share/sbom/{PACKAGES[target]}.cdx.json").read_text())
    listed = {(c["name"], c["version"]) for c in bill["components"]}
    said = image.run(["dpkg-query", "-W", "-f", "${Package} ${Version}\\n"], entry=False)
    assert listed == {tuple(line.split()) for line in said.splitlines()}
    assert bill["metadata"]["component"]["version"] == version()
    for program in ("cc", "g++", "cmake", "git"):
        assert not (image.root / "usr/bin" / program).exists()
    assert not list((image.root / "var/lib/apt/lists").glob("*_Packages*"))


@pytest.mark.parametrize("target", LARGEST)
def test_programs_have_no_rights_and_can_write_nothing_but_volumes(built, target):
    image = built[target]
    status = image.run(["cat", "/proc/self/status"], entry=False)
    assert re.search(r"^Uid:\t10001\t", status, re.M) and re.search(r"^CapEff:\t0+$", status, re.M)
    assert re.search(r"^CapBnd:\t0+$", status, re.M) and re.search(r"^NoNewPrivs:\t1$", status, re.M)
    script = """
        for folder in / /etc /usr/bin /var/lib/graphfeed /var/tmp; do
          if touch $folder/x 2> /dev/null; then echo "$folder can be written"; exit 1; fi
        done
        touch /tmp/x"""
    image.run(["sh", "-ec", script], entry=False)


def test_one_image_of_the_server_has_librados(built):
    """Without a cluster, what it says is about the cluster."""
    store = ["--store", "rados://graphs?conf=/nowhere/ceph.conf"]
    for target, said in (("server", r"need librados\.so\.2 \(Debian: librados2\)"),
                         ("server-rados", r'there is no "/nowhere/ceph\.conf" of a Ceph cluster')):
        with pytest.raises(AssertionError, match=said):
            built[target].run(store)
    names = {target: {c["name"] for c in json.loads((
        built[target].root / "usr/share/sbom/graphfeed-server.cdx.json").read_text())["components"]}
        for target in ("server", "server-rados")}  # fmt: skip
    assert "librados2" in names["server-rados"] - names["server"]
    # A layer on the same server.
    assert names["server"] < names["server-rados"]


def test_the_image_with_librados_serves_a_pool_and_writes_nowhere_else(built, mutag, tmp_path):
    if lacking := ceph_cluster.missing():
        pytest.skip(f"CEPH IS NOT TESTED: there is no {lacking} (./run install test)")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        os.chmod(folder, 0o755)
    ceph = tmp_path / "ceph"
    ceph.mkdir()
    with ceph_cluster.running(osds=1) as cluster:
        key = json.loads(cluster.command("auth get-key", entity="client.feed"))["key"]
        (ceph / "key").write_text(key)
        monitors = re.search(r"^mon_host = .*", cluster.conf.read_text(), re.MULTILINE)[0]
        (ceph / "ceph.conf").write_text(f"[global]\n{monitors}\nkeyfile = /mnt/key\n")
        arguments = ["--store", "rados://graphfeed/images?conf=/mnt/ceph.conf&id=feed", "--listen", "127.0.0.1:0"]
        volumes = {"/mnt": ceph}
        with built["server-rados"].running(arguments, volumes, tmp_path / "log", "listening on") as log:
            at = ["--server", address(log)]
            built["cli"].run(["import", "tu", f"/mnt/{mutag.name}", "--name", "mutag", *at], {"/mnt": mutag.parent})
        # Another server, and nothing kept but in the pool.
        with built["server-rados"].running(arguments, volumes, tmp_path / "again", "listening on") as log:
            said = built["cli"].run(["stream", "mutag", "--batch-size", "10", "--json", "--server", address(log)])
            assert '"graphs":188' in said.replace(" ", ""), said


def address(log: str, what: str = "listening on") -> str:
    return re.search(rf"{what} (\S+:\d+)", log)[1]


def test_a_dataset_is_imported_and_streamed(built, volume, mutag, tmp_path):
    server, cli = built["server"], built["cli"]
    volumes = {"/var/lib/graphfeed": volume}
    datasets = {"/mnt": mutag.parent}
    arguments = [*ON_A_FREE_PORT, "--metrics-listen", "127.0.0.1:0"]
    for start in ("fresh", "again"):
        with server.running(arguments, volumes, tmp_path / f"{start}.log", "metrics on") as log:
            at = ["--server", address(log)]
            metrics = address(log, "metrics on")
            assert server.run(["graphfeed-healthcheck", metrics, "/readyz"], entry=False) == "200 OK\n"
            if start == "fresh":
                said = cli.run(["import", "tu", f"/mnt/{mutag.name}", "--name", "mutag", *at], datasets)
                assert "mutag@1: 188 graphs" in said
            said = cli.run(["stream", "mutag", "--batch-size", "10", "--json", *at])
            assert '"graphs":188' in said.replace(" ", ""), said
            cli.run(["partition", "--help"])
    assert {p.stat().st_uid for p in volume.rglob("*")} == {10001}


def test_the_server_of_the_image_s_own_command_is_healthy(built, volume):
    """In a network of its own, since the ports of its flags are fixed."""
    config = built["server"].config
    assert config["Healthcheck"]["Test"][0] == "CMD"
    check = shlex.join(config["Healthcheck"]["Test"][1:])
    command = shlex.join(config["Entrypoint"] + config["Cmd"])
    said = built["server"].run(["sh", "-ec", f"""
        if {check} 2> /dev/null; then echo "healthy without a server"; exit 1; fi
        {command} > /tmp/log 2>&1 & server=$!
        for _ in $(seq 600); do
          if {check} 2> /dev/null; then break; fi
          sleep 0.1
        done
        kill -TERM $server
        wait $server
        cat /tmp/log"""], {"/var/lib/graphfeed": volume}, entry=False, own_network=True)
    assert said.startswith("200 OK\n") and "server.stop" in said, said


def test_the_worker_trains(built, volume, mutag, tmp_path):
    model = ["gin", "--out", volume / "gin.pt", "--in-channels", "7", "--edge-channels", "4", "--num-graphs", "16"]
    subprocess.run([sys.executable, EXPORT, *model], check=True)
    (volume / "run").mkdir()
    shutil.chown(volume / "run", 10001, 10001)
    volumes = {"/var/lib/graphfeed": volume}
    with built["server"].running(ON_A_FREE_PORT, volumes, tmp_path / "log", "listening on") as log:
        at = ["--server", address(log)]
        built["cli"].run(["import", "tu", f"/mnt/{mutag.name}", "--name", "mutag", *at], {"/mnt": mutag.parent})
        sizes = ["--num-graphs", "16", "--num-nodes", "179", "--num-edges", "420", "--shuffle"]
        spec = "/var/lib/graphfeed/spec.json"
        built["cli"].run(["plan", "mutag", "--strategy", "best-pack", *sizes, "--save-spec", spec, *at], volumes)
        said = built["worker-cpu"].run(
            ["--dataset", "mutag", "--spec", spec, "--model", "/var/lib/graphfeed/gin.pt",
             "--checkpoint-dir", "/var/lib/graphfeed/run", "--epochs", "2", "--json", *at], volumes)
        assert json.loads(said.splitlines()[-1])["event"] == "end"
    assert list((volume / "run").glob("*"))
