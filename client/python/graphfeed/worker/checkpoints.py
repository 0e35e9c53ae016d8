"""Checkpoints: weights, optimizer, and the loader's position in one file.

A file `checkpoint-<epoch>-<ordinal>-<shard>of<shards>.zip` holds `checkpoint.json` (the loader's
state, counts, and the states of model and optimizer) and their arrays as .npy. It is written
beside, synced, and renamed: a file of that name is whole. `.lock-<shard>of<shards>` is locked
by the worker that writes the shard's files (ShardLock). Positions are global over the shards of a
run, so files of one position fit together, and another number of shards goes on from them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from graphfeed import errors
from graphfeed._connection import log
from graphfeed.layout import Position
from graphfeed.worker import states
from graphfeed.worker.shard_lock import ShardLock
from graphfeed.worker.sizes import Sizes

_VERSION = 1
_NAME = re.compile(r"checkpoint-(\d+)-(\d+)-(\d+)of(\d+)\.zip")
_UNFINISHED = re.compile(r"checkpoint-\d+-\d+-(\d+)of(\d+)\.tmp")


@dataclasses.dataclass
class Checkpoint:
    """What a run goes on from."""

    position: Position
    loader: Any
    """The loader's state_dict()."""
    step: int
    """Steps of the run that this worker had taken."""
    totals: Sizes
    """Of the run; after a change of the number of shards those of the shards taken over."""
    state: dict[str, Any]
    """State dicts by name."""
    kinds: dict[str, str] = dataclasses.field(default_factory=dict)
    """Of what the states are, by the same names; files of former versions do not say."""
    first_epoch: int = 0
    """In which the run began."""


@dataclasses.dataclass(frozen=True, order=True)
class _File:
    position: Position
    num_shards: int
    shard: int
    path: pathlib.Path


