"""Images. Building and running them takes minutes, root and a network: GRAPHFEED_LONG=1
(`./run packages`); tests that do are skipped without."""

import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "packaging")]

import images  # noqa: E402
from shared_data import shared_dir  # noqa: E402

LONG = bool(os.environ.get("GRAPHFEED_LONG"))


@pytest.fixture(scope="session")
def engine(tmp_path_factory):
    """Builds and runs images, over a base that is Debian's without anything."""
    if not LONG:
        pytest.skip("images take minutes: GRAPHFEED_LONG=1 (./run packages)")
    assert not images.MISSING, f"no {', no '.join(images.MISSING)}: ./run install images"
    assert list((images.ROOT / "build/debian").glob("*.deb")), "./run deb"
    with images.engine() as running:
        yield running


@pytest.fixture(scope="session")
def mutag() -> pathlib.Path:
    """The folder of the TU dataset."""
    folder = shared_dir("data")
    if folder is None:
        pytest.skip("needs the real datasets")
    return folder / "MUTAG"
