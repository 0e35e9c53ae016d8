"""A fresh clone on a bare Debian 12."""

import subprocess

from chroots import ROOT


def test_the_demo_runs_and_installs_what_it_needs(bookworm):
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, f"{bookworm.root}/srv/graphfeed"],
                   check=True)
    before = bookworm.packages()
    said = bookworm.run("cd /srv/graphfeed && ./run demo 2>/tmp/progress", timeout=7200)
    assert "packing efficiency: 9" in said, said
    progress = (bookworm.root / "tmp/progress").read_text()
    assert "LEFT OUT: the tests" in progress and "LEFT OUT: TorchScript models" in progress
    names = bookworm.run("dpkg-query -W -f '${Package}\\n'")
    assert not [name for name in names.split() if "torch" in name or "opencv" in name]
    print(f"\n{bookworm.packages() - before} packages installed")
    assert bookworm.packages() - before < 250
