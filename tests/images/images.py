"""Images built with buildah and run without an engine: as Kubernetes is told to run them, by an
ordinary user over a root file system that is read-only."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence

import chroots
from chroots import ROOT

BASE = "docker.io/library/debian:bookworm-slim"
MISSING = [program for program in ("buildah", "mmdebstrap", "unshare", "setpriv", "ip") if not shutil.which(program)]
# By target: the image's name, and the project's package in it (worker-poplar has none).
NAMES = {"server": "graphfeed-server", "server-rados": "graphfeed-server-rados", "cli": "graphfeed",
         "worker-cpu": "graphfeed-worker", "worker-poplar": "graphfeed-worker-poplar"}
PACKAGES = {"server": "graphfeed-server", "server-rados": "graphfeed-server", "cli": "graphfeed",
            "worker-cpu": "graphfeed-worker"}


class Image:
    """One that is built, mounted at `root`."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.config = json.loads(engine.buildah("inspect", "--type", "image", name))["Docker"]["config"]
        container = engine.buildah("from", "--pull-never", name).strip()
        self.root = pathlib.Path(engine.buildah("mount", container).strip())
        self.bytes = sum(f.lstat().st_size for f in self.root.rglob("*") if f.is_file() and not f.is_symlink())

    def within(self, words: Sequence[str], volumes: dict[str, pathlib.Path], own_network: bool = False) -> list[str]:
        """A command in the image, in its own mounts and processes. Nothing but `volumes` and /tmp can
        be written."""
        user, group = self.config["User"].split(":")
        mounts = "".join(f"mount --bind {path} $root{place}\n" for place, path in volumes.items())
        script = f"""
            root={self.root}
            {"ip link set lo up" if own_network else ""}
            mount --bind $root $root
            mount -o remount,bind,ro $root
            mount -t proc proc $root/proc
            mount -t tmpfs -o mode=1777 tmpfs $root/tmp
            mount --rbind /dev $root/dev
            {mounts}
            exec chroot $root setpriv --reuid {user} --regid {group} --clear-groups --no-new-privs \
                --bounding-set -all --inh-caps -all -- "$@" """
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", *["--net"] * own_network]
        return [*apart, "/bin/sh", "-ec", script, "image", *words]

    def environment(self) -> dict[str, str]:
        return dict(entry.split("=", 1) for entry in self.config["Env"])

    def run(self, arguments: Sequence[str], volumes: dict[str, pathlib.Path] | None = None, *,
            entry: bool = True, own_network: bool = False, timeout: float = 300) -> str:  # fmt: skip
        """Its standard output; an AssertionError with all that it said where it failed. Without
        `entry` the arguments are a command of their own."""
        words = self.config["Entrypoint"] + list(arguments) if entry else arguments
        words = self.within(words, volumes or {}, own_network)
        done = subprocess.run(words, capture_output=True, text=True, env=self.environment(), timeout=timeout)
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    @contextlib.contextmanager
    def running(self, arguments: Sequence[str], volumes: dict[str, pathlib.Path], log: pathlib.Path,
                until: str) -> Iterator[str]:  # fmt: skip
        """While it runs: what it had said when it said `until`. It must end with 0 when it is told to."""
        with open(log, "w") as said:
            process = subprocess.Popen(self.within(self.config["Entrypoint"] + list(arguments), volumes),
                                       stdout=said, stderr=said, env=self.environment())
        try:
            deadline = time.monotonic() + 60
            while until not in log.read_text():
                assert process.poll() is None and time.monotonic() < deadline, log.read_text()
                time.sleep(0.05)
            yield log.read_text()
            # The program is the first process of its namespace, and the child of unshare.
            (child,) = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(child), 15)
            assert process.wait(timeout=60) == 0, log.read_text()
        finally:
            process.kill()
            process.wait()


class Engine:
    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        conf = folder / "storage.conf"
        conf.write_text(f'[storage]\ndriver = "overlay"\n'
                        f'graphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n')
        self._environment = {**os.environ, "CONTAINERS_STORAGE_CONF": str(conf), "BUILDAH_ISOLATION": "chroot",
                             "BUILDER": shutil.which("buildah")}

    def buildah(self, *arguments: str) -> str:
        done = subprocess.run(["buildah", *arguments], env=self._environment, capture_output=True, text=True)
        assert done.returncode == 0, f"buildah {' '.join(arguments)}\n{done.stderr[-4000:]}"
        return done.stdout

    def scratch(self, archive: pathlib.Path, name: str) -> None:
        """An image that is what an archive holds."""
        container = self.buildah("from", "scratch").strip()
        self.buildah("add", "--quiet", container, str(archive), "/")
        self.buildah("commit", "--quiet", "--rm", container, name)

    def build(self, target: str, **environment: str) -> tuple[Image, chroots.Stopwatch]:
        """By docker/build, and how long it took."""
        with chroots.Stopwatch() as watch:
            done = subprocess.run([ROOT / "docker/build", target], env={**self._environment, **environment},
                                  capture_output=True, text=True)
        assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return Image(self, f"localhost/{NAMES[target]}:{version()}"), watch


def version() -> str:
    lines = (ROOT / "CMakeLists.txt").read_text().splitlines()
    return next(line.split()[2] for line in lines if line.startswith("project("))


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """With its own storage, removed afterwards, in which the base image is."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="graphfeed-images-"))
    running = Engine(folder)
    try:
        running.scratch(chroots.archive("bookworm"), BASE)
        yield running
    finally:
        running.buildah("umount", "--all")
        running.buildah("rm", "--all")
        subprocess.run(["umount", "--quiet", folder / "graph/overlay"])
        shutil.rmtree(folder)
