"""Debian systems in folders, with nothing of this machine in them but its network."""

from __future__ import annotations

import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MIRROR = os.environ.get("GRAPHFEED_DEBIAN_MIRROR", "http://deb.debian.org/debian")
MISSING = [program for program in ("mmdebstrap", "unshare", "chroot") if not shutil.which(program)]


class Stopwatch:
    """How long something took, and how much processor time the processes that it started: what others
    do at the time makes that hardly longer."""

    def __enter__(self) -> Stopwatch:
        self._begin, self._used = time.monotonic(), self._children()
        return self

    def __exit__(self, kind, value, traceback) -> None:
        self.seconds = time.monotonic() - self._begin
        self.processor = self._children() - self._used

    @staticmethod
    def _children() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.processor:.1f} s of processor time)"


class Chroot:
    """A system below `root`. Each command has its own process and mount namespaces: what it leaves
    running ends with it."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root

    def command(self, script: str) -> list[str]:
        """What runs a shell script in it, as root, with its own /proc and the machine's /dev."""
        inner = (
            f"mount --rbind /dev {self.root}/dev && mount -t proc proc {self.root}/proc && "
            f"exec chroot {self.root} /bin/sh -ec \"$1\""
        )
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-ec", inner,
                "chroot", script]

    def run(self, script: str, timeout: float = 600) -> str:
        """Its standard output; an AssertionError with all that it said where it failed."""
        done = subprocess.run(
            self.command(script), capture_output=True, text=True, timeout=timeout,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                 "DEBIAN_FRONTEND": "noninteractive"},
        )
        assert done.returncode == 0, f"{script}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
        return done.stdout

    def copy(self, *paths: pathlib.Path, into: str = "/srv") -> None:
        for path in paths:
            target = self.root / into.lstrip("/") / path.name
            if path.is_dir():
                shutil.copytree(path, target)
            else:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)

    def packages(self) -> int:
        """How many are installed."""
        return self.run("dpkg-query -W -f '${Package}\\n'").count("\n")


def archive(suite: str) -> pathlib.Path:
    """Of a fresh system of a Debian suite with the packages that every system has. It is downloaded
    once and kept in the folder that GRAPHFEED_CHROOTS names."""
    kept = pathlib.Path(os.environ.get("GRAPHFEED_CHROOTS", ROOT / "build/chroots"))
    kept.mkdir(parents=True, exist_ok=True)
    found = kept / f"{suite}.tar"
    if not found.exists():
        part = kept / f"{suite}.part.tar"
        subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", suite, part, MIRROR], check=True)
        part.rename(found)
    return found


@contextlib.contextmanager
def bare(suite: str) -> Iterator[Chroot]:
    """A fresh system of a Debian suite, removed afterwards."""
    found = archive(suite)
    with tempfile.TemporaryDirectory(prefix=f"graphfeed-{suite}-") as folder:
        os.chmod(folder, 0o755)  # apt's own user reads packages in it
        subprocess.run(
            ["tar", "-C", folder, "-xf", found, "--exclude=./dev/*"], check=True)
        shutil.copy("/etc/resolv.conf", f"{folder}/etc/resolv.conf")
        yield Chroot(pathlib.Path(folder))
