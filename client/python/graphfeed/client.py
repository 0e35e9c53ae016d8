"""Connections to servers."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphfeed import _arguments, _security, errors
from graphfeed._connection import ClientStats, Connection, Settings, log
from graphfeed.dataset import Dataset
from graphfeed.info import DatasetInfo, ServerInfo
from graphfeed.ingest import ingest
from graphfeed.ingested import IngestedDataset
from graphfeed.transforms import Transform
from graphfeed.workers import WorkerStatus

DEFAULT_MAX_FRAME_BYTES = 256 << 20
DEFAULT_TIMEOUT = 60.0
DEFAULT_KEEPALIVE = 10.0


def connect(
    endpoints: str | Sequence[str],
    *,
    max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
    timeout: float = DEFAULT_TIMEOUT,
    retry_timeout: float = DEFAULT_TIMEOUT,
    keepalive_time: float = DEFAULT_KEEPALIVE,
    keepalive_timeout: float = DEFAULT_KEEPALIVE,
    encoding: str = "dense",
    use_proxy: bool = True,
    shared_memory: bool = True,
    token: str | None = None,
    token_file: str | os.PathLike | None = None,
    root_ca: str | os.PathLike | None = None,
    cert: str | os.PathLike | None = None,
    key: str | os.PathLike | None = None,
    spread: bool = True,
) -> Client:
    """A client of the server at "host:port", of replicas, or of a data folder: "local:DIR".

    A folder needs no server: this process serves it to itself, with the same batches, and nothing
    is copied on the way. It is read beside whoever else uses it, a server too; the first call that
    writes makes it if it is not there, and takes it for writing until all clients of the process
    are closed: FailedPrecondition names who has it. The environment's GRAPHFEED_LOCAL_FLAGS takes
    flags of graphfeed-server, such as "--memory-budget=4G --build-threads=2".

    Nothing is sent yet: the first call connects. When a server fails, loaders go on at the next
    batch with any replica that has the same content, which is logged once ("graphfeed" logger).

    Args:
        endpoints: "host:port", or several, or one "local:DIR". A name with several addresses is as
            many replicas.
        max_frame_bytes: the largest batch this client takes.
        timeout: seconds for calls that answer once; streams have no limit.
        retry_timeout: seconds for which a loader looks for a server to go on with before it raises
            Unavailable; 0: each server is tried once.
        keepalive_time: seconds of silence after which a server is pinged, at least 1.
        keepalive_timeout: seconds after which a ping without an answer ends the connection.
        encoding: "dense", or "compact": padding does not travel, it is written here. The batches
            are the same; worth it where the network is slower than this host's memory.
        use_proxy: whether proxies that the environment names are used (grpc_proxy, https_proxy,
            http_proxy), but for hosts whose names or addresses end as an entry of no_proxy.
        shared_memory: whether a server of this host ("unix:PATH") may pass batches in memory that
            both share, which is faster. What is written into such a batch the server does not see
            elsewhere: its place is used again when the last view of the batch is gone.
        spread: whether loaders read from the replica that has least to do, by what the servers say,
            and move when that changes, about every ten minutes; False: at the endpoints in their
            order, shard i from the i-th. What they read is the same.
        token: what the server knows this program by; what is None here and below is taken from
            GRAPHFEED_TOKEN, GRAPHFEED_TOKEN_FILE, GRAPHFEED_ROOT_CA, GRAPHFEED_CERT, GRAPHFEED_KEY.
        token_file: has the token; read again for each call.
        root_ca: PEM file of the certificates that the server's comes from, or "system"; turns TLS
            on. Files that change are read again by the calls that begin then.
        cert, key: PEM files of this program's own certificate chain and its key.

    Raises:
        ValueError: an endpoint is not of the form host:port, or a file cannot be read.
    """
    return Client(
        _arguments.endpoints(endpoints),
        max_frame_bytes=max_frame_bytes,
        timeout=timeout,
        retry_timeout=retry_timeout,
        keepalive_time=keepalive_time,
        keepalive_timeout=keepalive_timeout,
        encoding=encoding,
        use_proxy=use_proxy,
        shared_memory=shared_memory,
        security=_security.given(
            token=token, token_file=token_file, root_ca=root_ca, cert=cert, key=key
        ),
        spread=spread,
    )


class Client:
    """A client of a server and its replicas; made by `connect`.

    Connects lazily and once per process, so a client may be inherited by a forked process or sent
    to a spawned one by pickling. Thread-safe.
    """

    def __init__(
        self,
        endpoints: Sequence[str],
        *,
        max_frame_bytes: int = DEFAULT_MAX_FRAME_BYTES,
        timeout: float = DEFAULT_TIMEOUT,
        retry_timeout: float = DEFAULT_TIMEOUT,
        keepalive_time: float = DEFAULT_KEEPALIVE,
        keepalive_timeout: float = DEFAULT_KEEPALIVE,
        encoding: str = "dense",
        use_proxy: bool = True,
        shared_memory: bool = True,
        security: Mapping[str, str] | None = None,
        spread: bool = True,
    ) -> None:
        self._connection = Connection(
            Settings(
                endpoints=tuple(endpoints),
                max_frame_bytes=_arguments.integer("max_frame_bytes", max_frame_bytes, 1),
                timeout=float(timeout),
                retry_timeout=float(retry_timeout),
                keepalive_time=float(keepalive_time),
                keepalive_timeout=float(keepalive_timeout),
                encoding=encoding,
                use_proxy=bool(use_proxy),
                shared_memory=bool(shared_memory),
                security=dict(security or {}),
                spread=bool(spread),
            )
        )

    @property
    def endpoints(self) -> tuple[str, ...]:
        """"host:port" of each replica, as given."""
        return self._connection.settings.endpoints

    @property
    def max_frame_bytes(self) -> int:
        """The largest batch this client takes."""
        return self._connection.settings.max_frame_bytes

    @property
    def timeout(self) -> float:
        """Seconds for calls that answer once."""
        return self._connection.settings.timeout

    @property
    def retry_timeout(self) -> float:
        """Seconds for which a loader looks for a server to go on with."""
        return self._connection.settings.retry_timeout

    @property
    def keepalive_time(self) -> float:
        """Seconds of silence after which a server is pinged."""
        return self._connection.settings.keepalive_time

    @property
    def keepalive_timeout(self) -> float:
        """Seconds after which a ping without an answer ends the connection."""
        return self._connection.settings.keepalive_timeout

    @property
    def encoding(self) -> str:
        """"dense" or "compact"."""
        return self._connection.settings.encoding

    # --- datasets --------------------------------------------------------------------------------

    def dataset(self, name: str) -> Dataset:
        """The newest version of a dataset, or a fixed one: "mutag@3".

        What comes back stays the same version whatever is ingested later.

        Raises:
            LookupError: there is no such dataset or version.
        """
        if not isinstance(name, str):
            raise errors.InvalidArgument(f'name is {name!r}; it is "name" or "name@version"')
        try:
            info = self._connection.call(lambda native: native.get_dataset(name))
        except errors.NotFound as error:
            raise error._with(self._others_like(name)) from None
        return Dataset(self, DatasetInfo._from_native(info))

    def _others_like(self, name: str) -> str:
        """What an error for a name that there is not adds: the datasets that may be meant."""
        try:
            there = {info.name for info in self.datasets()}
        except errors.Error:
            return ""
        bare = name.partition("@")[0]
        if bare in there:
            return ""
        by_lower = {other.lower(): other for other in there}
        close = difflib.get_close_matches(bare.lower(), by_lower, n=3)
        return f"; there is {', '.join(repr(by_lower[c]) for c in close)}" if close else ""

    def datasets(self) -> list[DatasetInfo]:
        """All versions of all datasets, by name, then version."""
        infos = self._connection.call(lambda native: native.list_datasets())
        return [DatasetInfo._from_native(info) for info in infos]

    def ingest(
        self,
        name: str,
        graphs: Any,
        *,
        kinds: Mapping[str, str] | None = None,
        transforms: Iterable[Transform] | None = None,
        progress: bool | None = None,
        if_exists: str = "new",
    ) -> IngestedDataset:
        """Stores graphs as a new version of the dataset `name`, whole or not at all.

        Args:
            name: letters, digits, "_", ".", "-".
            graphs: a collection of graphs: an iterable of dicts of arrays or of PyG Data or
                HeteroData objects, or a `Collection` of whole arrays. Or a single large graph: one
                dict or PyG object. See `graphfeed.ingest` for what a dict holds.
            kinds: levels ("node", "edge", "graph") of attributes that sizes and names leave open.
            transforms: run on every graph at the server, in order; see `graphfeed.transforms`.
            progress: show a bar on stderr; by default only where that is a terminal.
            if_exists: when a version of this name has the same content, "new" makes another and
                tells the logger "graphfeed" so; "same" returns the one that there is.

        Returns:
            The published version, for a loader, with the attributes of its info.

        Raises:
            ValueError: a graph is malformed (the message names the graph and the attribute), or the
                graphs contradict each other.
        """
        _arguments.one_of("if_exists", if_exists, ("new", "same"))
        info = ingest(self._connection, name, graphs, kinds, transforms, progress)
        same = self._same_content(info, required=if_exists == "same")
        if same and if_exists == "same":
            self.delete(info.full_name)
            info = same[0]
        elif same:
            log(
                f"{info.full_name} is identical to {same[0].full_name}; "
                'ingest(..., if_exists="same") makes no other version'
            )
        return IngestedDataset(self, info)

    def _same_content(self, info: DatasetInfo, required: bool) -> list[DatasetInfo]:
        """The other versions with the content of a version; none, unless it is required, where the
        server does not tell."""
        try:
            there = self.datasets()
        except errors.Error:
            if required:
                raise
            return []
        return [
            other
            for other in there
            if other.name == info.name
            and other.version != info.version
            and other.fingerprint == info.fingerprint
        ]

    def delete(self, dataset: str, *, all_versions: bool = False) -> None:
        """Deletes a version ("mutag@3"; "mutag" where there is but one), or with `all_versions` all
        of a dataset.

        Streams that are open go on to their end.

        Raises:
            LookupError: there is no such dataset or version.
            ValueError: there are several versions and none is named, or one is named and all meant;
                all_versions is no bool.
        """
        if not isinstance(all_versions, bool):
            raise errors.InvalidArgument(f"all_versions is {all_versions!r}; it is True or False")
        name, at, version = dataset.partition("@")
        if at:
            if not version.isdigit():
                raise errors.InvalidArgument(f"dataset {dataset!r}: the version is no number")
            if all_versions:
                raise errors.InvalidArgument(
                    f"{dataset!r} is one version; all_versions takes a bare name"
                )
            versions = [_arguments.integer("version", int(version), 1)]
        else:
            versions = [info.version for info in self.datasets() if info.name == name]
            if not versions:
                raise errors.NotFound(f"there is no dataset {name!r}")
            if len(versions) > 1 and not all_versions:
                raise errors.InvalidArgument(
                    f"{name!r} has the versions {versions}; name one ({name}@{versions[-1]}), or "
                    "give all_versions=True"
                )
        for number in versions:
            self._connection.call(lambda native, number=number: native.delete_version(name, number))

    def partition(
        self, dataset: str, num_parts: int, *, seed: int = 0, column: str = "partition"
    ) -> IngestedDataset:
        """Splits a single homogeneous graph into clusters with few edges between them (METIS), and
        publishes a version with their numbers as one more node column. ClusterLoader calls this
        where it has to.

        Args:
            dataset: "name" or "name@version".
            num_parts: how many clusters, 1 to the number of nodes; some may stay empty.
            seed: of METIS.
            column: name of the column.

        Returns:
            The published version, for a loader, with the attributes of its info.

        Raises:
            ValueError: num_parts is out of its range; the graph is heterogeneous or too large for
                32-bit indices; there is such a column already.
            ResourceExhausted: it takes more memory than the server's --partition-memory.
        """
        num_parts = _arguments.integer("num_parts", num_parts, 1)
        seed = _arguments.integer("seed", seed, 0, _arguments.UINT64_MAX)
        info = self._connection.call(
            lambda native: native.partition(dataset, num_parts, seed, column)
        )
        return IngestedDataset(self, DatasetInfo._from_native(info))

    # --- workers ---------------------------------------------------------------------------------

    def workers(self) -> list[WorkerStatus]:
        """The workers that have reported lately to any of the replicas that answer, by name; of
        several replicas' the newest report. `graphfeed top` shows them."""
        found = self._connection.call(lambda native: native.list_workers())
        return [WorkerStatus._from_native(fields) for fields in found]

    def _report_worker(self, report: Mapping[str, Any]) -> None:
        """Tells a server how far a worker has come; tried until its next report is due
        (interval_ms). What does not arrive is in the next report, whose counters run from the
        worker's start.

        Args:
            report: see WorkerReport of _graphfeed.pyi; step_seconds may be any sequence.

        Raises:
            ValueError: a field is not known or out of its range; the message names it.
        """
        fields = dict(report)
        if "step_seconds" in fields:
            fields["step_seconds"] = np.asarray(fields["step_seconds"])
        self._connection.call(lambda native: native.report_worker(fields))

    # --- the server ------------------------------------------------------------------------------

    def server_info(self) -> ServerInfo:
        """What the server is: its version, those of the algorithms that decide a batch's bytes, its
        store and what it can. Of replicas the one that answers first.

        Raises:
            Unimplemented: the server is older than this call.
        """
        fields = self._connection.call(lambda native: native.server_info())
        return ServerInfo._from_native(fields)

    # --- the client itself -----------------------------------------------------------------------

    def stats(self) -> ClientStats:
        """What this process has received through this client so far: frames, bytes, and the seconds
        that it waited for them."""
        return self._connection.stats

    def close(self) -> None:
        """Ends the client's streams and connections. Calls after it, those of its datasets and
        loaders too, raise FailedPrecondition, iterations that run Cancelled; batches stay. A `with`
        block closes at its end:

            with gf.connect("localhost:50051") as client:
                ...
        """
        self._connection.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind, value, traceback) -> None:
        self.close()

    def __reduce__(self):
        return _restore, (dataclasses.asdict(self._connection.settings),)

    def __repr__(self) -> str:
        return f"graphfeed.connect({', '.join(map(repr, self.endpoints))})"


def _restore(settings: Mapping[str, Any]) -> Client:
    return Client(**settings)
