#!/usr/bin/env python3
"""A Ceph cluster for tests: one monitor and three OSDs on loopback, in a temporary folder, without
systemd, and ended by process id.

    ceph_cluster.py [--osds N] COMMAND ...

runs COMMAND while there is one and exits as it does; GRAPHFEED_TEST_CEPH is the cluster's folder
then. Without Ceph's programs it says so and exits with 77.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator

SKIPPED = 77
POOL = "graphfeed"
# Users beside the administrator, and what they may do to the pool.
USERS = {"feed": "rw", "reader": "r", "nobody": ""}
START_SECONDS = 120


def missing() -> str:
    """What is not installed that a cluster needs; empty: all is there."""
    programs = ("ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool")
    names = [name for name in programs if shutil.which(name) is None]
    try:
        import rados  # noqa: F401
    except ImportError:
        names.append("python3-rados")
    return ", ".join(names)


def _claim_port() -> tuple[int, socket.socket]:
    """A free port that stays so until a monitor binds it: none that the system gives to whoever asks
    for any, and no other cluster's as long as the socket, which has its name, is open."""
    given = pathlib.Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    ports = [*range(8000, int(given[0])), *range(int(given[1]) + 1, 1 << 16)]
    for port in random.sample(ports, len(ports)):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0graphfeed-monitor-{port}")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        return port, claim
    raise RuntimeError("no port is free")


