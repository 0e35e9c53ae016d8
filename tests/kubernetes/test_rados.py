"""Servers on a pool: what is made of them, and that it serves: the rendered configuration, ceph.conf and
user on a real cluster."""

import json
import time
import urllib.request

import ceph_cluster
import pytest
import types_of_objects
import yaml
from chart import containers, objects, of_kind, pods
from programs import configurations, molecules, one, run, words_of
from server_process import Server
from test_objects import configuration, labels, scaled, servers

SETS = ("rados", "external-rados")
both = pytest.mark.parametrize("name", SETS)


def deployment(found: list[dict]) -> dict:
    (made,) = [o for o in of_kind("Deployment", found) if o["metadata"]["name"] == "graphfeed-server"]
    return made


@both
def test_servers_are_alike_and_keep_nothing(name):
    found = objects(name)
    assert not of_kind("StatefulSet", found) and not of_kind("CronJob", found)
    assert [maker for maker, _ in servers(found)] == ["Deployment graphfeed-server"]
    pod = deployment(found)["spec"]["template"]
    assert labels(pod)["graphfeed/reads"] == "true"
    assert pod["spec"]["containers"][0]["image"].startswith("graphfeed-server-rados:")
    assert not [v for v in pod["spec"]["volumes"] if "persistentVolumeClaim" in v]
    for config in configurations(name).values():
        assert not {"data-dir", "follow", "snapshot-dir"} & set(config)
    # They are told to end one at a time, behind one that has come.
    assert deployment(found)["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}


def test_a_sidecar_reads_the_pool():
    config = configurations("external-rados")["graphfeed-sidecar"]
    assert config["store"].startswith("rados://graphs?conf=") and config["read-only"] == "on"
    ((_, pod),) = [(m, p) for m, p in pods(objects("external-rados")) if "worker" in m]
    (server,) = [c for c in containers(pod) if c["name"] == "server"]
    assert server["image"].startswith("graphfeed-server-rados:")


def test_policies_let_servers_reach_monitors_and_osds_and_no_others():
    (policy,) = of_kind("NetworkPolicy", objects("rados"))
    names, storage = policy["spec"]["egress"]
    assert [p["port"] for p in names["ports"]] == [53, 53]
    assert [(p["port"], p.get("endPort")) for p in storage["ports"]] == [(3300, None), (6789, None), (6800, 7568)]
    assert storage["to"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "rook-ceph"}
    (policy,) = of_kind("NetworkPolicy", objects("external-rados"))
    assert "to" not in policy["spec"]["egress"][1]


def test_servers_on_a_pool_are_scaled_like_followers():
    assert scaled(objects("rados"))[0]["pods"]["metric"]["name"] == "graphfeed_stall_share"
    assert deployment(objects("external-rados"))["spec"]["replicas"] == 2


def test_a_changed_ceph_conf_is_a_restart():
    def checksum(*more):
        annotations = deployment(objects("rados", *more))["spec"]["template"]["metadata"]["annotations"]
        return annotations["checksum/config"]
    assert checksum() != checksum("--set", "store.rados.monitors[0]=10.1.1.1")


@pytest.mark.parametrize("storage", ["", "local-nvme"])
def test_a_cache_has_a_volume_with_room_for_it(storage, tmp_path):
    found = objects("rados", "--set", f"store.rados.cache.storageClassName={storage}")
    assert not types_of_objects.errors({"cache": found}, tmp_path)
    pod = deployment(found)["spec"]["template"]
    config = configuration(found, pod)
    gib = int(config["cache-disk"].removesuffix("Gi"))
    (server,) = pod["spec"]["containers"]
    (mount,) = [m for m in server["volumeMounts"] if config["cache-dir"].startswith(m["mountPath"] + "/")]
    assert not mount.get("readOnly")
    (volume,) = [v for v in pod["spec"]["volumes"] if v["name"] == mount["name"]]
    if storage:
        claim = volume["ephemeral"]["volumeClaimTemplate"]["spec"]
        assert claim["storageClassName"] == storage
        room = claim["resources"]["requests"]["storage"]
        assert "ephemeral-storage" not in server["resources"]["requests"]
    else:
        room = volume["emptyDir"]["sizeLimit"]
        assert server["resources"]["requests"]["ephemeral-storage"] == room
    assert int(room.removesuffix("Gi")) >= 1.1 * gib
    # Without it: neither flag nor volume.
    without = objects("rados", "--set", "store.rados.cache.gib=0")
    assert "cache-dir" not in configuration(without, deployment(without)["spec"]["template"])
    assert "cache" not in [v["name"] for v in deployment(without)["spec"]["template"]["spec"]["volumes"]]


def test_rook_makes_the_pool_and_the_user_that_servers_ask_for():
    found = objects("rados")
    (pool,), (user,) = of_kind("CephBlockPool", found), of_kind("CephClient", found)
    name, namespace = pool["metadata"]["name"], user["spec"]["caps"]["osd"].split("namespace=")[1]
    (config,) = configurations("rados").values()
    assert config["store"].startswith(f"rados://{name}/{namespace}?")
    assert config["store"].endswith(f"&id={user['metadata']['name']}")
    assert {o["metadata"]["namespace"] for o in (pool, user)} == {"rook-ceph"}
    assert pool["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    (secret,) = [v["secret"] for v in deployment(found)["spec"]["template"]["spec"]["volumes"] if "secret" in v]
    # As Rook calls it, and the key in it.
    assert secret["secretName"] == f"rook-ceph-client-{user['metadata']['name']}"
    assert secret["items"] == [{"key": "userKey", "path": "key"}]
    (alone,) = of_kind("CephBlockPool", objects("rados", "--set", "store.rados.rook.replicas=1"))
    assert alone["spec"]["replicated"] == {"size": 1, "requireSafeReplicaSize": False}


@pytest.fixture(scope="module")
def cluster():
    if lacking := ceph_cluster.missing():
        pytest.skip(f"CEPH IS NOT TESTED: there is no {lacking} (./run install test)")
    with ceph_cluster.running(osds=1) as running:
        yield running


@pytest.fixture
def etc(cluster, tmp_path):
    """The folder that stands for /etc/graphfeed, with what the set's objects put there; the monitor is
    the cluster's."""
    found = objects("rados")
    (user,) = of_kind("CephClient", found)
    cluster.command("auth get-or-create", entity="client.graphfeed",
                    caps=[word for cap in user["spec"]["caps"].items() for word in cap])  # fmt: skip
    key = json.loads(cluster.command("auth get-key", entity="client.graphfeed"))["key"]
    folder = tmp_path / "etc"
    for part in ("ceph", "ceph-key"):
        (folder / part).mkdir(parents=True)
    (folder / "ceph-key/key").write_text(key)  # as Rook's secret has it: without an end of line
    (conf,) = [o["data"]["ceph.conf"] for o in of_kind("ConfigMap", found) if "ceph.conf" in o["data"]]
    monitors = next(line for line in conf.splitlines() if line.startswith("mon_host"))
    ours = next(line for line in cluster.conf.read_text().splitlines() if line.startswith("mon_host"))
    conf = conf.replace(monitors, ours).replace("/etc/graphfeed", str(folder))
    (folder / "ceph/ceph.conf").write_text(conf)
    return folder


def test_the_set_s_servers_share_a_pool(etc, tmp_path):
    (config,) = configurations("rados").values()
    ours = ("store", "listen", "metrics-listen", "cache-dir", "cache-disk")
    kept = {k: v for k, v in config.items() if k not in ours}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(kept))
    store = config["store"].replace("/etc/graphfeed", str(etc))
    running = [Server(store, f"--config={tmp_path / 'config.yaml'}", f"--cache-dir={tmp_path / cache}",
                      "--cache-disk=64Mi") for cache in ("one", "other")]  # fmt: skip
    try:
        (tmp_path / "datasets").mkdir()
        molecules(tmp_path / "datasets")
        _, ingest = one("rados", "Job", "ingest")
        said = run(words_of(ingest), {r"^graphfeed:50051$": running[0].address,
                                      r"^/data/": f"{tmp_path}/datasets/"})  # fmt: skip
        assert "mutag@1: 30 graphs" in said
        for path in ("/healthz", "/readyz"):
            urllib.request.urlopen(f"http://{running[1].metrics}{path}", timeout=30).close()
        # What one has taken, the other one serves within a second or so.
        at = ["--server", running[1].address]
        deadline = time.monotonic() + 30
        while "mutag" not in run(["graphfeed", "ls", *at], {}):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        said = run(["graphfeed", "stream", "mutag", "--batch-size", "10", "--json", *at], {})
        assert '"graphs":30' in said.replace(" ", "")
    finally:
        assert [server.stop() for server in running] == [0, 0]
