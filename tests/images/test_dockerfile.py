"""What can be said of the Dockerfile, and of what it puts into images, without building one."""

from __future__ import annotations

import fnmatch
import json
import os
import pathlib
import re
import shlex
import socket
import subprocess

import pytest
from images import NAMES, PACKAGES, ROOT
from server_process import Server

DOCKERFILE = ROOT / "docker/Dockerfile"
INSTRUCTIONS = {"FROM", "ARG", "LABEL", "RUN", "COPY", "ENV", "WORKDIR", "USER", "VOLUME", "EXPOSE",
                "HEALTHCHECK", "STOPSIGNAL", "ENTRYPOINT", "CMD"}  # fmt: skip


def instructions() -> list[tuple[str, str]]:
    lines = "\n".join(line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#"))
    found = [line.split(None, 1) for line in lines.replace("\\\n", " ").splitlines() if line]
    return [(name, rest) for name, rest in found]


def stages() -> dict[str, list[tuple[str, str]]]:
    """The instructions of each, the first of which says what it is made of."""
    result: dict[str, list[tuple[str, str]]] = {}
    for name, rest in instructions():
        if name == "FROM":
            base, _, stage = rest.split()
            assert stage not in result
            result[stage] = [("FROM", base)]
        elif result:
            result[stage].append((name, rest))
    return result


def values(stage: str, instruction: str) -> list[str]:
    return [rest for name, rest in stages()[stage] if name == instruction]


def effective(stage: str, instruction: str) -> str:
    """The last one, of the stage or of what it is made of."""
    return (values(stage, instruction) or [effective(values(stage, "FROM")[0], instruction)])[-1]


def ignored(path: pathlib.Path) -> bool:
    """Whether .dockerignore leaves a path out of what is sent to the builder."""
    result = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line and not line.startswith("#"):
            pattern = line.removeprefix("!")
            beginnings = [str(p) for p in (path, *path.parents)]
            anywhere = pattern.replace("**/", "*/")
            if any(fnmatch.fnmatch(b, pattern) or fnmatch.fnmatch(f"/{b}", anywhere) for b in beginnings):
                result = not line.startswith("!")
    return result


def test_instructions_are_known_and_stages_are_made_of_stages():
    assert {name for name, _ in instructions()} <= INSTRUCTIONS
    arguments = {rest.split("=")[0]: rest.split("=", 1)[1] for name, rest in instructions()
                 if name == "ARG" and "=" in rest}
    assert arguments["PACKAGES"] in stages()
    for stage, lines in stages().items():
        base = re.sub(r"\$\{(\w+)\}", lambda m: arguments[m[1]], lines[0][1])
        assert base in ("scratch", arguments["BASE"]) or base in stages(), stage
        for _, rest in lines[1:]:
            for source in re.findall(r"(?:--|,)from=([\w-]+)", rest):
                assert source in stages(), f"{stage}: {rest}"


def test_what_is_copied_is_there():
    copied = 0
    for stage in stages():
        for rest in values(stage, "COPY"):
            words = [w for w in rest.split() if not w.startswith("--")]
            if "--from=" in rest or words[0] == ".":
                continue
            for source in words[:-1]:
                # Those of build/ are made before the image is.
                assert source.startswith("build/debian/") or (ROOT / source).exists(), source
                assert not ignored(pathlib.Path(source)), source
                copied += 1
    assert copied >= 5
    assert ignored(pathlib.Path("build/release/bin/graphfeed")) and ignored(pathlib.Path(".git/HEAD"))


def test_packages_are_of_the_one_list_or_the_project_s():
    ours = set(re.findall(r"_PACKAGE_NAME (\S+)\)", (ROOT / "cmake/GraphfeedDebian.cmake").read_text()))
    listed = (ROOT / "docker/debian-packages.txt").read_text()
    sections = set(re.findall(r"^\[([\w-]+)", listed, re.MULTILINE))
    names = {line for line in listed.splitlines() if line and line[0] not in "#["}
    installed = {}
    for stage in stages():
        for rest in values(stage, "RUN"):
            if found := re.search(r"\./run install (.*)", rest):
                assert set(found[1].split()) <= sections
            if found := re.search(r"install-packages ([\w\s-]+)", rest):
                installed[stage] = found[1].split()
                assert set(installed[stage]) <= ours | names
            assert "apt-get" not in rest, "install-packages does that"
    assert {stage: words[0] for stage, words in installed.items()} == PACKAGES


@pytest.mark.parametrize("target", NAMES)
def test_images_say_who_runs_what(target):
    assert effective(target, "USER") == "10001:10001"
    (program,) = json.loads(effective(target, "ENTRYPOINT"))
    texts = "".join(f.read_text() for f in ROOT.glob("*/**/CMakeLists.txt") if "build" not in f.parts)
    assert re.search(rf"graphfeed_install_program\({program}(_program)? ", texts), program
    (labels,) = values(target, "LABEL")
    found = dict(word.split("=", 1) for word in shlex.split(labels))
    assert found["org.opencontainers.image.title"] == NAMES[target]
    assert found["org.opencontainers.image.description"]
    assert (effective(target, "HEALTHCHECK") == "NONE") == (target == "cli")


@pytest.mark.parametrize("script", sorted(f.relative_to(ROOT) for f in (ROOT / "docker").rglob("*")
                                          if f.is_file() and f.read_text().startswith("#!")))
def test_scripts_can_be_run(script):
    shell = (ROOT / script).read_text().splitlines()[0].split("/")[-1].split()[-1]
    assert os.access(ROOT / script, os.X_OK) and shell in ("sh", "bash")
    subprocess.run([shell, "-n", ROOT / script], check=True)


def test_the_bill_of_packages_is_what_is_installed():
    list_packages = [ROOT / "docker/bin/list-packages", "bash"]
    said = subprocess.run(list_packages, capture_output=True, text=True, check=True).stdout
    assert said == subprocess.run(list_packages, capture_output=True, text=True, check=True).stdout
    bill = json.loads(said)
    assert (bill["bomFormat"], bill["specVersion"], bill["version"]) == ("CycloneDX", "1.5", 1)
    query = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version} ${Architecture}\\n"],
        capture_output=True, text=True, check=True).stdout
    installed = {tuple(line.split()[1:]) for line in query.splitlines() if line.startswith("installed ")}
    listed = {(c["name"], c["version"], re.search(r"arch=(\w+)", c["purl"])[1]) for c in bill["components"]}
    assert listed == installed
    references = [c["bom-ref"] for c in bill["components"]]
    assert len(references) == len(set(references))
    # The purl specification: what a version may not have there is percent-encoded.
    assert all(re.fullmatch(r"pkg:deb/debian/[a-z0-9.%B-]+@[\w.~%-]+\?arch=\w+&distro=\w+-[\w.]+", r)
               for r in references)
    assert bill["metadata"]["component"]["name"] == "bash"