class CephCluster:
    """`conf` is the file that clients are given. `folder` must be empty, and have a short path. Each
    message between clients and OSDs is held back for up to `message_delay` seconds, as a network
    would."""

    def __init__(
        self, folder: pathlib.Path, osds: int = 3, objectstore: str = "memstore", message_delay: float = 0
    ) -> None:
        self.folder = folder
        self.conf = folder / "ceph.conf"
        self._objectstore = objectstore
        self._processes: dict[str, subprocess.Popen] = {}
        self._admin = None
        self._fsid = str(uuid.uuid4())
        port, self._port_claim = _claim_port()
        self._write_conf(port, osds, message_delay)
        try:
            self._start_monitor()
            for osd in range(osds):
                self._make_osd(osd)
            self._wait_for_osds(osds)
            self.make_pool(POOL)
            for user, may in USERS.items():
                self.make_user(user, f"allow {may} pool={POOL}" if may else "")
        except BaseException:
            self.stop()
            raise

    def location(self, namespace: str = "", user: str = "feed", pool: str = POOL) -> str:
        where = f"{pool}/{namespace}" if namespace else pool
        return f"rados://{where}?conf={self.conf}&id={user}"

    def command(self, prefix: str, **arguments) -> bytes:
        """A command of the monitor's, as `ceph` sends them."""
        message = json.dumps({"prefix": prefix, "format": "json", **arguments})
        code, output, error = self._admin.mon_command(message, b"", timeout=START_SECONDS)
        if code != 0:
            raise RuntimeError(f"{prefix}: {os.strerror(-code)}: {error}")
        return output

    def make_pool(self, name: str, pg_num: int = 16) -> None:
        self.command("osd pool create", pool=name, pg_num=pg_num)

    def make_user(self, user: str, osd: str) -> None:
        caps = ["mon", "allow r"] + (["osd", osd] if osd else [])
        output = self.command("auth get-or-create", entity=f"client.{user}", caps=caps)
        key = json.loads(output)[0]["key"]
        with open(self.folder / "keyring", "a") as file:
            file.write(f"[client.{user}]\n\tkey = {key}\n")

    def io(self, namespace: str = ""):
        """The pool, for looking and for damaging (rados.Ioctx)."""
        context = self._admin.open_ioctx(POOL)
        context.set_namespace(namespace)
        return context

    def set_full(self, full: bool) -> None:
        """OSDs take what they have for too much, or no longer; there must be something."""
        ratios = {"nearfull": 1e-6, "backfillfull": 2e-6, "full": 3e-6}
        if not full:
            ratios = {"full": 0.95, "backfillfull": 0.9, "nearfull": 0.85}
        for name, ratio in ratios.items():
            self.command(f"osd set-{name}-ratio", ratio=ratio)
        deadline = time.monotonic() + START_SECONDS
        while ("full" in self._pool_flags()) != full:
            if time.monotonic() > deadline:
                raise RuntimeError(f"the pool's flags are {self._pool_flags()}")
            time.sleep(0.1)

    def _pool_flags(self) -> list[str]:
        pools = json.loads(self.command("osd dump"))["pools"]
        return next(p["flags_names"] for p in pools if p["pool_name"] == POOL).split(",")

    def osds(self) -> list[int]:
        """Those that are running."""
        return [int(name[4:]) for name in self._processes if name.startswith("osd.")]

    def pids(self) -> list[int]:
        return [process.pid for process in self._processes.values()]

    def send(self, name: str, number: int) -> None:
        """A signal for "mon" or "osd.N"."""
        self._processes[name].send_signal(number)

    def send_all(self, number: int) -> None:
        for process in self._processes.values():
            process.send_signal(number)

    def kill_osd(self, osd: int) -> None:
        process = self._processes.pop(f"osd.{osd}")
        process.kill()
        process.wait()

    def start_osd(self, osd: int) -> None:
        """Again, after kill_osd; where the store is in memory, with nothing in it."""
        if self._objectstore == "memstore":
            shutil.rmtree(self.folder / f"osd.{osd}")
            self._make_osd(osd)
        else:
            self._start(f"osd.{osd}", ["ceph-osd", "-i", str(osd)])

    def stop(self) -> None:
        if self._admin is not None:
            self._admin.shutdown()
        for process in self._processes.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in self._processes.values():
            process.wait()
        self._processes.clear()
        self._port_claim.close()

    def _write_conf(self, port: int, osds: int, message_delay: float) -> None:
        # An OSD that is found hanging often (osd_max_markdown_count) would end itself.
        folder = self.folder
        (folder / "log").mkdir()
        copies = min(3, osds)
        self.conf.write_text(f"""[global]
fsid = {self._fsid}
mon_host = v2:127.0.0.1:{port}
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr1 = false
keyring = {folder}/keyring
run_dir = {folder}
admin_socket =
log_file = {folder}/log/$name.log
log_to_stderr = false
err_to_stderr = false
mon_cluster_log_file = {folder}/log/cluster.log
mon_data = {folder}/mon.$id
osd_data = {folder}/osd.$id
osd_objectstore = {self._objectstore}
memstore_device_bytes = 4294967296
bluestore_block_size = 4294967296
osd_pool_default_size = {copies}
osd_pool_default_min_size = 1
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_heartbeat_interval = 1
osd_heartbeat_grace = 4
mon_osd_min_down_reporters = 1
mon_osd_adjust_heartbeat_grace = false
mon_osd_adjust_down_out_interval = false
mon_osd_down_out_interval = 600
osd_max_markdown_count = 1000000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mon_warn_on_pool_no_redundancy = false
osd_op_num_shards = 2
osd_memory_target = 939524096
[osd]
ms_inject_delay_type = {"client" if message_delay else ""}
ms_inject_delay_probability = 1
ms_inject_delay_max = {message_delay}
[client]
log_file =
""")

    def _start_monitor(self) -> None:
        folder = self.folder
        address = next(
            line.split(" = ")[1]
            for line in self.conf.read_text().splitlines()
            if line.startswith("mon_host")
        )
        keyring = folder / "keyring"
        run = lambda *command: subprocess.run(  # noqa: E731
            command, check=True, stdout=subprocess.DEVNULL
        )
        run("ceph-authtool", str(keyring), "--create-keyring", "--gen-key", "-n", "mon.",
            "--cap", "mon", "allow *")  # fmt: skip
        run("ceph-authtool", str(keyring), "--gen-key", "-n", "client.admin",
            "--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")  # fmt: skip
        run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", f"[{address}]",
            str(folder / "monmap"))  # fmt: skip
        run("ceph-mon", "--conf", str(self.conf), "--mkfs", "-i", "a",
            "--monmap", str(folder / "monmap"), "--keyring", str(keyring))  # fmt: skip
        self._start("mon", ["ceph-mon", "-i", "a"])
        import rados

        self._admin = rados.Rados(
            conffile=str(self.conf), rados_id="admin", conf={"client_mount_timeout": str(START_SECONDS)}
        )
        self._admin.connect(timeout=START_SECONDS)

    def _make_osd(self, osd: int) -> None:
        data = self.folder / f"osd.{osd}"
        data.mkdir()
        known = str(uuid.uuid5(uuid.UUID(self._fsid), str(osd)))
        keyring = data / "keyring"
        output = self.command(
            "auth get-or-create", entity=f"osd.{osd}",
            caps=["mon", "allow profile osd", "osd", "allow *"],
        )  # fmt: skip
        keyring.write_text(f"[osd.{osd}]\n\tkey = {json.loads(output)[0]['key']}\n")
        self.command("osd new", uuid=known, id=osd)
        subprocess.run(
            ["ceph-osd", "--conf", self.conf, "-i", str(osd), "--mkfs", "--osd-uuid", known,
             "--keyring", keyring],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._start(f"osd.{osd}", ["ceph-osd", "-i", str(osd), "--keyring", str(keyring)])

    def _start(self, name: str, command: list[str]) -> None:
        self._processes[name] = subprocess.Popen(
            [*command, "--conf", str(self.conf), "--foreground"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def _wait_for_osds(self, count: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            state = json.loads(self.command("osd stat"))
            if state["num_up_osds"] >= count and state["num_in_osds"] >= count:
                return
            for name, process in self._processes.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}; see {self.folder}/log")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{state['num_up_osds']} of {count} OSDs came up")
            time.sleep(0.1)


@contextlib.contextmanager
def running(
    osds: int = 3, objectstore: str = "memstore", message_delay: float = 0
) -> Iterator[CephCluster]:
    """A cluster in a folder of its own, both gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="gf-ceph-", ignore_cleanup_errors=True) as folder:
        cluster = CephCluster(pathlib.Path(folder), osds, objectstore, message_delay)
        try:
            yield cluster
        finally:
            cluster.stop()


def main(arguments: list[str]) -> int:
    osds = 3
    if arguments[:1] == ["--osds"]:
        osds = int(arguments[1])
        arguments = arguments[2:]
    if lacking := missing():
        print(f"CEPH IS NOT TESTED: there is no {lacking} (./run install test)", file=sys.stderr)
        return SKIPPED
    began = time.monotonic()
    with running(osds) as cluster:
        print(f"a monitor and {osds} OSDs after {time.monotonic() - began:.1f} s", file=sys.stderr)
        environment = {**os.environ, "GRAPHFEED_TEST_CEPH": str(cluster.folder)}
        return subprocess.run(arguments, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
