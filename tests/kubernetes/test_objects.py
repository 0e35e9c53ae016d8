"""The objects of a set fit together: what one names another one is."""

import json
import pathlib
import re

import pytest
import yaml
from chart import ROOT, SETS, containers, objects, of_kind, pods

# Secrets that the operator makes; the values name them.
SECRETS = {"graphfeed-tls", "graphfeed-access", "graphfeed-client", "registry", "graphfeed-ceph",
           "rook-ceph-client-graphfeed"}  # fmt: skip
CONFIG_MAPS = {"ceph-conf"}
# That a value is, or that a store names.
PATH = r"^(?:unix:|rados:.*\?conf=)?(/(?:etc|var|run|data|model|checkpoints)/[^\s&]*)"
every_set = pytest.mark.parametrize("name", SETS)


def matches(selector: dict, labels: dict) -> bool:
    return selector.items() <= labels.items()


def labels(template: dict) -> dict:
    return template["metadata"]["labels"]


def ports(container: dict) -> dict[str, int]:
    return {port["name"]: port["containerPort"] for port in container.get("ports", [])}


def configuration(found: list[dict], template: dict) -> dict | None:
    """Of the server in a pod."""
    for volume in template["spec"]["volumes"]:
        if volume["name"] == "config":
            name = volume["configMap"]["name"]
            (config,) = [o for o in of_kind("ConfigMap", found) if o["metadata"]["name"] == name]
            return yaml.safe_load(config["data"]["config.yaml"])
    return None


def shares_a_pool(found: list[dict]) -> bool:
    return not of_kind("StatefulSet", found)


def servers(found: list[dict]) -> list[tuple[str, dict]]:
    return [(name, pod) for name, pod in pods(found) if labels(pod).get("graphfeed/server")]


@every_set
def test_no_two_objects_have_one_name(name):
    names = [(o["kind"], o["metadata"]["name"]) for o in objects(name)]
    assert len(names) == len(set(names))


@every_set
def test_workloads_select_their_own_pods_and_no_others(name):
    found = objects(name)
    for workload in of_kind("StatefulSet", found) + of_kind("Deployment", found):
        selector = workload["spec"]["selector"]["matchLabels"]
        own = f"{workload['kind']} {workload['metadata']['name']}"
        assert [maker for maker, pod in pods(found) if matches(selector, labels(pod))] == [own]


@every_set
def test_services_lead_to_ports_of_ready_servers(name):
    found = objects(name)
    for service in of_kind("Service", found):
        chosen = [pod for _, pod in pods(found) if matches(service["spec"]["selector"], labels(pod))]
        assert chosen, service["metadata"]["name"]
        for port in service["spec"]["ports"]:
            assert all(ports(pod["spec"]["containers"][0])[port["targetPort"]] == port["port"]
                       for pod in chosen)
    readers, *writers, all_pods = of_kind("Service", found)
    assert readers["metadata"]["name"] == "graphfeed" and readers["spec"]["clusterIP"] == "None"
    assert not readers["spec"].get("publishNotReadyAddresses")
    assert all_pods["spec"]["publishNotReadyAddresses"] and all_pods["spec"]["clusterIP"] == "None"
    if shares_a_pool(found):
        assert not writers
        return
    assert {s["spec"]["serviceName"] for s in of_kind("StatefulSet", found)} == {all_pods["metadata"]["name"]}
    (writer,) = writers
    chosen = [maker for maker, pod in pods(found) if matches(writer["spec"]["selector"], labels(pod))]
    assert chosen == ["StatefulSet graphfeed-writer"]


def test_readers_are_sent_to_the_writer_only_where_it_serves_them():
    for name, expected in (("default", True), ("secure", True), ("followers", False)):
        found = objects(name)
        readers = of_kind("Service", found)[0]["spec"]["selector"]
        chosen = [maker for maker, pod in pods(found) if matches(readers, labels(pod))]
        assert ("StatefulSet graphfeed-writer" in chosen) == expected
        assert ("StatefulSet graphfeed-follower" in chosen) == (name != "default")


