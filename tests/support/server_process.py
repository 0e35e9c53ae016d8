"""A server process for the Python tests."""

from __future__ import annotations

import os
import pathlib
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence


class Server:
    """A server process on a free port with its data in a folder, or in a store ("rados://...");
    `within` is the beginning of its command, such as "ip netns exec NAME", which must make way for
    it. `program` is another one than $GRAPHFEED_SERVER."""

    def __init__(
        self,
        data_dir: pathlib.Path | str,
        *arguments: str,
        address: str = "127.0.0.1:0",
        within: Sequence[str] = (),
        stderr=None,
        program: str | None = None,
    ) -> None:
        command = [
            *within,
            program or os.environ["GRAPHFEED_SERVER"],
            "--store" if "://" in str(data_dir) else "--data-dir", str(data_dir),
            "--listen", address,
            "--metrics-listen", "127.0.0.1:0",
            *arguments,
        ]  # fmt: skip
        # What lets Python load a sanitized module is not for the server, which looks for leaks.
        ours = ("LD_PRELOAD", "ASAN_OPTIONS")
        environment = {key: value for key, value in os.environ.items() if key not in ours}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment
        )
        for line in self.process.stdout:
            if match := re.search(r"\blistening on (\S+:\S+)", line):
                self.address = match.group(1)
                self.metrics = self.process.stdout.readline().removeprefix("metrics on ").strip()
                return
        raise RuntimeError(f"the server ended with {self.process.wait()} before it listened")

    def readings(self) -> dict[str, float]:
        """What a scrape answers, by series: `name`, or `name{label="value"}`."""
        with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        parted = (line.rpartition(" ") for line in lines if not line.startswith("#"))
        return {series: float(value) for series, _, value in parted}

    def ready(self) -> bool:
        try:
            urllib.request.urlopen(f"http://{self.metrics}/readyz", timeout=30).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 503:
                raise
            return False
        return True

    def stop(self) -> int:
        """Asks it to stop and returns its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.process.stdout.close()
        return code

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class LocalFolder:
    """Stands for a server where tests serve a data folder to themselves. It has an address, and
    nothing of a process."""

    def __init__(self, data_dir: pathlib.Path) -> None:
        self.address = f"local:{data_dir}"

    def __getattr__(self, name: str):
        import pytest

        pytest.skip(f"over local: there is no server with {name!r}")
