#!/usr/bin/python3
"""Makes both wheels of the Python package: with the native module, and py3-none-any.

    wheel.py --package BUILD/python/graphfeed --out FOLDER

The package is the built one, generated files included. It is copied first: setuptools writes beside
what it packs. Needs setuptools and wheel, and no network. Prints the paths.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"


def build(package: pathlib.Path, native: bool, out: pathlib.Path) -> pathlib.Path:
    """The path of a wheel of the built package."""
    with tempfile.TemporaryDirectory(prefix="graphfeed-wheel-") as folder:
        stage = pathlib.Path(folder) / "client/python"
        stage.mkdir(parents=True)
        shutil.copy(ROOT / "CMakeLists.txt", folder)
        for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
            shutil.copy(ROOT / "client/python" / name, stage)
        unwanted = ["__pycache__"] if native else ["__pycache__", "_graphfeed*.so"]
        shutil.copytree(package, stage / "graphfeed", ignore=shutil.ignore_patterns(*unwanted))
        modules = list(stage.glob("graphfeed/_graphfeed*.so"))
        if len(modules) != native:
            raise SystemExit(f"wheel: {package} has {len(modules)} native modules, not 1; build it")
        for module in modules:
            subprocess.run(["strip", "--strip-unneeded", module], check=True)
        made = subprocess.run(
            [sys.executable, "-c", BUILD, str(out)], cwd=stage, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        if made.returncode != 0:
            raise SystemExit(f"wheel: setuptools failed\n{made.stdout}{made.stderr}")
        return out / made.stdout.split()[-1]


def commit_time() -> str:
    """Of the sources, so that the same ones make the same wheel."""
    command = ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"]
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # an archive of the sources
        return str(int((ROOT / "CMakeLists.txt").stat().st_mtime))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    args = parser.parse_args()
    os.environ.setdefault("SOURCE_DATE_EPOCH", commit_time())
    args.out.mkdir(parents=True, exist_ok=True)
    for old in args.out.glob("graphfeed-*.whl"):
        old.unlink()
    for native in (True, False):
        print(build(args.package.resolve(), native, args.out.resolve()))


if __name__ == "__main__":
    main()
