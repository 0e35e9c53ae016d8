"""A network between namespaces that loses packets and can be cut."""

from __future__ import annotations

import os
import shutil
import subprocess

# Ends what runs in the namespaces and removes them, and with them their interfaces and rules, when
# its standard input ends: at the latest with the process that holds it, however that ends. In the
# background, in a session of its own: what ends a test and its children does not end it.
_GUARD = """
exec 3<&0
(
  cat <&3 >/dev/null
  for name in "$@"; do
    ip netns pids "$name" 2>/dev/null | xargs -r kill -KILL
    ip netns delete "$name" 2>/dev/null
  done
) &
"""


class NotPermittedError(Exception):
    """Namespaces or packet filters are not to be had here: why."""


class Namespaces:
    """A namespace for clients and one for each server, joined by a pair of virtual interfaces
    for each server. Needs root, iproute2 and iptables.

    `clients` and `servers[i]` are beginnings of commands that run there; server i has the address
    `hosts[i]`. Rules drop what comes in at either end of a link, so that senders see silence and
    no error.
    """

    def __init__(self, num_servers: int) -> None:
        for program in ("ip", "iptables"):
            if shutil.which(program) is None:
                raise NotPermittedError(f"{program} is not installed")
        self._prefix = f"gf{os.getpid()}"
        self._names = [f"{self._prefix}c"] + [f"{self._prefix}s{i}" for i in range(num_servers)]
        self._guard = subprocess.Popen(
            ["sh", "-c", _GUARD, "guard", *self._names],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        self._guard.wait()
        try:
            self._make(num_servers)
        except BaseException:
            self.close()
            raise

    def _make(self, num_servers: int) -> None:
        clients, *servers = self._names
        for name in self._names:
            _permitted("ip", "netns", "add", name)
            _run("ip", "-n", name, "link", "set", "lo", "up")
        self.hosts = []
        for i, server in enumerate(servers):
            ends = (clients, f"{self._prefix}c{i}"), (server, f"{self._prefix}s{i}")
            _permitted("ip", "-n", clients, "link", "add", ends[0][1], "type", "veth",
                       "peer", "name", ends[1][1], "netns", server)  # fmt: skip
            for number, (name, interface) in enumerate(ends, 1):
                _run("ip", "-n", name, "address", "add", f"10.77.{i}.{number}/24",
                     "dev", interface)  # fmt: skip
                _run("ip", "-n", name, "link", "set", interface, "up")
            self.hosts.append(f"10.77.{i}.2")
        self.clients = self._within(clients)
        self.servers = [self._within(server) for server in servers]
        self._iptables = self._choose_iptables()

    def lose(self, share: float) -> None:
        """Every link loses this share of its packets, both ways."""
        for link in range(len(self.servers)):
            self._change("-A", link, "-m", "statistic", "--mode", "random",
                         "--probability", str(share))  # fmt: skip

    def num_lost(self) -> int:
        """The packets that `lose` has dropped so far."""
        return sum(
            int(line.split()[0])
            for within in (self.clients, *self.servers)
            for line in _run(*within, *self._iptables, "-nvxL", "INPUT").splitlines()
            if " statistic " in line
        )

    def cut(self, link: int) -> None:
        self._change("-I", link)

    def mend(self, link: int) -> None:
        self._change("-D", link)

    def close(self) -> None:
        """Kills what still runs in the namespaces and removes them."""
        self._guard.stdin.close()
        self._guard.stdout.read()  # until the guard has ended
        self._guard.stdout.close()

    def _change(self, change: str, link: int, *match: str) -> None:
        for within, end in ((self.clients, "c"), (self.servers[link], "s")):
            _run(*within, *self._iptables, change, "INPUT", "-i", f"{self._prefix}{end}{link}",
                 *match, "-j", "DROP")  # fmt: skip

    def _choose_iptables(self) -> tuple[str, ...]:
        """The kernel may know one of the two kinds of rules only."""
        errors = []
        for program in ("iptables-nft", "iptables-legacy"):
            command = (program, "-w")
            try:
                for change in ("-A", "-D"):
                    _run(*self.clients, *command, change, "INPUT", "-m", "statistic",
                         "--mode", "random", "--probability", "0.5", "-j", "DROP")  # fmt: skip
                return command
            except (OSError, RuntimeError) as error:
                errors.append(str(error))
        raise NotPermittedError("; ".join(errors))

    @staticmethod
    def _within(name: str) -> tuple[str, ...]:
        return ("ip", "netns", "exec", name)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _permitted(*command: str) -> None:
    try:
        _run(*command)
    except RuntimeError as error:
        raise NotPermittedError(str(error)) from None
