"""What is built where packages are absent, and the list of packages."""

import subprocess

import pytest
from chroots import ROOT


def packages(*sections):
    """What docker/debian-packages.txt has for them, by ./run's own reading."""
    script = 'eval "$(sed -n "/^packages()/,/^}/p" run)"; packages "$@"'
    done = subprocess.run(["bash", "-ec", script, "run", *sections], cwd=ROOT, capture_output=True,
                          text=True)
    if done.returncode:
        raise LookupError(done.stderr)
    return done.stdout.split()


def configure(folder, *arguments):
    """(whether it could be done, what was said)"""
    done = subprocess.run(["cmake", "-G", "Ninja", "-S", ROOT, "-B", folder, *arguments],
                          capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


def test_sections_add_to_those_that_they_need():
    demo, server = packages("demo"), packages("server")
    assert set(server) < set(demo)
    assert not [name for name in demo if "torch" in name or "test" in name]
    everything = packages()
    assert len(everything) == len(set(everything)) and set(demo) < set(everything)
    assert len(packages("client", "demo", "client")) == len(demo)
    with pytest.raises(LookupError, match="no section qt"):
        packages("server", "qt")


def test_what_is_absent_is_left_out_and_said(tmp_path):
    done, said = configure(
        tmp_path, "-DCMAKE_DISABLE_FIND_PACKAGE_pybind11=ON",
        "-DCMAKE_DISABLE_FIND_PACKAGE_GTest=ON")
    assert done, said
    assert "LEFT OUT: the native module of the Python package (no pybind11: ./run install " in said
    assert "LEFT OUT: the tests (no GoogleTest with gmock, native module of the " in said
    targets = subprocess.run(["ninja", "-C", tmp_path, "-t", "targets", "all"], capture_output=True,
                             text=True).stdout
    assert "bin/graphfeed-server:" in targets and "storage_test:" not in targets


def test_stores_in_rados_are_left_out_when_asked_to(tmp_path):
    done, said = configure(tmp_path, "-DGRAPHFEED_RADOS=OFF")
    assert done, said
    assert "LEFT OUT: stores in Ceph RADOS (GRAPHFEED_RADOS is OFF)" in said
    commands = (tmp_path / "compile_commands.json").read_text()
    assert "/graphfeed_chunks.dir/" in commands and "GRAPHFEED_WITH_RADOS" not in commands
    tests = subprocess.run(["ctest", "--test-dir", tmp_path, "-N"], capture_output=True, text=True)
    assert "storage_test" in tests.stdout and "rados_test" not in tests.stdout


@pytest.mark.parametrize("part, package, missing", [
    ("GRAPHFEED_PYTHON", "pybind11", "pybind11: ./run install client"),
    ("GRAPHFEED_TESTS", "GTest", "GoogleTest with gmock: ./run install test"),
])
def test_what_was_asked_for_must_be_there(tmp_path, part, package, missing):
    done, said = configure(tmp_path, f"-D{part}=ON", f"-DCMAKE_DISABLE_FIND_PACKAGE_{package}=ON")
    assert not done
    assert f"{part} is ON and there is no {missing}" in " ".join(said.split())


def test_parts_are_auto_on_or_off(tmp_path):
    done, said = configure(tmp_path, "-DGRAPHFEED_TESTS=yes")
    assert not done and 'GRAPHFEED_TESTS is AUTO, ON or OFF, not "yes"' in said
