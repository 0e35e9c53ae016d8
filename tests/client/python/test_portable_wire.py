"""What the client in Python reads of servers, trusted or not."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest
import xxhash
from graphfeed._portable import blocks, codes, compact, digests, outage, placement
from graphfeed._portable.decoder import StreamDecoder
from graphfeed._portable.descriptors import messages
from graphfeed._portable.layouts import layout_from_message
from graphfeed._portable.slabs import SlabPool
from graphfeed._portable.specs import StreamOptions

import graphfeed as gf

EXTREMES = [0, 1, -1, 63, 64, -64, -65, 2**31, -(2**31), 2**62, 2**63 - 1, -(2**63), 5, 5, 4]


def encoded(ids):
    """The code by its definition, a number at a time."""
    code, previous = bytearray(), 0
    for value in ids:
        difference = (value - previous) % 2**64
        signed = difference - 2**64 if difference >= 2**63 else difference
        zigzag = ((signed << 1) ^ (signed >> 63)) % 2**64
        while zigzag >= 0x80:
            code.append(zigzag & 0x7F | 0x80)
            zigzag >>= 7
        code.append(zigzag)
        previous = value
    return bytes(code)


@pytest.mark.parametrize("ids", [[], [0], EXTREMES[:10], list(range(5000)), [7, 3, 900, 900, 0]])
def test_ids_are_coded_as_they_are_defined(ids):
    assert codes.encode_ids(ids) == encoded(ids)
    assert codes.decode_ids(encoded(ids), "ids").tolist() == ids
    assert codes.encode_ids(np.array(EXTREMES)) == encoded(EXTREMES)


@pytest.mark.parametrize(
    "code, message",
    [
        (b"\x02\x80", "ids: the code ends inside id 1"),
        (b"\x80" * 9 + b"\x02", "ids: id 0 exceeds 64 bits"),
        (b"\x02" + b"\x80" * 10 + b"\x01", "ids: id 1 exceeds 64 bits"),
        (encoded([2**63 - 1]) + b"\x02", "ids: id 1 exceeds 64 bits"),
    ],
)
def test_codes_that_are_none(code, message):
    with pytest.raises(gf.InvalidArgument, match=message):
        codes.decode_ids(code, "ids")


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def run_code(*pieces):
    return b"".join(
        varint(literal) + varint(len(row) * times) + (varint(len(row)) + row if row else b"")
        for literal, row, times in pieces
    )


@pytest.mark.parametrize("row", [b"\x07", b"\x01\x02", b"abcd", b"abcdefg", b"abcdefgh", b"\0" * 24])
@pytest.mark.parametrize("literal", [0, 3, 8])
def test_runs_are_written(row, literal):
    payload = np.arange(literal + 5, dtype=np.uint8)
    code = run_code((literal, row, 100), (5, b"", 0))
    pieces = compact.read_code(code, len(payload), 1 << 20)
    slab = np.full(compact.expanded_bytes(pieces), 0xEE, np.uint8)
    compact.expand(pieces, code, payload, slab)
    assert slab.tobytes() == bytes(payload[:literal]) + row * 100 + bytes(payload[literal:])


@pytest.mark.parametrize(
    "code, payload, message",
    [
        (varint(3), 3, "it ends early"),
        (run_code((4, b"", 0)), 3, "the payload ends early"),
        (run_code((2, b"", 0)), 3, "the payload is longer"),
        (run_code((0, b"a", 1 << 30)), 0, "a slab of more than 1000 bytes"),
        (varint(0) + varint(5) + varint(2) + b"ab", 0, "a run of no whole rows"),
        (varint(0) + varint(5) + varint(0), 0, "a run of no whole rows"),
        (varint(0) + varint(6) + varint(3) + b"ab", 0, "a run of no whole rows"),
        (b"\xff" * 12, 0, "it ends early"),
        (b"\0\0" * (1 << 20) + b"\0\0", 0, "2097154 bytes; at most 2097152"),
    ],
)
def test_codes_of_runs_that_are_none(code, payload, message):
    with pytest.raises(gf.DataLoss, match=message):
        compact.read_code(code, payload, 1000)


# --- streams -------------------------------------------------------------------------------------


def layout():
    message = messages.Layout(micro_batches=1, node_types=["node"])
    message.edge_types.add(source="node", relation="to", target="node")
    message.padded.graphs, message.slab_bytes = 2, 128
    message.padded.nodes.append(3)
    message.padded.edges.append(4)
    message.tensors.add(
        name="x", dtype=8, axis=1, axis_scale=1, row_shape=[2], shape=[3, 2], size_bytes=24
    )
    message.tensors.add(
        name="edge_index", dtype=6, axis=2, axis_scale=1, row_shape=[2], concat_last=True,
        shape=[2, 4], offset=64, size_bytes=64,
    )  # fmt: skip
    # The digest is whatever the client computes: what it refuses otherwise is another test's.
    try:
        layout_from_message(message)
    except gf.InvalidArgument as error:  # with xxhash
        message.digest = int(error.message.rpartition("0x")[2], 16)
    return message


def stream(frames=2, **header):
    """The messages of a stream of two frames."""
    first = messages.StreamBatchesResponse()
    first.header.layout.CopyFrom(layout())
    first.header.resolved_spec.strategy = 2
    first.header.fingerprint = first.header.spec_digest = b"f" * 16
    first.header.dataset, first.header.seed = "d@1", 7
    for name, value in header.items():
        setattr(first.header, name, value)
    epoch = messages.StreamBatchesResponse()
    epoch.epoch.plan.num_frames = epoch.epoch.plan.num_batches = 2
    epoch.epoch.plan.shard_frames = 2
    events = [first, epoch]
    for ordinal in range(frames):
        message = messages.StreamBatchesResponse()
        frame = message.frame
        frame.ordinal = ordinal
        frame.payload = bytes(range(ordinal, ordinal + 128))
        frame.digest = xxhash.xxh3_64_intdigest(frame.payload)
        frame.real.add(graphs=1, nodes=[2], edges=[1])
        events.append(message)
    return events


def options():
    result = StreamOptions()
    result.dataset, result.seed, result.num_epochs = "d", 7, 1
    return result


def decode(events, is_compact=False):
    decoder = StreamDecoder(options(), 1 << 20, is_compact)
    found = [
        decoder.decode(event if isinstance(event, bytes) else event.SerializeToString())
        for event in events
    ]
    decoder.check_complete()
    return found


def test_a_stream_is_read_without_a_copy_more():
    info, epoch, *batches = decode(stream())
    assert (info.dataset, epoch.plan.num_frames, len(batches)) == ("d@1", 2, 2)
    edges = batches[1].array(1)
    assert edges.shape == (2, 4) and edges.flags.writeable
    assert edges.ctypes.data % 64 == 0 and batches[1].array(0).ctypes.data % 64 == 0
    assert edges.tobytes() == bytes(range(65, 129))


def changed(place, change):
    events = stream()
    change(events[place])
    return events


def swapped(a, b):
    events = stream()
    events[a], events[b] = events[b], events[a]
    return events


@pytest.mark.parametrize(
    "events, message",
    [
        (stream()[1:], "an epoch before the header"),
        (stream()[2:], "a frame before the header"),
        (swapped(0, 1), "an epoch before the header"),
        (swapped(1, 2), "a frame before its epoch"),
        (swapped(2, 3), "frame 1 of epoch 0 where 0 is due"),
        (stream()[:1] + stream(), "a second header"),
        (stream(1), "epoch 0 ended after 1 of 2 frames"),
        (stream() + stream()[3:], "epoch 0 has more than its 2 frames"),
        (stream()[:1], "the stream ended after 0 of 1 epochs"),
        ([], "the stream ended before its header"),
        (stream(seed=8), "streams seed 8, not 7"),
        (stream(fingerprint=b"f"), "malformed .*fingerprint: 1 bytes"),
        ([b""], "no event"),
        ([b"\x78\0" * ((1 << 20) + 1)], "more fields than a message has"),
        ([stream()[0].SerializeToString() + stream()[1].SerializeToString()], "more than one"),
        ([stream()[0].SerializeToString()[:-3]], "malformed"),
        (changed(2, lambda e: setattr(e.frame, "payload", b"x" * 128)), "changed on its way"),
        (changed(2, lambda e: setattr(e.frame, "payload", b"x" * 64)), "frame of 64 bytes"),
        (changed(2, lambda e: setattr(e.frame, "ordinal", -1)), "neither may be negative"),
        (changed(2, lambda e: setattr(e.frame, "epoch", 3)), "of epoch 3 in epoch 0"),
        (changed(2, lambda e: setattr(e.frame, "place", 1)), "a place and a payload"),
        (changed(2, lambda e: e.frame.real[0].nodes.append(1)), "counts 2 node and 1 edge types"),
        (changed(2, lambda e: setattr(e.frame.real[0], "graphs", 3)), "has 3 graphs; .* holds 2"),
        (changed(2, lambda e: e.frame.real.add()), "has 2 micro-batches"),
        (changed(2, lambda e: e.frame.real[0].edges.__setitem__(0, -1)), "has -1 edges"),
        (changed(1, lambda e: setattr(e.epoch, "epoch", 1)), "epoch 1 where 0 is due"),
        (changed(1, lambda e: setattr(e.epoch.plan, "shard_frames", 1)), "it is 2"),
        (changed(1, lambda e: setattr(e.epoch.plan, "num_frames", -1)), "may be negative"),
        (changed(0, lambda e: setattr(e.header.layout, "slab_bytes", 64)), "slab_bytes: 64"),
        (changed(0, lambda e: setattr(e.header.layout, "digest", 1)), "layout.digest: 0x1"),
        (changed(0, lambda e: setattr(e.header.layout.tensors[1], "offset", 0)), "at 64, 64 bytes"),
        (changed(0, lambda e: setattr(e.header.layout.tensors[0], "dtype", 99)), "unknown value 99"),
        (changed(0, lambda e: setattr(e.header.layout.tensors[0], "type", 5)), "has 1 types"),
        (changed(0, lambda e: setattr(e.header.layout.tensors[0], "store", "y")), "does not have"),
        (changed(0, lambda e: setattr(e.header.layout.tensors[1], "name", "x")), "earlier tensor"),
        (changed(0, lambda e: e.header.layout.padded.nodes.__setitem__(0, 2**62)), "layout"),
    ],
)
def test_streams_that_are_none(events, message):
    with pytest.raises(gf.DataLoss, match=message):
        decode(events)


def test_frames_that_are_too_large():
    decoder = StreamDecoder(options(), 127, False)
    with pytest.raises(gf.ResourceExhausted, match="frames of 128 bytes; max_frame_bytes is 127"):
        decoder.decode(stream()[0].SerializeToString())


@pytest.mark.parametrize("is_compact", [False, True])
def test_whatever_bytes_come_it_is_an_error_of_ours(is_compact):
    rng = np.random.default_rng(11)
    originals = [event.SerializeToString() for event in stream()]
    refused = 0
    for _ in range(3000):
        events = list(originals)
        place = int(rng.integers(len(events)))
        data = bytearray(events[place])
        for _ in range(int(rng.integers(1, 4))):
            how, at = rng.integers(3), int(rng.integers(len(data)))
            if how == 0:
                data[at] = int(rng.integers(256))
            elif how == 1:
                del data[at : at + int(rng.integers(1, 9))]
                data = data or bytearray(b"\0")
            else:
                data[at:at] = bytes(rng.integers(0, 256, int(rng.integers(1, 5)), dtype=np.uint8))
        events[place] = bytes(data)
        try:
            decode(events, is_compact)
        except gf.Error:
            refused += 1
    assert refused > 2000


def test_without_xxhash_frames_are_taken_as_they_are(monkeypatch, caplog):
    monkeypatch.setattr(digests, "_intdigest", None)
    monkeypatch.setattr(digests, "_told", False)
    with caplog.at_level("INFO", "graphfeed"):
        damaged = changed(2, lambda e: setattr(e.frame, "payload", b"x" * 128))
        assert len(decode(damaged)) == 4 and len(decode(stream())) == 4
    (told,) = caplog.records
    assert "xxhash" in told.getMessage() and told.levelname == "INFO"


# --- memory and blocks ---------------------------------------------------------------------------


def test_a_buffer_is_used_again_when_its_last_view_is_gone():
    pool = SlabPool(max_idle=1)

    def address(slab):
        return slab.__array_interface__["data"][0]

    slab = pool.take(1000)
    view, first = slab[8:16].view(np.int64), address(slab)
    assert first % 64 == 0 and slab.flags.writeable
    del slab
    other = pool.take(1000)
    assert address(other) != first, "the view still holds it"
    del view
    assert address(pool.take(1000)) == first
    del other
    kept = pool.take(1001)
    assert address(kept) == first, "of about the same size"
    del pool
    kept[:] = 1  # the memory is its own


def test_blocks_are_cut_as_their_sizes_say(monkeypatch):
    monkeypatch.setattr(blocks, "TARGET_BYTES", 400)
    monkeypatch.setattr(blocks, "MAX_BYTES", 800)
    sizes = np.array([3, 0, 40, 5, 300, 2])  # rows of 4 bytes; the fifth graph exceeds a message
    rows = np.arange(sizes.sum(), dtype=np.int32)
    names = [f"g{i}" for i in range(6)]
    columns = [blocks.ColumnBlock("x", rows, sizes=sizes), blocks.ColumnBlock("name", names)]
    sent = []
    blocks.split_graphs(blocks.GraphBlock(6, [sizes], [sizes * 2], columns), 10, sent.append)
    whole = b"".join(c.rows for b in sent for c in b.columns if c.name == "x")
    assert whole == rows.tobytes()
    assert [s for b in sent for c in b.columns for s in c.strings] == [n.encode() for n in names]
    assert sum(b.num_graphs for b in sent) == 6 and any(b.continues for b in sent)
    assert [n for b in sent for n in (b.num_nodes[0].sizes if b.num_nodes else [])] == sizes.tolist()
    assert all(b.ByteSize() < 1000 for b in sent) and len(sent) > 4
    large = [blocks.ColumnBlock("x", np.zeros((2, 300), np.int32), sizes=[2])]
    with pytest.raises(gf.InvalidArgument, match="graph 10, column x: row 0 has 1200 bytes; a message"):
        blocks.split_graphs(blocks.GraphBlock(1, [[2]], [[0]], large), 10, sent.append)
    with pytest.raises(gf.InvalidArgument, match="num_nodes has 1 entries for 2 graphs"):
        blocks.GraphBlock(2, [[2]], [[0, 0]], [])
    with pytest.raises(gf.InvalidArgument, match="column x: 2400 bytes for 3 rows of 1200 bytes"):
        blocks.GraphBlock(1, [[3]], [[0]], [blocks.ColumnBlock("x", large[0].rows, sizes=[3])])


def test_rows_of_a_single_graph_are_cut_too(monkeypatch):
    monkeypatch.setattr(blocks, "TARGET_BYTES", 400)
    sent = []
    rows = np.arange(500, dtype=np.int16).reshape(250, 2)
    names = ["n" * (i % 50) for i in range(100)]
    columns = [blocks.ColumnBlock("x", rows), blocks.ColumnBlock("name", names)]
    blocks.split_rows(columns, sent.append)
    assert b"".join(c.rows for b in sent for c in b.columns) == rows.tobytes()
    assert [s.decode() for b in sent for c in b.columns for s in c.strings] == names
    assert len(sent) > 8 and all(len(b.columns) == 1 and b.ByteSize() < 600 for b in sent)


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0"), (0.5, "500ms"), (4, "4s"), (2.25, "2.25s"), (60, "1m"), (90, "1m30s"),
     (3600, "1h"), (3661.5, "1h1m1.5s"), (float("inf"), "inf")],
)  # fmt: skip
def test_times_are_written_as_elsewhere(seconds, text):
    assert outage.duration(seconds) == text


def test_a_single_refusal_speaks_for_itself_and_several_are_listed():
    found = outage.Outage()
    replicas = [SimpleNamespace(address=f"a:{i}") for i in range(3)]
    found.add(replicas[0], gf.NotFound("no dataset"), outage.NOT_HERE, 10.0)
    assert str(found.final("stream d", 10.0)) == "no dataset"
    assert found.choose(replicas) is replicas[1] and found.any_left(replicas)
    found.add(replicas[1], gf.Unavailable("gone"), outage.TRANSIENT, 11.0)
    error = found.final("stream d", 12.5)
    assert error.code == "NOT_FOUND"
    assert str(error) == (
        "no server can stream d after 2s: a:0: NOT_FOUND: no dataset; a:1: UNAVAILABLE: gone"
    )
    assert "trying again for up to 8s" in found.trying_on("stream d", 12.5, 20.0)
    assert found.trying_on("stream d", 20.0, 30.0) == "", "told a while ago"
    endless = outage.Outage()
    endless.add(replicas[0], gf.Unavailable("gone"), outage.TRANSIENT, 10.0)
    assert "trying again for up to inf" in endless.trying_on("stream d", 12.5, float("inf"))
    assert found.trying_on("stream d", 23.0, 30.0) != ""
    found.add(replicas[2], gf.DataLoss("unreadable"), outage.NOT_HERE, 13.0)
    assert found.choose(replicas) is None
    found.next_round()
    assert found.choose(replicas) is replicas[1]
    assert found.refusals() == "a:2: unreadable"


def test_where_there_can_be_no_thread_loads_are_unknown(monkeypatch):
    begin = threading.Thread.start

    def start(thread):
        if thread._args == (2,):
            raise RuntimeError("can't start new thread")
        begin(thread)

    monkeypatch.setattr(placement, "_ask", lambda replica: placement.Load(replica, 0, 0))
    monkeypatch.setattr(threading.Thread, "start", start)
    loads = placement._ask_all(list(range(4)))
    assert [load and load.streams for load in loads] == [0, 1, None, None]


def test_what_is_assigned_is_copied():
    spec = StreamOptions()
    keys = ["x"]
    spec.spec.exclude_keys = keys
    keys.append("y")
    copy = spec.spec
    spec.spec = copy
    copy.exclude_keys = ["z"]
    assert spec.spec.exclude_keys == ["x"]
    with pytest.raises(AttributeError, match="StreamOptions has no field 'sed'"):
        spec.sed = 1