class Checkpoints:
    """The checkpoints of a shard in a folder, which all shards of a run may share.

    Anyone may read them; one at a time writes. What was left unfinished by processes that are no
    more is deleted.

    Args:
        folder: made if it is not there.
        keep: how many stay, up to the newest that was written or gone on from. What has a later
            position, or could not be read, does not count: it goes once a newer one is written.
        num_shards, shard_index: of the loader.
    """

    def __init__(self, folder: str | os.PathLike, keep: int, num_shards: int, shard_index: int) -> None:
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self._keep = keep
        self._num_shards = num_shards
        self._shard = shard_index
        self._lock = ShardLock(self._lock_path(shard_index, num_shards))
        self._left_behind: set[pathlib.Path] = set()  # files of a run that is no more
        self._seen = self._marks()
        self._delete_unfinished()

    def _lock_path(self, shard: int, num_shards: int) -> pathlib.Path:
        return self.folder / f".lock-{shard}of{num_shards}"

    def _delete_unfinished(self) -> None:
        """Of this shard, and of other numbers of shards; not where someone is writing."""
        for path in list(self.folder.iterdir()):
            match = _UNFINISHED.fullmatch(path.name)
            if match is None:
                continue
            shard, num_shards = map(int, match.groups())
            if num_shards == self._num_shards and shard != self._shard:
                continue
            lock = ShardLock(self._lock_path(shard, num_shards))
            with contextlib.suppress(errors.FailedPrecondition, OSError):
                lock.take(patience=0)
                path.unlink(missing_ok=True)
            lock.release()

    # --- one writer ------------------------------------------------------------------------------

    def take(self) -> None:
        """From here on this one alone writes, until `release`.

        Raises:
            RuntimeError: another worker writes them, or has written some since this one read or
                wrote the last one.
        """
        if self._lock.held:
            return
        self._lock.take()
        new = sorted(name for name, *_ in self._marks() - self._seen)
        if new:
            self._lock.release()
            raise errors.FailedPrecondition(
                f"another worker of this shard has written {', '.join(new)} to {self.folder} since "
                "this one stood there: make a new worker, which goes on from them"
            )

    def release(self) -> None:
        self._lock.release()

    @contextlib.contextmanager
    def _taken(self) -> Iterator[None]:
        held = self._lock.held
        self.take()
        try:
            yield
        finally:
            if not held:
                self.release()

    def _marks(self) -> set[tuple[str, int, int]]:
        """Tells this shard's files, and one from another in its place."""
        marks = set()
        for file in self._own(self._files()):
            with contextlib.suppress(FileNotFoundError):
                found = file.path.stat()
                marks.add((file.path.name, found.st_ino, found.st_mtime_ns))
        return marks

    # --- writing ---------------------------------------------------------------------------------

    def save(self, checkpoint: Checkpoint) -> pathlib.Path:
        """Writes it, and deletes what is not kept. Another one of the position is replaced.

        Raises:
            RuntimeError: see `take`.
            OSError: it could not be written; nothing of it stays.
        """
        epoch, ordinal = checkpoint.position
        name = f"checkpoint-{epoch:06}-{ordinal:012}-{self._shard}of{self._num_shards}.zip"
        path = self.folder / name
        temporary = path.with_suffix(".tmp")
        with self._taken():
            try:
                with open(temporary, "wb") as file:
                    _write(file, checkpoint)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                temporary.unlink(missing_ok=True)  # on a full disk the next one wants its room
                raise
            self._sync_folder()
            self._delete_old(path, checkpoint.position)
            self._seen = self._marks()
        return path

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _delete_old(self, written: pathlib.Path, position: Position) -> None:
        files = self._files()
        self._left_behind.discard(written)
        gone = {f for f in self._own(files) if f.position > position or f.path in self._left_behind}
        self._left_behind.clear()
        old = [*gone, *[f for f in self._own(files) if f not in gone][: -self._keep]]
        # Workers of another number are not needed any more once all of this number can go on alone.
        shards = {f.shard for f in files if f.num_shards == self._num_shards}
        if len(shards) == self._num_shards and self._shard == 0:
            old += [f for f in files if f.num_shards != self._num_shards and f.position < position]
        for file in old:
            file.path.unlink(missing_ok=True)

    # --- reading ---------------------------------------------------------------------------------

    def latest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole: this shard's own, or one that all shards of another
        number have. Damaged files are passed over, which is logged.

        Raises:
            RuntimeError: there are checkpoints of another number of shards, of no common position.
            DataLoss: there are some, and all of them are damaged.
        """
        while True:
            with contextlib.suppress(FileNotFoundError):  # its writer has a newer one since
                return self._latest()

    def _latest(self) -> Checkpoint | None:
        self._seen = self._marks()
        files = self._files()
        groups: dict[tuple[Position, int], list[_File]] = {}
        for file in files:
            if file.num_shards != self._num_shards:
                groups.setdefault((file.position, file.num_shards), []).append(file)
            elif file.shard == self._shard:
                groups[file.position, 0] = [file]
        damaged = False
        for (position, num_shards), group in sorted(groups.items(), reverse=True):
            if num_shards and len(group) < num_shards:
                continue
            read = [_read(file.path) for file in sorted(group)]
            if None not in read:
                own = self._own(files)
                self._left_behind = {f.path for f in own if f.position > position}
                return self._taken_over(read) if num_shards else read[0]
            damaged = True
        if damaged:
            raise errors.DataLoss(
                f"no checkpoint in {self.folder} is whole; without them the run begins anew"
            )
        strangers = [f for f in files if f.num_shards != self._num_shards]
        if strangers and not any(f.num_shards == self._num_shards for f in files):
            listed = ", ".join(sorted(f.path.name for f in strangers))
            raise errors.FailedPrecondition(
                f"{self.folder} has no position at which all shards have a checkpoint, so "
                f"{self._num_shards} shards cannot go on from it: {listed}"
            )
        return None

    def _taken_over(self, read: list) -> Checkpoint:
        """What this shard makes of the checkpoints of another number of them: the weights of one,
        and the counts of those that fall to it."""
        base = read[self._shard % len(read)]
        totals = Sizes()
        for other in read[self._shard :: self._num_shards]:
            totals.add(other.totals)
        return dataclasses.replace(base, totals=totals)

    def _own(self, files: list[_File]) -> list[_File]:
        return [f for f in files if (f.num_shards, f.shard) == (self._num_shards, self._shard)]

    def _files(self) -> list[_File]:
        found = []
        for path in self.folder.iterdir():
            match = _NAME.fullmatch(path.name)
            if match:
                epoch, ordinal, shard, num_shards = map(int, match.groups())
                found.append(_File(Position(epoch, ordinal), num_shards, shard, path))
        return sorted(found)


def _write(file: BinaryIO, checkpoint: Checkpoint) -> None:
    arrays: list[np.ndarray] = []
    described = {
        "version": _VERSION,
        "position": list(checkpoint.position),
        "step": checkpoint.step,
        "totals": dataclasses.asdict(checkpoint.totals),
        "loader": states.encode(checkpoint.loader, arrays),
        "state": states.encode(checkpoint.state, arrays),
        "kinds": checkpoint.kinds,
        "first_epoch": checkpoint.first_epoch,
        "num_arrays": len(arrays),
    }
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("checkpoint.json", json.dumps(described, indent=1))
        for i, array in enumerate(arrays):
            with archive.open(f"{i}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(array), allow_pickle=False)


def _read(path: pathlib.Path) -> Checkpoint | None:
    try:
        described, arrays = _contents(path)
    except Exception as error:  # zipfile, zlib, struct and numpy raise many kinds for bytes of chance
        if not os.path.lexists(path):
            raise FileNotFoundError(path) from None
        log(f"{path} is no whole checkpoint and is passed over: {type(error).__name__}: {error}")
        return None
    if arrays is None:
        raise errors.FailedPrecondition(
            f"{path} is of version {described['version']}; this package reads {_VERSION}"
        )
    return Checkpoint(
        position=Position(*described["position"]),
        loader=states.decode(described["loader"], arrays),
        step=described["step"],
        totals=Sizes(**described["totals"]),
        state=states.decode(described["state"], arrays),
        kinds=described.get("kinds", {}),
        first_epoch=described.get("first_epoch", 0),
    )


def _contents(path: pathlib.Path) -> tuple[dict[str, Any], list[np.ndarray] | None]:
    """What JSON describes, and the arrays; None of another version."""
    with zipfile.ZipFile(path) as archive:
        described = json.loads(archive.read("checkpoint.json"))
        if described["version"] != _VERSION:
            return described, None
        return described, [
            np.lib.format.read_array(io.BytesIO(archive.read(f"{i}.npy")), allow_pickle=False)
            for i in range(described["num_arrays"])
        ]
