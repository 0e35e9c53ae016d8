"""What a client of the server's host is told beside its call, by a client that does just what
docs/wire_format.md says."""

from __future__ import annotations

import array
import itertools
import socket
from collections.abc import Iterator

import grpc
import numpy as np
import pytest

import graphfeed as gf
from graphfeed._portable.descriptors import messages

GRAPHS = 3000


@pytest.fixture
def server(start_server, tmp_path):
    """A server behind a Unix socket, with many small graphs in "d"."""
    started = start_server(None, address=f"unix:{tmp_path}/socket")
    graph = {"x": np.ones((2, 3), np.float32), "edge_index": np.array([[0, 1], [1, 0]])}
    gf.connect(started.address).ingest("d", [graph] * GRAPHS)
    return started


class Call:
    """A stream of padded batches of so many graphs each, in memory that both share."""

    def __init__(self, server, channel: grpc.Channel, graphs: int = 1, selected: int = GRAPHS, **request) -> None:
        self.passage = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.passage.connect(server.address.removeprefix("unix:") + ".slabs")
        self.passage.settimeout(60)
        asked = messages.StreamBatchesRequest(
            dataset="d", seed=1, num_epochs=1, passage_token=self.passage.recv(100), **request
        )
        asked.spec.strategy, asked.spec.batch_size = 2, graphs + 1  # PAD_TO_MAX
        asked.spec.selection.ids = b"".join(
            index_list(position % GRAPHS for position in range(selected))
        )
        asked.spec.options.num_graphs = graphs + 1
        asked.spec.options.num_nodes.add(count=2 * graphs + 1)
        asked.spec.options.num_edges.add(count=2 * graphs + 1)
        self.call = channel.unary_stream(
            "/graphfeed.v1.GraphFeed/StreamBatches",
            response_deserializer=messages.StreamBatchesResponse.FromString,
        )(asked.SerializeToString(), timeout=120)
        self.header = next(self.call).header
        memory, control, _, _ = self.passage.recvmsg(16, socket.CMSG_SPACE(4))
        self.places = int.from_bytes(memory[:8], "little")
        ((_, _, descriptors),) = control
        for descriptor in array.array("i", descriptors):
            socket.close(descriptor)

    def packets(self) -> Iterator:
        """What comes beside the call."""
        while packet := self.passage.recv(65536) or self.passage.recv(65536):
            assert len(packet) <= 16384
            yield messages.StreamBatchesResponse.FromString(packet)

    def give_back(self, message) -> None:
        if message.HasField("frame"):
            self.passage.send(message.frame.place.to_bytes(4, "little"))

    def taken(self, answers: Iterator) -> list:
        """All of them, their places given back."""
        taken = []
        for message in answers:
            taken.append(message)
            self.give_back(message)
        return taken


def index_list(ids) -> Iterator[bytes]:
    """As docs/wire_format.md has it."""
    before = 0
    for number in ids:
        delta, before = number - before, number
        code = delta << 1 if delta >= 0 else ~(delta << 1)
        while code > 127:
            yield bytes([code & 127 | 128])
            code >>= 7
        yield bytes([code])


def ordinals(answers: list) -> list[int]:
    return [answer.frame.ordinal for answer in answers if answer.HasField("frame")]


def test_all_that_follows_the_header_comes_beside_the_call(server):
    with grpc.insecure_channel(server.address) as channel:
        call = Call(server, channel, held_frames=4, passage_messages=True)
        assert call.header.passage_messages and call.header.shared_places == call.places
        told = call.taken(call.packets())
        assert told[0].HasField("epoch")
        assert ordinals(told) == list(range(GRAPHS))
        assert all(message.frame.place and not message.frame.payload for message in told[1:])
        assert list(call.call) == []


def test_who_does_not_ask_for_that_is_told_by_the_call(server):
    with grpc.insecure_channel(server.address) as channel:
        call = Call(server, channel, held_frames=4)
        assert not call.header.passage_messages and call.header.shared_places == call.places
        assert ordinals(call.taken(call.call)) == list(range(GRAPHS))
        call.passage.setblocking(False)
        with pytest.raises(BlockingIOError):
            call.passage.recv(100)


def test_what_finds_no_room_beside_the_call_comes_by_it(server):
    """To a client that receives nothing for a while. Messages of 12 KB, for the graphs' numbers."""
    with grpc.insecure_channel(server.address) as channel:
        call = Call(
            server, channel, graphs=12000, selected=12000 * 50, graph_ids=True, prefetch=8, held_frames=40,
            passage_messages=True,
        )  # fmt: skip
        first = next(call.call)  # the socket is full
        beside = call.taken(call.packets())
        assert len(beside) > 5
        call.give_back(first)
        assert ordinals([*beside, first, *call.taken(call.call)]) == list(range(50))


def test_a_client_may_refuse_to_be_told_beside_the_call(server):
    with grpc.insecure_channel(server.address) as channel:
        call = Call(server, channel, held_frames=4, passage_messages=True)
        told = call.taken(itertools.islice(call.packets(), 100))
        call.passage.shutdown(socket.SHUT_RD)
        told += call.taken(call.packets())  # what had come before that
        told += call.taken(call.call)
        assert 100 < len(told) and ordinals(told) == list(range(GRAPHS))