def test_the_health_check_asks_the_server(tmp_path):
    program = ROOT / "docker/bin/graphfeed-healthcheck"
    server = Server(tmp_path / "data")
    try:
        def ask(*arguments):
            return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20)
        assert (answer := ask(server.metrics)).returncode == 0 and answer.stdout == "200 OK\n"
        assert ask(server.metrics, "/readyz").returncode == 0
        assert (answer := ask(server.metrics, "/nothing")).returncode == 1 and "404" in answer.stdout
    finally:
        assert server.stop() == 0
    assert ask(server.metrics).returncode == 1
    with socket.create_server(("127.0.0.1", 0)) as silent:
        answer = ask(f"127.0.0.1:{silent.getsockname()[1]}")
        assert answer.returncode == 1 and "does not answer" in answer.stdout


def test_packages_of_a_program_are_those_that_it_was_linked_with():
    said = subprocess.run([ROOT / "docker/bin/packages-of", "/bin/ls", "/opt/poplar"],
                          capture_output=True, text=True, check=True).stdout.split()
    assert said == ["libc6", "libpcre2-8-0", "libselinux1"]


@pytest.mark.parametrize("arguments, said", [
    (["serverr"], "images are server, server-rados, cli, worker-cpu and worker-poplar, not serverr"),
    (["worker-poplar"], "needs POPLAR_SDK_IMAGE"),
])
def test_builds_that_cannot_be_are_refused(arguments, said):
    done = subprocess.run([ROOT / "docker/build", *arguments], capture_output=True, text=True,
                          env={**os.environ, "BUILDER": "/bin/false"})
    assert done.returncode == 2 and said in done.stderr
