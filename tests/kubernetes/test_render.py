"""What the chart renders is what Kubernetes takes, for every set of values; what makes no sense is
refused."""

import copy
import pathlib
import tarfile

import chart
import pytest
import types_of_objects
import yaml
from chart import CHART, MANIFESTS, SETS, Refused, helm, objects, of_kind, rendered, values


@pytest.mark.parametrize("name", SETS)
def test_lint_has_nothing_to_say(name):
    said = helm("lint", "--strict", CHART, *values(name))
    assert "[WARNING]" not in said and "[ERROR]" not in said, said


def test_objects_have_kubernetes_types(tmp_path):
    assert not types_of_objects.errors({name: objects(name) for name in SETS}, tmp_path)


def test_the_sets_have_every_kind_that_the_chart_can_make():
    made = {o["kind"] for name in SETS for o in objects(name)}
    written = {line.split(":")[1].strip()
               for file in CHART.glob("templates/*") for line in file.read_text().splitlines()
               if line.startswith("kind:")}
    assert made == written


def spec(found: list[dict], kind: str) -> dict:
    """Of the first object of a kind."""
    return of_kind(kind, found)[0]["spec"]


def rook(kind: str, spec: dict) -> list[dict]:
    (made,) = of_kind(kind, copy.deepcopy(objects("rados")))
    return [made | {"spec": spec}]


def _broken(change) -> list[dict]:
    found = copy.deepcopy(objects("workers"))
    change(found)
    return found


@pytest.mark.parametrize("change, said", [
    (lambda o: spec(o, "StatefulSet").update(replica=1), "'\"replica\"' does not exist"),
    (lambda o: spec(o, "StatefulSet").update(replicas="1"), "not assignable to type 'number"),
    (lambda o: of_kind("Service", o)[0].update(apiVersion="apps/v1"), "Cannot find module"),
    (lambda o: spec(o, "Job")["template"]["spec"]["containers"][0].pop("name"), "'\"name\"' is missing"),
    (lambda o: spec(o, "ServiceMonitor")["endpoints"][0].update(scheme="ftp"), "not assignable"),
    (lambda o: o.extend(rook("CephClient", {"capabilities": {}})), "'\"capabilities\"' does not exist"),
    (lambda o: o.extend(rook("CephBlockPool", {"replicated": {"size": "3"}})), "not assignable to type 'number"),
])  # fmt: skip
def test_the_check_finds_what_is_wrong(change, said, tmp_path):
    found = types_of_objects.errors({"broken": _broken(change)}, tmp_path)
    assert any(said in line for line in found), found


@pytest.mark.parametrize("name", SETS)
def test_manifests_are_what_the_chart_renders(name):
    file = MANIFESTS / f"{name}.yaml"
    assert file.exists() and file.read_text() == chart.manifest(name), "./run manifests"


def test_there_are_no_other_manifests():
    assert sorted(p.stem for p in MANIFESTS.glob("*")) == SETS


POOL = ["--set", "store.rados.pool=p,store.rados.monitors[0]=10.0.0.1"]


