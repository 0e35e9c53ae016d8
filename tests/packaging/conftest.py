"""Packages as users install them. Systems in chroots take minutes, root and a network: their tests
run with GRAPHFEED_LONG=1 (`./run packages`), and are skipped without."""

import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import chroots  # noqa: E402
from chroots import ROOT  # noqa: E402
from shared_data import shared_dir  # noqa: E402

LONG = bool(os.environ.get("GRAPHFEED_LONG"))


def made(folder: str, pattern: str, command: str) -> list[pathlib.Path]:
    """The files that `command` has made. The long run has to have them."""
    found = sorted((ROOT / "build" / folder).glob(pattern))
    if not found and not LONG:
        pytest.skip(f"build/{folder} has no {pattern}: {command}")
    assert found, f"build/{folder} has no {pattern}: {command}"
    return found


@pytest.fixture(scope="session")
def debs() -> dict[str, pathlib.Path]:
    """By the package's name."""
    return {path.name.split("_")[0]: path for path in made("debian", "*.deb", "./run deb")}


@pytest.fixture(scope="session")
def wheels() -> tuple[pathlib.Path, pathlib.Path]:
    """With the native module, without."""
    (native,) = made("wheels", "graphfeed-*-linux_*.whl", "./run wheel")
    (pure,) = made("wheels", "graphfeed-*-py3-none-any.whl", "./run wheel")
    return native, pure


@pytest.fixture(scope="session")
def mutag() -> pathlib.Path:
    """The folder of the TU dataset."""
    folder = shared_dir("data")
    if folder is None:
        pytest.skip("needs the real datasets")
    return folder / "MUTAG"


def chroot(suite):
    if not LONG:
        pytest.skip("chroots take minutes: GRAPHFEED_LONG=1 (./run packages)")
    assert not chroots.MISSING, f"no {', no '.join(chroots.MISSING)}: ./run install packages"
    return chroots.bare(suite)


@pytest.fixture(scope="module")
def bookworm():
    with chroot("bookworm") as system:
        yield system


@pytest.fixture(scope="module")
def bullseye():
    with chroot("bullseye") as system:
        yield system
