"""worker-poplar, built over an image with the stand-in for the Poplar SDK: this compiles the worker."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from images import ROOT

FAKE = ROOT / "tests/fake_poplar"
CONFIG = """
add_library({name} SHARED IMPORTED)
set_target_properties({name} PROPERTIES
  IMPORTED_LOCATION "${{CMAKE_CURRENT_LIST_DIR}}/../../libfake{name}.so"
  INTERFACE_INCLUDE_DIRECTORIES "${{CMAKE_CURRENT_LIST_DIR}}/../../../include")
"""


@pytest.fixture(scope="module")
def sdk(engine, tmp_path_factory) -> str:
    """An image that has what an SDK has where an SDK has it, below /sdk: headers, libraries, what CMake
    finds them by."""
    folder = tmp_path_factory.mktemp("sdk")
    home = folder / "sdk/poplar-fake"
    shutil.copytree(FAKE / "include", home / "include")
    (home / "lib/cmake").mkdir(parents=True)
    sources = [s for s in FAKE.glob("*.cc") if "example" not in s.name]
    for name in ("poplar", "popef"):
        (home / "lib/cmake" / name).mkdir()
        (home / "lib/cmake" / name / f"{name}Config.cmake").write_text(CONFIG.format(name=name))
    compile = ["g++", "-std=c++20", "-O1", "-shared", "-fPIC", f"-I{FAKE / 'include'}", f"-I{ROOT}"]
    for name, made_of in (("poplar", sources), ("popef", ["-x", "c++", "/dev/null"])):
        library = f"libfake{name}.so"
        subprocess.run([*compile, *made_of, f"-Wl,-soname,{library}", "-o", home / "lib" / library], check=True)
    archive = folder / "sdk.tar"
    subprocess.run(["tar", "-C", folder, "-cf", archive, "sdk"], check=True)
    engine.scratch(archive, "localhost/poplar-sdk:fake")
    return "localhost/poplar-sdk:fake"


def test_the_worker_runs_with_the_sdk_of_the_image(engine, sdk, tmp_path):
    image, watch = engine.build("worker-poplar", POPLAR_SDK_IMAGE=sdk, POPLAR_SDK_DIR="/sdk")
    print(f"\nworker-poplar: {image.bytes / 1e6:.0f} MB, built in {watch}")
    said = image.run(["ldd", "/usr/bin/graphfeed-worker"], entry=False)
    assert re.search(r"libfakepoplar.so => /opt/poplar/poplar-fake/lib/", said), said
    assert "not found" not in said, said
    assert "libtorch" not in said
    assert "--executor" in image.run(["--help"])
    # The adapter is in it, and reads models.
    (tmp_path / "no.popef").write_text("no model")
    (tmp_path / "spec.json").write_text("{}")
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    with pytest.raises(AssertionError, match="model /mnt/no.popef is not a PopEF file"):
        image.run(["--executor", "popef", "--model", "/mnt/no.popef", "--dataset", "d", "--spec", "/mnt/spec.json",
                   "--epochs", "1", "--server", "127.0.0.1:1", "--retry-timeout", "0"], {"/mnt": tmp_path})
