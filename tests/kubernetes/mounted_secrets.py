"""Secrets as Kubernetes mounts them, with what the secure set needs in them."""

import os
import pathlib
import subprocess

import yaml

TOKENS = {"reader": "reads-0123456789abcdef", "chart": "all-0123456789abcdef"}


class Secret:
    """A folder as Kubernetes mounts a Secret: its files are links by way of a link, which is exchanged
    for that to the next version's files."""

    def __init__(self, folder: pathlib.Path) -> None:
        folder.mkdir(parents=True)
        self._folder = folder
        self._versions = 0

    def put(self, files: dict[str, bytes]) -> None:
        self._versions += 1
        version = self._folder / f"..version_{self._versions}"
        version.mkdir()
        for name, content in files.items():
            (version / name).write_bytes(content)
        (self._folder / "..new").symlink_to(version.name)
        os.rename(self._folder / "..new", self._folder / "..data")
        for name in files:
            if not (self._folder / name).is_symlink():
                (self._folder / name).symlink_to(f"..data/{name}")


class Secrets:
    """Those of the secure set, below a folder that stands for /etc/graphfeed."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._work = folder.parent / "certificates"
        self._work.mkdir()
        self._tls, self._access, self._client = (
            Secret(folder / name) for name in ("tls", "access", "client"))  # fmt: skip
        self.certify()
        self.give_tokens(**TOKENS)

    def certify(self) -> None:
        """A new certificate, its own authority."""
        key, certificate = self._work / "key", self._work / "certificate"
        words = ["-keyout", key, "-out", certificate, "-days", "1", "-nodes", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-subj", "/CN=graphfeed", "-addext",
                 "subjectAltName=DNS:localhost,IP:127.0.0.1"]  # fmt: skip
        subprocess.run(["openssl", "req", "-x509", *words], check=True, capture_output=True)
        self._tls.put({"tls.key": key.read_bytes(), "tls.crt": certificate.read_bytes(),
                       "ca.crt": certificate.read_bytes()})  # fmt: skip

    def give_tokens(self, reader: str, chart: str) -> None:
        self._access.put({"access.yaml": yaml.safe_dump({"principals": [
            {"name": "team", "token": reader, "roles": ["reader"], "datasets": ["*"]},
            {"name": "chart", "token": chart, "roles": ["reader", "writer", "operator", "worker"],
             "datasets": ["*"]},
        ]}).encode()})  # fmt: skip
        self._client.put({"token": chart.encode() + b"\n"})