@every_set
def test_servers_listen_where_their_ports_and_probes_are(name):
    found = objects(name)
    for maker, pod in pods(found):
        config = configuration(found, pod)
        for container in containers(pod):
            named = ports(container)
            for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
                if probe := container.get(kind):
                    assert probe["httpGet"]["path"] in ("/healthz", "/readyz"), maker
                    assert probe["httpGet"]["port"] in named, maker
                    assert "metrics" in probe["httpGet"]["port"]
            if container["name"] == "server":
                assert config["metrics-listen"] == f"0.0.0.0:{named['metrics']}"
                assert config["listen"] == (f"0.0.0.0:{named['grpc']}" if "grpc" in named
                                            else "unix:/run/graphfeed/server.sock")
            if container["name"] == "worker":
                assert f"0.0.0.0:{named['worker-metrics']}" in container["args"]
        numbers = [port for container in containers(pod) for port in ports(container).values()]
        assert len(numbers) == len(set(numbers)), f"{maker}: one network, {numbers}"


@every_set
def test_servers_are_ready_before_they_are_asked_and_live_while_they_drain(name):
    for _, pod in servers(objects(name)):
        (server,) = pod["spec"]["containers"]
        assert server["readinessProbe"]["httpGet"]["path"] == "/readyz"
        assert server["livenessProbe"]["httpGet"]["path"] == "/healthz"
        assert server["startupProbe"]["httpGet"]["path"] == "/healthz"


def seconds(text: str) -> int:
    return int(re.fullmatch(r"(\d+)s", text)[1])


@every_set
def test_pods_are_given_longer_than_a_drain_takes(name):
    found = objects(name)
    for maker, pod in pods(found):
        if config := configuration(found, pod):
            grace = pod["spec"]["terminationGracePeriodSeconds"]
            assert grace >= seconds(config["drain-timeout"]) + 10, maker


@every_set
def test_volumes_and_what_they_are_of_exist(name):
    found = objects(name)
    maps = {o["metadata"]["name"] for o in of_kind("ConfigMap", found)} | CONFIG_MAPS
    claims = {o["metadata"]["name"]: [c["metadata"]["name"] for c in o["spec"]["volumeClaimTemplates"]]
              for o in of_kind("StatefulSet", found)}
    for maker, pod in pods(found):
        volumes = {v["name"]: v for v in pod["spec"]["volumes"]}
        kind, made = maker.split()
        have = [*volumes, *(claims[made] if kind == "StatefulSet" else [])]
        assert len(have) == len(set(have)), maker
        mounted = {m["name"] for c in containers(pod) for m in c["volumeMounts"]}
        assert mounted == set(have), maker
        for volume in volumes.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps
            if "secret" in volume:
                assert volume["secret"]["secretName"] in SECRETS
        for container in containers(pod):
            paths = [m["mountPath"] for m in container["volumeMounts"]]
            assert len(paths) == len(set(paths)), maker
            # Of a mounted folder, the files change with the secret.
            assert not any("subPath" in m for m in container["volumeMounts"])


def files_of(pod: dict, container: dict, path: str) -> bool:
    """Whether a file that a container is told of is in one of its volumes."""
    volumes = {v["name"]: v for v in pod["spec"]["volumes"]}
    for mount in container["volumeMounts"]:
        if pathlib.PurePath(path).is_relative_to(mount["mountPath"]):
            items = volumes.get(mount["name"], {}).get("secret", {}).get("items")
            return items is None or path.removeprefix(mount["mountPath"] + "/") in [i["path"] for i in items]
    return False


@every_set
def test_files_that_are_named_are_mounted(name):
    found = objects(name)
    for maker, pod in pods(found):
        for container in containers(pod):
            named = [*container.get("args", []), *(e.get("value", "") for e in container.get("env", []))]
            if container["name"] == "server":
                named += [str(value) for value in configuration(found, pod).values()]
            for value in named:
                for path in re.findall(PATH, value):
                    assert files_of(pod, container, path), f"{maker}: {value}"


