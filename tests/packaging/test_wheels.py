"""The wheels, in fresh virtual environments without a network."""

import email
import json
import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

import pytest
from chroots import ROOT, Stopwatch

HERE = pathlib.Path(__file__).resolve().parent


class Environment:
    """A virtual environment that sees Debian's packages, and nothing of this build."""

    def __init__(self, folder):
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--system-site-packages", folder], check=True)

    def run(self, *arguments, check=True, **variables):
        """A command of its bin/, outside of the project."""
        ours = ("PYTHONPATH", "GRAPHFEED_SERVER", "GRAPHFEED_CLI", "GRAPHFEED_CLIENT", "LD_PRELOAD")
        environment = {k: v for k, v in os.environ.items() if k not in ours} | variables
        done = subprocess.run(
            [self.folder / "bin" / arguments[0], *arguments[1:]], cwd=self.folder, env=environment,
            capture_output=True, text=True,
        )
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def install(self, wheel):
        self.run("pip", "install", "--no-index", "--quiet", wheel)

    def use(self, server, **variables):
        """What use_client.py found."""
        return json.loads(
            self.run("python", HERE / "use_client.py", server.address, **variables).stdout)


@pytest.fixture(scope="module")
def environments(wheels, tmp_path_factory):
    """One with the native module, one without; and how long each took."""
    made = []
    for name, wheel in zip(("native", "pure"), wheels):
        with Stopwatch() as watch:
            environment = Environment(tmp_path_factory.mktemp(name))
            environment.install(wheel)
        made.append((environment, watch))
    return made


def test_a_minute_after_a_fresh_environment_a_client_has_streamed(environments, server):
    found = []
    for (environment, installing), transport in zip(environments, ("native", "python")):
        with Stopwatch() as using:
            found.append(environment.use(server))
        print(f"\n{transport}: installed in {installing}, used in {using}")
        assert installing.processor + using.processor < 40  # this machine may be busy otherwise
        assert found[-1]["transport"] == transport
        assert found[-1]["file"].startswith(str(environment.folder))
        assert found[-1]["graphs"] == 50
    native, pure = found
    assert native["digests"] == pure["digests"] and native["sums"] == pure["sums"]


def test_the_native_wheel_holds_the_other_client_too(environments, server):
    (environment, _), _ = environments
    native = environment.use(server)
    python = environment.use(server, GRAPHFEED_CLIENT="python")
    assert python["transport"] == "python" and python["digests"] == native["digests"]


def test_the_demo_runs_from_the_native_wheel(environments):
    (environment, _), (other, _) = environments
    said = environment.run("python", "-m", "graphfeed", "demo", "--num-graphs", "2000").stdout
    assert "2,000 generated molecules" in said and "packing efficiency" in said
    refused = other.run("python", "-m", "graphfeed", "demo", "--num-graphs", "2000", check=False)
    assert refused.returncode == 1 and "takes the native module" in refused.stderr, refused.stderr
    assert "Traceback" not in refused.stderr, refused.stderr


def test_what_they_need_is_there_and_said(environments, wheels):
    for environment, _ in environments:
        # Debian's own packages need not agree among themselves.
        said = environment.run("pip", "check", check=False).stdout
        assert "graphfeed" not in said, said
    for wheel, native in zip(wheels, (True, False)):
        with zipfile.ZipFile(wheel) as archive:
            names = archive.namelist()
            (metadata,) = (n for n in names if n.endswith(".dist-info/METADATA"))
            fields = email.message_from_bytes(archive.read(metadata))
            assert any(n.endswith(".dist-info/LICENSE") for n in names)
        assert fields["License"] == "Apache-2.0" and fields["Requires-Python"] == ">=3.8"
        needs = [need.split()[0] for need in fields.get_all("Requires-Dist") if "extra" not in need]
        assert needs == (["numpy"] if native else ["grpcio", "numpy", "protobuf"])
        assert {"graphfeed/py.typed", "graphfeed/_graphfeed.pyi", "graphfeed/_version.py",
                "graphfeed/_portable/messages.binpb"} <= set(names)
        assert native == any(n.startswith("graphfeed/_graphfeed.c") for n in names)


def test_both_hold_the_package_whole(wheels):
    sources = {f"graphfeed/{path.relative_to(ROOT / 'client/python/graphfeed')}"
               for path in (ROOT / "client/python/graphfeed").rglob("*.py")}
    assert len(sources) > 60
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            there = {name for name in archive.namelist() if name.startswith("graphfeed/")}
        assert sources <= there, "of another build: ./run wheel"
        assert {name for name in there if name.endswith(".py")} - sources == {"graphfeed/_version.py"}


def test_the_same_sources_make_the_same_wheels(wheels, tmp_path):
    package = pathlib.Path(os.environ["PYTHONPATH"].split(os.pathsep)[0]) / "graphfeed"
    for folder in ("a", "b"):
        subprocess.run([sys.executable, ROOT / "packaging/wheel.py", "--package", package, "--out",
                        tmp_path / folder], check=True, capture_output=True)
    for wheel in wheels:
        first, second = ((tmp_path / folder / wheel.name).read_bytes() for folder in ("a", "b"))
        assert first == second, wheel.name


def test_a_checkout_installs_the_client_in_python(tmp_path, server):
    """pip install client/python, by whoever has no compiler."""
    environment = Environment(tmp_path / "env")
    checkout = tmp_path / "checkout"  # setuptools writes beside the sources
    for folder in ("client/python", "proto/graphfeed"):
        shutil.copytree(ROOT / folder, checkout / folder)
    shutil.copy(ROOT / "CMakeLists.txt", checkout)
    environment.run("pip", "install", "--no-index", "--no-build-isolation", "--quiet",
                    checkout / "client/python")
    found = environment.use(server)
    assert found["transport"] == "python" and found["graphs"] == 50
    assert found["file"].startswith(str(environment.folder))
