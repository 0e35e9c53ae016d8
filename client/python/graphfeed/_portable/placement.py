"""Where a stream begins and where it goes on (client/cpp/replicas/stream_placement.h)."""

from __future__ import annotations

import random
import threading
import time
from typing import Any, List, NamedTuple, Optional, Sequence

from graphfeed import errors
from graphfeed._portable.descriptors import messages, method
from graphfeed._portable.replicas import Home, Replica, Replicas
from graphfeed._portable.specs import StreamOptions

# Who has not answered by then is not waited for.
_ASK_SECONDS = 0.5
# Of many replicas some are asked: the choice between a few is nearly as good as between all.
_MOST_ASKED = 8


class Load(NamedTuple):
    """How much a server has to do."""

    streams: int  # open, those that wait among them
    max_streams: int = 0  # 0: not told
    waiting: int = 0  # streams that wait for room

    @property
    def has_room(self) -> bool:
        return not self.waiting and (not self.max_streams or self.streams < self.max_streams)


def fnv1a(text: str) -> int:
    """64-bit FNV-1a: what clients in other languages compute as well."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return value


def least_loaded(
    loads: Sequence[Optional[Load]], preferred: int, chance: random.Random
) -> Optional[int]:
    """The place in `loads` of the replica to go to: where the load is known and there is room, the
    one with fewest streams; but `preferred` unless another has clearly fewer, which is more than a
    tenth of its own. Of several one by chance. None when nothing is known."""
    room = [i for i, load in enumerate(loads) if load is not None and load.has_room]
    if not room:
        return None
    streams = {i: load.streams for i, load in enumerate(loads) if load is not None}
    least = min(streams[i] for i in room)
    if preferred in room and streams[preferred] - least <= streams[preferred] // 10:
        return preferred
    return chance.choice([i for i in room if streams[i] == least])


def _ask(replica: Replica) -> Optional[Load]:
    try:
        answer: Any = replica.channel.call(
            method("ServerInfo"), messages.ServerInfoRequest(), _ASK_SECONDS,
            messages.ServerInfoResponse,
        )  # fmt: skip
    except errors.Error as error:
        # One that comes back later is found then, not when gRPC's pause is over.
        if error.code == "UNAVAILABLE":
            replica.channel.reconnect()
        return None
    load = answer.load
    if not answer.HasField("load") or min(load.streams, load.max_streams, load.waiting) < 0:
        return None
    return Load(load.streams, load.max_streams, load.waiting)


def _ask_all(replicas: List[Replica]) -> List[Optional[Load]]:
    """Of the first of them, all at once."""
    loads: List[Optional[Load]] = [None] * min(len(replicas), _MOST_ASKED)

    def ask(i: int) -> None:
        loads[i] = _ask(replicas[i])

    threads = [
        threading.Thread(target=ask, args=(i,), name="graphfeed-load", daemon=True)
        for i in range(1, len(loads))
    ]
    started = []
    for thread in threads:
        try:
            thread.start()
        except RuntimeError:  # there can be no more: those loads stay unknown
            break
        started.append(thread)
    ask(0)
    for thread in started:
        thread.join()
    return loads


class StreamPlacement:
    """For one thread."""

    def __init__(self, options: StreamOptions, spread: bool, replicas: Replicas) -> None:
        self._spread = spread
        self._shard = options.shard_index
        self._replicas = replicas
        # What all shards of a run have in common. A run of one shard need not agree with anybody,
        # and many have the same seed: it is told apart by its client.
        client = replicas.number if options.num_shards == 1 else 0
        name = options.dataset.partition("@")[0]
        self._run = fnv1a(f"{name}\n{options.seed}\n{options.num_shards}\n{client}")
        self._stream = fnv1a(f"{self._run}\n{self._shard}")
        self._random = random.Random()  # seeded by the system; decides about no bytes

    def begin(self) -> List[Replica]:
        """The replicas in the order in which to try them, for a new stream. May ask them, for at
        most half a second. Unavailable when there is none, as below."""
        if not self._spread:
            return self._own(resolve=False)
        home = self._replicas.home_of(self._stream)
        if time.monotonic() >= home.until:
            return self._by_load(resolve=bool(home.address), preferred=home.address)
        return sorted(
            self._own(resolve=False),
            key=lambda replica: replica.address != home.address or replica.failed_lately,
        )

    def move(self, at: str) -> List[Replica]:
        """For one that `at` has ended though nothing is wrong. Names are resolved anew, and replicas
        are asked."""
        return self._by_load(True, at) if self._spread else self._own(resolve=True)

    def fail(self) -> List[Replica]:
        """For one that has failed somewhere. Names are resolved anew; nobody is asked, since that
        takes time where hosts are silent."""
        return self._own(resolve=True)

    def landed(self, replica: Replica, max_age_ms: int) -> None:
        """The stream is at `replica`, which keeps it for `max_age_ms` (0: for ever)."""
        age = max_age_ms / 1000 if max_age_ms else float("inf")
        self._replicas.set_home(self._stream, Home(replica.address, time.monotonic() + age))

    def _own(self, resolve: bool) -> List[Replica]:
        """The stream's order as long as nobody is asked."""
        if not self._spread:
            return self._replicas.list(self._shard, resolve)
        # Resolvers give addresses in any order.
        found = sorted(self._replicas.list(0, resolve), key=lambda r: r.address.encode())
        first = found.pop((self._run + self._shard) % 2**64 % len(found))
        # Those who lose a replica together part.
        found.sort(key=lambda replica: fnv1a(f"{self._stream}\n{replica.address}"))
        return sorted([first, *found], key=lambda replica: replica.failed_lately)

    def _by_load(self, resolve: bool, preferred: str) -> List[Replica]:
        found = self._own(resolve)
        if len(found) == 1:
            return found
        found.sort(key=lambda replica: replica.address != preferred)
        if len(found) > _MOST_ASKED:
            found[1:] = self._random.sample(found[1:], len(found) - 1)
        loads = _ask_all(found)
        chosen = least_loaded(loads, 0, self._random)
        if chosen is None:
            return found
        # Those who answered go before those who did not, full ones among them.
        silent = [i >= len(loads) or loads[i] is None for i in range(len(found))]
        order = sorted(range(len(found)), key=lambda i: (i != chosen, silent[i]))
        return [found[i] for i in order]
