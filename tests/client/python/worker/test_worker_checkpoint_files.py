"""The files of a folder of checkpoints: which stay, who writes them, and what damage does to them."""

import os
import resource
import struct
import threading
import zipfile

import numpy as np
import pytest
from test_worker_checkpoints import checkpoint, finish, lines, start, trained, wait_for_steps
from worker_parts import model_and_optimizer, padded

import graphfeed as gf
from graphfeed.worker.checkpoints import Checkpoints


def names(folder) -> list:
    return sorted(path.name for path in folder.glob("checkpoint-*"))


def name(epoch: int, ordinal: int, shard: str = "0of1", kind: str = "zip") -> str:
    return f"checkpoint-{epoch:06}-{ordinal:012}-{shard}.{kind}"


def flip(path) -> None:
    """Another byte in the middle of its largest member: what lies between them aligns, and is not
    content."""
    with zipfile.ZipFile(path) as file:
        largest = max(file.infolist(), key=lambda info: info.compress_size)
    data = bytearray(path.read_bytes())
    header = largest.header_offset
    lengths = struct.unpack_from("<HH", data, header + 26)  # of its name and what follows that
    data[header + 30 + sum(lengths) + largest.compress_size // 2] ^= 0xFF
    path.write_bytes(data)


# --- which stay ----------------------------------------------------------------------------------


def test_damaged_files_are_not_those_that_are_kept(rings, tmp_path):
    trained(rings, tmp_path, steps=18)
    assert names(tmp_path) == [name(1, 8), name(2, 0)]
    flip(tmp_path / name(2, 0))
    worker = gf.Worker(padded(rings), model_and_optimizer()[0], checkpoint_dir=tmp_path, keep=1)
    assert worker.position == (1, 8)
    assert names(tmp_path) == [name(1, 8), name(2, 0)]  # until there is a newer one
    worker.run(steps=19)
    assert names(tmp_path) == [name(2, 1)]
    again = gf.Worker(padded(rings), model_and_optimizer()[0], checkpoint_dir=tmp_path)
    assert again.position == (2, 1) and again.step == 19


@pytest.mark.parametrize("next_one", [5, 7, 8, 9, 20])
def test_what_comes_after_the_position_gone_on_from_goes(tmp_path, next_one):
    """Whether the next file's position is before theirs, between them, one of them, or behind."""
    former = [Checkpoints(tmp_path, 9, 2, shard) for shard in (0, 1)]
    for ordinal in (2, 4, 6, 8):
        for one in former:
            one.save(checkpoint(0, ordinal))
    for ordinal in (6, 8):
        flip(tmp_path / name(0, ordinal, "0of2"))
    ours = Checkpoints(tmp_path, 2, 2, 0)
    assert ours.latest().position == (0, 4)
    ours.save(checkpoint(0, next_one))
    assert names(tmp_path) == sorted(
        [name(0, 4, "0of2"), name(0, next_one, "0of2")] + [name(0, i, "1of2") for i in (2, 4, 6, 8)]
    )
    ours.save(checkpoint(1, 0))
    assert Checkpoints(tmp_path, 2, 2, 0).latest().position == (1, 0)
    assert [n for n in names(tmp_path) if "0of2" in n] == [name(0, next_one, "0of2"), name(1, 0, "0of2")]


# --- one writer ----------------------------------------------------------------------------------


def test_a_second_worker_of_a_shard_is_refused_until_the_first_is_killed(server, rings, tmp_path):
    folder, out, other = tmp_path / "c", tmp_path / "out", tmp_path / "other"
    first = start(server, rings, folder, out, 1, 0, 1000, 0.03)
    try:
        wait_for_steps(out, 5, first)
        second = start(server, rings, folder, other, 1, 0, 1000, 0.03)
        _, errors = second.communicate(timeout=60)
        assert second.returncode and "another worker of this shard writes its checkpoints" in errors
        assert not lines(other)  # not one step
        wait_for_steps(out, len(lines(out)) + 3, first)
        reader = gf.Worker(padded(rings), lambda batch: None, checkpoint_dir=folder)
        assert reader.position > (0, 0)  # who does not write may read
    finally:
        first.kill()
        first.communicate()
    # The lines come after the steps: the checkpoint may be of a step that has none, and is at most
    # one step behind them.
    left = Checkpoints(folder, 1, 1, 0).latest().position
    assert left >= lines(out)[-2]
    third = start(server, rings, folder, other, 1, 0, left.epoch + 1)
    finish(third)
    assert tuple(lines(other, "begin")[-1][:2]) == left
    assert lines(other)[-1] == (left.epoch + 1, 0)


def test_a_worker_that_another_one_has_overtaken_is_refused(rings, tmp_path):
    def made(**shards):
        return gf.Worker(padded(rings, **shards), model_and_optimizer()[0], checkpoint_dir=tmp_path)

    early, late, sibling = made(), made(), made(num_shards=2)
    late.run(steps=2)
    with pytest.raises(RuntimeError, match=f"has written {name(0, 2)} to .* make a new worker"):
        early.run(steps=3)
    with pytest.raises(RuntimeError, match="make a new worker"):
        early.save()
    late.run(steps=3)
    sibling.run(steps=1)
    with late:
        late.run(steps=4)
        with pytest.raises(RuntimeError, match=r"another worker of this shard .* holds \.lock-0of1"):
            made().run(steps=5)  # also between the first one's runs
        late.run(steps=5)
    worker = made()
    worker.run(steps=6)
    assert worker.step == 6


def test_who_reads_beside_a_writer_gets_what_is_newest(tmp_path, caplog):
    """The writer deletes files between the reader's look at the folder and at the file."""
    writer, reader = (Checkpoints(tmp_path, 1, 1, 0) for _ in range(2))
    writer.save(checkpoint(0, 0))
    done = threading.Event()

    def write():
        for ordinal in range(1, 120):
            writer.save(checkpoint(0, ordinal))
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    found = []
    while not done.is_set():
        found.append(reader.latest().position)
    thread.join()
    assert found == sorted(found) and len(set(found)) > 1 and "passed over" not in caplog.text
    (tmp_path / name(9, 9)).symlink_to(tmp_path / "nowhere")
    assert reader.latest().position == (0, 119)


def test_forked_processes_do_not_hold_it(tmp_path):
    ours, next_one = (Checkpoints(tmp_path, 1, 1, 0) for _ in range(2))
    ours.take()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writing)
        os.read(reading, 1)  # until the parent is done
        os._exit(0)
    try:
        with pytest.raises(RuntimeError, match="another worker of this shard"):
            next_one.take()
        ours.release()
        next_one.take()
    finally:
        os.close(writing)
        os.waitpid(child, 0)
        os.close(reading)