@every_set
def test_everybody_asks_a_service_of_the_release_or_the_socket_beside(name):
    found = objects(name)
    services = {f"{s['metadata']['name']}:{p['port']}"
                for s in of_kind("Service", found) for p in s["spec"]["ports"]}
    asked = set()
    for _, pod in pods(found):
        if (config := configuration(found, pod)) and "follow" in config:
            asked.add(config["follow"])
            assert config["read-only"] == "on"
        for container in pod["spec"]["containers"]:
            words = " ".join([*container["command"], *container.get("args", [])]).split()
            if "--server" in words:
                address = words[words.index("--server") + 1]
                if address.startswith("unix:"):
                    assert address == config["listen"]
                    sides = [m["name"] for c in containers(pod) for m in c["volumeMounts"]
                             if m["mountPath"] == "/run/graphfeed"]
                    assert sides == ["socket", "socket"]
                else:
                    asked.add(address)
    assert asked <= services, asked - services
    assert asked <= {"graphfeed:50051", "graphfeed-writer:50051"}


def test_servers_are_open_only_where_nobody_is_to_be_asked():
    def configs(name, *more):
        found = objects(name, *more)
        return [configuration(found, pod) for _, pod in servers(found)]

    certificates = ["--set", "tls.clientCertificates=require,clientCredentials.kind=certificate"]
    for config in configs("secure") + configs("secure", "--set", "access.secretName=", *certificates):
        assert "allow-unauthenticated" not in config
    for config in configs("default") + configs("secure", "--set", "access.secretName="):
        assert config["allow-unauthenticated"] == "on"


@every_set
def test_pods_have_no_rights(name):
    for maker, pod in pods(objects(name)):
        spec = pod["spec"]
        assert spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 10001
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
        assert kinds <= {"configMap", "secret", "emptyDir", "persistentVolumeClaim", "ephemeral"}
        for container in containers(pod):
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and context["capabilities"]["drop"] == ["ALL"]
            if not maker.startswith("IPUJob"):
                assert context["allowPrivilegeEscalation"] is False and "add" not in context["capabilities"]
            assert container["resources"]["limits"]["memory"]


def test_the_user_is_the_images():
    users = re.findall(r"^USER (\S+)$", (ROOT / "docker/Dockerfile").read_text(), re.MULTILINE)
    assert set(users) == {"10001:10001", "root"} and users.count("10001:10001") == 5


def size(text: str) -> int:
    number, unit = re.fullmatch(r"(\d+)(Ki|Mi|Gi)", text).groups()
    return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30}[unit]


@every_set
def test_servers_may_have_the_memory_that_their_flags_promise(name):
    """docs/operations.md#memory"""
    found = objects(name)
    for maker, pod in pods(found):
        config = configuration(found, pod)
        for container in containers(pod):
            if container["name"] != "server":
                continue
            ingest = size(config["ingest-memory"]) + min(64 << 20, size(config["ingest-memory"]))
            # A server that is read-only stores what it follows, a version at a time, and parts nothing.
            ingests = 1 if "read-only" in config else config.get("max-ingests", 8)
            parts = 0 if "read-only" in config else size(config["partition-memory"])
            # Over a Unix socket, what clients keep may be half as much as frames again.
            slabs = size(config["slab-memory"]) * (1.5 if config["listen"].startswith("unix:") else 1)
            promised = (size(config["memory-budget"]) + slabs + size(config["plan-memory"]) + parts
                        + size(config["request-memory"]) + ingests * ingest + (300 << 20))
            assert promised <= size(container["resources"]["limits"]["memory"]), maker


@every_set
def test_disruptions_and_the_network_are_about_the_servers(name):
    found = objects(name)
    all_servers = [maker for maker, _ in servers(found)]
    for kind, key in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        for made in of_kind(kind, found):
            selector = made["spec"][key]["matchLabels"]
            assert [m for m, pod in pods(found) if matches(selector, labels(pod))] == all_servers
    for policy in of_kind("NetworkPolicy", found):
        for _, pod in servers(found):
            named = ports(pod["spec"]["containers"][0])
            assert {p["port"] for rule in policy["spec"]["ingress"] for p in rule["ports"]} == set(named)
        # Who belongs to the release may ask, whoever else may.
        peers = policy["spec"]["ingress"][0]["from"]
        assert all(matches(peers[0]["podSelector"]["matchLabels"], labels(pod)) for _, pod in pods(found))
        assert len(peers) >= 2
    for _, pod in servers(found):
        for spread in pod["spec"]["topologySpreadConstraints"]:
            assert matches(spread["labelSelector"]["matchLabels"], labels(pod))


