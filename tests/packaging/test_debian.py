"""The Debian packages, installed and used in a fresh Debian 12."""

import os
import pathlib
import re
import shutil
import subprocess

import chroots
import pytest

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def installed(bookworm, debs, mutag):
    """The system with the server, the command line and the Python client, and how long after the
    download their installation took."""
    bookworm.copy(*debs.values(), into="/srv/debs")
    bookworm.copy(mutag, HERE / "use_packages.sh", HERE / "serve.sh")
    names = " ".join(f"/srv/debs/{debs[name].name}"
                     for name in ("graphfeed-server", "graphfeed", "python3-graphfeed"))
    bookworm.run(f"apt-get update -q && apt-get install -qy --download-only {names}")
    before = bookworm.packages()
    with chroots.Stopwatch() as watch:
        bookworm.run(f"apt-get install -qy {names}")
    print(f"\n{bookworm.packages() - before} packages installed in {watch}")
    return bookworm, watch


def test_a_minute_after_the_download_a_client_has_streamed(installed):
    bookworm, installing = installed
    with chroots.Stopwatch() as using:
        said = bookworm.run("sh /srv/use_packages.sh /srv/MUTAG")
    assert re.search(r"python: \S+ /usr/lib/python3/dist-packages/graphfeed", said), said
    print(f"\n{said}\nused in {using}")
    # Of processor time, since this machine may be busy otherwise; alone it takes hardly longer.
    assert installing.processor + using.processor < 40


def test_the_service_is_one_that_systemd_takes(installed, tmp_path):
    bookworm, _ = installed
    unit = bookworm.root / "lib/systemd/system/graphfeed-server.service"
    owner = bookworm.run("stat -c '%U:%G %a' /var/lib/graphfeed").strip()
    assert owner == "graphfeed:graphfeed 750"
    assert "graphfeed-server.service" in bookworm.run(
        "ls /etc/systemd/system/multi-user.target.wants")
    # Its program, where this machine looks for it.
    local = tmp_path / unit.name
    text = unit.read_text()
    local.write_text(text.replace("/usr/bin/graphfeed-server",
                                  f"{bookworm.root}/usr/bin/graphfeed-server"))
    checked = subprocess.run(["systemd-analyze", "verify", "--man=no", local],
                             capture_output=True, text=True)
    assert checked.returncode == 0 and not checked.stderr.strip(), checked.stderr
    exposure = subprocess.run(["systemd-analyze", "security", "--offline=true", local],
                              capture_output=True, text=True).stdout
    level = float(re.search(r"exposure level for \S+: ([\d.]+)", exposure).group(1))
    assert level < 2.5, exposure


def test_what_the_user_has_changed_stays_and_a_purge_leaves_datasets(installed, debs):
    bookworm, _ = installed
    settings = bookworm.root / "etc/default/graphfeed-server"
    settings.write_text('GRAPHFEED_SERVER_FLAGS="--listen 127.0.0.1:1234"\n')
    bookworm.run(f"dpkg --force-confdef -i /srv/debs/{debs['graphfeed-server'].name}")
    assert "1234" in settings.read_text()
    bookworm.run("touch /var/lib/graphfeed/kept && apt-get purge -qy graphfeed-server")
    assert not settings.exists()
    assert (bookworm.root / "var/lib/graphfeed/kept").exists()
    bookworm.run(f"apt-get install -qy /srv/debs/{debs['graphfeed-server'].name}")
    assert "--listen 127.0.0.1:50051" in settings.read_text()


def test_cpp_programs_build_against_the_library(installed, debs):
    bookworm, _ = installed
    bookworm.run(f"apt-get install -qy --no-install-recommends g++ cmake ninja-build pkg-config "
                 f"/srv/debs/{debs['libgraphfeed-dev'].name}")
    example = "/usr/share/doc/libgraphfeed-dev/example"
    bookworm.run(f"cmake -G Ninja -S {example} -B /srv/cmake -DCMAKE_BUILD_TYPE=Release && "
                 "cmake --build /srv/cmake")
    bookworm.run(f"g++ -std=c++20 -Wall -Wextra -Werror {example}/stream_epoch.cc -o /srv/with-pkg-config "
                 "$(pkg-config --cflags --libs graphfeed)")
    said = bookworm.run("""
        . /srv/serve.sh
        serve /srv/data
        graphfeed import tu /srv/MUTAG --name mutag --server $address > /dev/null
        /srv/cmake/stream_epoch $address mutag
        /srv/with-pkg-config $address mutag
        stop""")
    assert said.count("21 batches, 188 graphs, 3371 nodes") == 2, said


def test_every_installed_header_stands_alone(installed):
    bookworm, _ = installed
    headers = bookworm.run("cd /usr/include/graphfeed && find . -name '*.h'").split()
    assert len(headers) > 20
    (bookworm.root / "srv/headers").write_text("\n".join(headers) + "\n")
    bookworm.run("""
        flags=$(pkg-config --cflags graphfeed)
        compile="echo '#include \\"{}\\"' | g++ -std=c++20 -fsyntax-only $flags -x c++ -"
        xargs -P 2 -I {} sh -ec "$compile" < /srv/headers""")


def test_the_worker_trains(installed, debs):
    bookworm, _ = installed
    bookworm.run(f"apt-get install -qy /srv/debs/{debs['graphfeed-worker'].name}", timeout=1200)
    said = bookworm.run("""
        cd /srv
        . /srv/serve.sh
        serve /srv/other
        graphfeed import tu /srv/MUTAG --name mutag --server $address > /dev/null
        graphfeed-export-model gin --out gin.pt --in-channels 7 --edge-channels 4 --num-graphs 16
        graphfeed plan mutag --strategy best-pack --num-graphs 16 --num-nodes 179 --num-edges 420 \
            --shuffle --save-spec spec.json --server $address > /dev/null
        graphfeed-worker --server $address --dataset mutag --spec spec.json --model gin.pt --epochs 3
        stop""")
    assert "epoch" in said, said


def test_lintian_finds_no_errors(debs):
    if not shutil.which("lintian") and not os.environ.get("GRAPHFEED_LONG"):
        pytest.skip("no lintian")
    checked = subprocess.run(["lintian", "--tag-display-limit", "0", *debs.values()],
                             capture_output=True, text=True)
    errors = [line for line in checked.stdout.splitlines() if line.startswith("E:")]
    assert checked.stdout, checked.stderr
    assert not errors, "\n".join(errors)