def test_leftovers_of_the_dead_go_and_those_of_the_living_stay(tmp_path):
    living = Checkpoints(tmp_path, 1, 1, 0)
    living.take()
    left = [name(0, 3, shard, "tmp") for shard in ("0of1", "0of2", "1of2", "0of3")]
    for one in left:
        (tmp_path / one).write_bytes(b"killed while writing")
    Checkpoints(tmp_path, 1, 1, 0)
    assert names(tmp_path) == left[:1]
    living.release()
    Checkpoints(tmp_path, 1, 2, 0)
    assert names(tmp_path) == []
    (tmp_path / left[2]).write_bytes(b"")
    Checkpoints(tmp_path, 1, 2, 0)  # the other shard may be about to write
    assert names(tmp_path) == left[2:3]


def test_a_write_that_fails_leaves_its_room(tmp_path):
    """As on a full disk: the file may not grow beyond a size."""
    checkpoints = Checkpoints(tmp_path, 3, 1, 0)
    checkpoints.save(checkpoint(0, 1))
    large = checkpoint(0, 2)
    large.state["model"] = np.zeros(1 << 18)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            checkpoints.save(large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert names(tmp_path) == [name(0, 1)]
    checkpoints.save(large)  # nor does it keep the lock
    assert Checkpoints(tmp_path, 3, 1, 0).latest().position == (0, 2)


# --- damage --------------------------------------------------------------------------------------


def test_any_bit_may_flip(tmp_path):
    """The file is whole all the same, or the one before it is taken: every bit of the archive's
    directory, and one of each byte before it, whose checksums are there."""
    checkpoints = Checkpoints(tmp_path, 2, 1, 0)
    before, last = checkpoint(0, 1), checkpoint(0, 2, samples=5)
    before.state["model"] = last.state["model"] = np.arange(3.0)
    checkpoints.save(before)
    path = checkpoints.save(last)
    whole, passed_over = path.read_bytes(), 0
    directory = whole.index(b"PK\x01\x02")
    with open(path, "r+b", buffering=0) as file:
        for i, byte in enumerate(whole):
            for bit in range(8) if i >= directory else [i % 8]:
                os.pwrite(file.fileno(), bytes([byte ^ 1 << bit]), i)
                found = checkpoints.latest()
                expected = last if found.position == last.position else before
                passed_over += expected is before
                np.testing.assert_array_equal(found.state.pop("model"), np.arange(3.0))
                found.state["model"] = expected.state["model"]
                assert found == expected, (i, bit)
            os.pwrite(file.fileno(), bytes([byte]), i)
    assert passed_over > directory / 2
    assert checkpoints.latest().position == last.position
