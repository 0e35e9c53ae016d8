"""The chart, rendered with helm for each set of values.

As a program it renders deploy/manifests (`./run manifests`).
"""

from __future__ import annotations

import functools
import pathlib
import subprocess
import sys
import tempfile

import yaml
from tools import ROOT, Absent, tools

CHART = ROOT / "deploy/helm/graphfeed"
MANIFESTS = ROOT / "deploy/manifests"
RELEASE = "graphfeed"
# The default, and every file of ci/.
SETS = ["default", *sorted(p.name.removesuffix("-values.yaml") for p in CHART.glob("ci/*-values.yaml"))]


class Refused(Exception):
    """What helm has said."""


def helm(*arguments: str | pathlib.Path) -> str:
    with tempfile.TemporaryDirectory() as home:  # no settings or plugins of who runs it
        done = subprocess.run(
            [tools().helm, *arguments], capture_output=True, text=True, timeout=60,
            env={"PATH": "/usr/bin:/bin", "HOME": home},
        )
    if done.returncode != 0:
        raise Refused(done.stdout + done.stderr)
    return done.stdout


def values(name: str) -> list[str | pathlib.Path]:
    """What tells helm the values of a set."""
    return [] if name == "default" else ["--values", CHART / f"ci/{name}-values.yaml"]


@functools.cache
def rendered(name: str, *more: str, release: str = RELEASE) -> str:
    """The YAML of a set; `more` are further arguments (--set)."""
    return helm("template", release, CHART, "--namespace", "graphs", *values(name), *more)


def objects(name: str, *more: str, release: str = RELEASE) -> list[dict]:
    return [o for o in yaml.safe_load_all(rendered(name, *more, release=release)) if o is not None]


def of_kind(kind: str, found: list[dict]) -> list[dict]:
    return [o for o in found if o["kind"] == kind]


def pods(found: list[dict]) -> list[tuple[str, dict]]:
    """(name of what makes it, pod template) of all pods."""
    result = []
    for made in found:
        spec = made.get("spec", {})
        for path in (("template",), ("jobTemplate", "spec", "template"), ("workers", "template")):
            template = functools.reduce(lambda value, key: value.get(key, {}), path, spec)
            if template:
                result.append((f"{made['kind']} {made['metadata']['name']}", template))
    return result


def containers(template: dict) -> list[dict]:
    return template["spec"].get("initContainers", []) + template["spec"]["containers"]


def manifest(name: str) -> str:
    """The file of deploy/manifests for a set."""
    source = "values.yaml" if name == "default" else f"ci/{name}-values.yaml"
    return (
        f"# Rendered from deploy/helm/graphfeed ({source}) by `./run manifests`. A test compares both.\n"
        + rendered(name)
    )


def main() -> int:
    try:
        tools()
    except Absent as absent:
        print(f"run: {absent}", file=sys.stderr)
        return 1
    MANIFESTS.mkdir(exist_ok=True)
    for old in MANIFESTS.glob("*.yaml"):
        old.unlink()
    for name in SETS:
        (MANIFESTS / f"{name}.yaml").write_text(manifest(name))
        print(MANIFESTS.relative_to(ROOT) / f"{name}.yaml")
    return 0


if __name__ == "__main__":
    sys.exit(main())