@pytest.mark.parametrize("arguments, said", [
    (["--set", "writer.replicas=2"], "replicas"),
    (["--set", "drainTimeoutSeconds=soon"], "drainTimeoutSeconds"),
    (["--set", "followers.autoscaling.stallShare=80%"], "stallShare"),
    (["--set", "config.listen=0.0.0.0:1"], "config: listen is set by the chart"),
    (["--set", "followers.replicas=1,followers.config.follow=elsewhere"], "config: follow is set by"),
    # Also where the chart sets none: the rest of it would not fit.
    (["--set", "writer.config.follow=x:1"], "config: follow is set by"),
    (["--set", "writer.config.read-only=true"], "config: read-only is set by"),
    (["--set", "config.access=/f"], "config: access is set by"),
    (["--set", "config.tls-client-ca=/f"], "config: tls-client-ca is set by"),
    (["--set", "config.snapshot-dir=/f"], "config: snapshot-dir is set by"),
    (["--set", "config.max_streams=3"], "max_streams"),
    (["--set", "writer.servesReaders=false"], "nobody would answer readers"),
    (["--set", "tls.clientCertificates=require"], "needs tls.secretName"),
    (["--set", "tls.clientCertificates=require,tls.secretName=a,clientCredentials.secretName=b"],
     "kind certificate"),
    (["--set", "workers[0].name=w"], "workers"),
    (["--set", "config.store=rados://p"], "config: store is set by"),
    (["--set", "store.rados.pool=a/b"], "pool"),
    (["--set", "store.rados.pool=p"], "store.rados.monitors"),
    ([*POOL, "--set", "servers.config.data-dir=/data"], "config: data-dir is set by"),
    ([*POOL, "--set", "servers.config.cache-dir=/c"], "config: cache-dir is set by"),
    (["--set", "store.rados.cache.gib=1"], "store.rados.pool is empty"),
    ([*POOL, "--set", "followers.replicas=1"], "nobody follows"),
    ([*POOL, "--set", "followers.autoscaling.enabled=true"], "nobody follows"),
    ([*POOL, "--set", "writer.servesReaders=false"], "no writer"),
    ([*POOL, "--set", "snapshots.enabled=true"], "snapshots are of folders"),
    ([*POOL, "--set", "store.rados.cephConfigMap=c"], "one of both"),
    ([*POOL, "--set", "store.rados.settings.keyfile=k"], "keyfile is set by"),
    ([*POOL, "--set", "store.rados.user=client.feed"], "user"),
    ([*POOL, "--set", "servers.replicas=7,servers.autoscaling.enabled=true"], "servers.autoscaling.maxReplicas is 6"),
    (["--set", "followers.replicas=7,followers.autoscaling.enabled=true"], "maxReplicas is 6, and followers.replicas"),
    (["--set", "servers.autoscaling.enabled=true"], "with store.rados.pool alone"),
    (["--set", "store.rados.rook.createClient=true"], "pool is empty"),
    (["--set-json", 'ingests=[{"name":"a","volume":{"emptyDir":{}},"args":["csv"]}]'], "args"),
])  # fmt: skip
def test_values_that_make_no_sense_are_refused(arguments, said):
    with pytest.raises(Refused, match=said):
        rendered("default", *arguments)


WORKER = (
    '{"name":"w","kind":"%s","dataset":"d","spec":{"a":1},'
    '"model":{"volume":{"emptyDir":{}},"path":"m"},"args":%s}'
)


@pytest.mark.parametrize("kind, args, said", [
    ("Deployment", '["--epochs","1"]', "kind: Job"),
    ("Job", "[]", "needs? --epochs or --steps"),
    ("IPUJob", "[]", "needs? --epochs or --steps"),
])  # fmt: skip
def test_workers_of_a_kind_that_does_not_fit_their_run_are_refused(kind, args, said):
    with pytest.raises(Refused, match=said):
        rendered("default", "--set-json", f"workers[0]={WORKER % (kind, args)}")


def test_clients_may_have_certificates():
    more = ["--set", "tls.clientCertificates=require,clientCredentials.kind=certificate"]
    _, follower = of_kind("StatefulSet", objects("secure", *more))
    assert follower["metadata"]["name"] == "graphfeed-follower"
    environment = {e["name"] for e in follower["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert environment == {"GRAPHFEED_ROOT_CA", "GRAPHFEED_CERT", "GRAPHFEED_KEY"}


def test_long_names_stay_names():
    for made in objects("workers", release="a-release-whose-name-is-as-long-as-helm-permits-it-53"):
        assert len(made["metadata"]["name"]) <= 63, made["metadata"]["name"]


def test_a_package_of_the_chart_has_the_rules_and_the_dashboard(tmp_path):
    helm("package", CHART, "--destination", tmp_path)
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        for name in ("alerts.yml", "graphfeed.json"):
            member = archive.extractfile(f"graphfeed/files/{name}")
            assert member and member.read() == (CHART / "files" / name).read_bytes()
        assert not [m for m in archive.getnames() if m.startswith("graphfeed/ci/")]


def test_the_chart_has_the_project_s_version():
    version = next(line.split()[2] for line in (chart.ROOT / "CMakeLists.txt").read_text().splitlines()
                   if line.startswith("project("))
    read = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert read["appVersion"] == version == read["version"]


def test_no_image_tag_is_latest():
    for file in pathlib.Path(MANIFESTS).glob("*.yaml"):
        assert ":latest" not in file.read_text()