@every_set
def test_what_is_scraped_is_there(name):
    found = objects(name)
    for monitor in of_kind("ServiceMonitor", found):
        (service,) = [s for s in of_kind("Service", found)
                      if matches(monitor["spec"]["selector"]["matchLabels"], s["metadata"]["labels"])]
        assert [e["port"] for e in monitor["spec"]["endpoints"]] == ["metrics"]
        assert "metrics" in [p["name"] for p in service["spec"]["ports"]]
    for monitor in of_kind("PodMonitor", found):
        chosen = [p for _, p in pods(found) if matches(monitor["spec"]["selector"]["matchLabels"], labels(p))]
        assert chosen
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert all(endpoint["port"] in ports(p["spec"]["containers"][0]) for p in chosen)


def test_the_rules_and_the_dashboard_are_the_project_s():
    found = objects("followers")
    (rule,) = of_kind("PrometheusRule", found)
    assert rule["spec"] == yaml.safe_load((ROOT / "deploy/prometheus/alerts.yml").read_text())
    # The alerts' job is what the ServiceMonitor calls it.
    (monitor,) = of_kind("ServiceMonitor", found)
    (relabeling,) = monitor["spec"]["endpoints"][0]["relabelings"]
    assert f'job="{relabeling["replacement"]}"' in json.dumps(rule["spec"]).replace('\\"', '"')
    (dashboard,) = [o for o in of_kind("ConfigMap", found) if "graphfeed.json" in o["data"]]
    assert json.loads(dashboard["data"]["graphfeed.json"]) == json.loads(
        (ROOT / "deploy/grafana/graphfeed.json").read_text())


def scaled(found: list[dict]) -> list[dict]:
    """By which metrics the one that is scaled is."""
    (scaler,) = of_kind("HorizontalPodAutoscaler", found)
    target = scaler["spec"]["scaleTargetRef"]
    (made,) = [o for o in of_kind(target["kind"], found) if o["metadata"]["name"] == target["name"]]
    assert "replicas" not in made["spec"]  # an upgrade would set them back
    return scaler["spec"]["metrics"]


def test_followers_are_scaled_by_their_streams_stalls():
    found = objects("followers")
    (metric,) = scaled(found)
    adapter = yaml.safe_load((ROOT / "deploy/prometheus/adapter.yml").read_text())
    assert metric["pods"]["metric"]["name"] in [rule["name"]["as"] for rule in adapter["rules"]]
    for name in ("secure", "workers", "external-rados"):
        assert not of_kind("HorizontalPodAutoscaler", objects(name))


def test_shards_are_numbered():
    for name, expected in (("workers", ["$(JOB_COMPLETION_INDEX)"]), ("ipu", ["0", "1"])):
        shards = []
        for _, pod in pods(objects(name)):
            words = pod["spec"]["containers"][0].get("args", [])
            if "--num-shards" in words:
                assert words[words.index("--num-shards") + 1] == "2"
                shards.append(words[words.index("--shard-index") + 1])
                # A folder of checkpoints is one worker's.
                assert words[words.index("--checkpoint-dir") + 1].endswith(f"-{shards[-1]}")
        assert shards == expected
    (job,) = [j for j in of_kind("Job", objects("workers")) if "sharded" in j["metadata"]["name"]]
    assert job["spec"]["completionMode"] == "Indexed" and job["spec"]["completions"] == 2


def test_jobs_that_change_have_other_names():
    def names(*more):
        return {o["metadata"]["name"] for o in of_kind("Job", objects("workers", *more))}
    assert names() == names("--set", "writer.persistence.size=51Gi")
    assert not names() & names("--set", "image.tag=v2")
