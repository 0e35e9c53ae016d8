"""The programs as the chart starts them: the commands of its containers, with this machine's places for
the pods'."""

import functools
import os
import pathlib
import re
import shlex
import subprocess

import yaml
from chart import objects, of_kind, pods
from server_process import Server

BIN = pathlib.Path(os.environ["GRAPHFEED_SERVER"]).parent


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


def written(config: dict, folder: pathlib.Path, **other) -> pathlib.Path:
    """The file of a configuration, with places of this machine, without what is pending."""
    places = {"/etc/graphfeed": f"{folder}/etc", "/var/lib/graphfeed": f"{folder}/data", "/run/graphfeed": folder}
    moved = {}
    for key, value in (config | other).items():
        for place, ours in places.items():
            value = value.replace(place, str(ours)) if isinstance(value, str) else value
        moved[key] = value
    (folder / "config.yaml").write_text(yaml.safe_dump(moved))
    return folder / "config.yaml"


def started(config: dict, folder: pathlib.Path, **other) -> Server:
    """With a configuration, on free ports."""
    return Server(folder / "data/data", f"--config={written(config, folder, **other)}")


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
